"""What the documentation shows is run."""

import re
import shlex

import pytest

import elbowroom as er
from elbowroom.cli import main
from tests.docs.helpers import shorten

FENCE = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks(root, page, language):
    return [code for kind, code in FENCE.findall((root / page).read_text(encoding="utf-8")) if kind == language]


@pytest.fixture
def empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    er.recipes.RECIPES.pop("mmd_vae", None)


@pytest.mark.sampler
def test_the_python_of_the_first_pages_runs(root, empty_folder):
    examples = [code for page in ("README.md", "docs/composition.md") for code in blocks(root, page, "python")]
    assert len(examples) >= 4
    for code in examples:
        exec(compile(shorten(code), "page", "exec"), {"__name__": "page"})
    assert (empty_folder / "runs" / "first" / "model.safetensors").is_file()
    assert "mmd_vae" in er.recipes.RECIPES


def test_the_commands_of_the_tour_run(root, empty_folder):
    """All of them, in their order, in one folder, shortened; on the digits instead of MNIST."""
    from PIL import Image

    Image.new("L", (20, 30), 200).save("my-digit.png")
    lines = [line.split("#")[0].strip() for line in "".join(blocks(root, "docs/tour.md", "bash")).splitlines()]
    commands = [line for line in lines if line.startswith("elbowroom")]
    assert {line.split()[1] for line in commands} >= {
        "train",
        "evaluate",
        "sample",
        "reconstruct",
        "recipes",
        "data",
        "runs",
    }
    # The studio serves until it is stopped, and has tests of its own.
    for line in (line for line in commands if line != "elbowroom studio"):
        words = shlex.split(shorten(line).replace("mnist", "digits").replace("--resize 28", "--resize 8"))[1:]
        assert main(words) == 0, line
        for out in re.findall(r"--out (\S+\.png)", line):
            assert (empty_folder / out).is_file()


def test_every_recipe_is_in_its_table_and_every_module_in_the_map(root):
    recipes = (root / "docs" / "composition.md").read_text(encoding="utf-8")
    for name in er.recipes.RECIPES:
        assert f"| `{name}` |" in recipes
    text = (root / "CONTRIBUTING.md").read_text(encoding="utf-8")
    lines = re.findall(r"^      (\S.*)$", text, re.MULTILINE)
    mapped = {
        word.strip(",;").rstrip("/") for line in lines for word in line.split() if re.search(r"(\.py|/)[,;]?$", word)
    }
    package = root / "src" / "elbowroom"
    modules = {path.name for path in package.iterdir() if path.suffix == ".py" or (path / "__init__.py").is_file()}
    assert modules - {"__init__.py", "__main__.py"} <= mapped
    assert mapped <= {path.name for path in package.rglob("*")}


def test_public_names_have_docstrings_and_are_listed_once(root):
    stub = (root / "src" / "elbowroom" / "__init__.pyi").read_text(encoding="utf-8")
    listed = re.findall(r"import (\w+) as \1$", stub, re.MULTILINE)
    assert len(listed) == len(set(listed))
    for name in listed:
        assert getattr(er, name).__doc__, name
