"""What the documentation shows is run."""

import re
import shlex

import pytest

import elbowroom as er
from elbowroom.cli import main

FENCE = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks(root, language):
    return [code for kind, code in FENCE.findall((root / "README.md").read_text(encoding="utf-8")) if kind == language]


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    er.recipes.RECIPES.pop("info_vae", None)


def test_the_python_of_the_readme_runs(root, elsewhere):
    found = blocks(root, "python")
    assert len(found) == 3
    for code in found:
        exec(compile(code, "README.md", "exec"), {"__name__": "readme"})
    assert (elsewhere / "runs" / "first" / "model.safetensors").is_file()
    assert "info_vae" in er.recipes.RECIPES


def test_the_commands_of_the_readme_run(root, elsewhere):
    """On the digits instead of MNIST, for a few steps, with a two-dimensional code for the one that asks for it."""
    from PIL import Image

    Image.new("L", (20, 30), 200).save("my-digit.png")
    commands = [line.split("#")[0].strip() for line in "".join(blocks(root, "bash")).splitlines()]
    ours = [line for line in commands if line.startswith("elbowroom")]
    assert len(ours) == 7
    for line in ours:
        if "|" in line:
            for name in ("recipes", "data", "runs"):
                assert name in line
                assert main([name]) == 0
            continue
        words = shlex.split(line.replace("mnist", "digits").replace("--resize 28", "--resize 8"))[1:]
        words += ["--latent", "2"] if words[0] == "train" else []
        assert main(words) == (2 if words[0] == "resume" else 0), line
    assert {path.name for path in elsewhere.glob("*.png")} == {"my-digit.png", "samples.png", "codes.png", "mine.png"}


def test_every_recipe_is_in_the_readme_and_every_file_in_the_map_is_there(root):
    text = (root / "README.md").read_text(encoding="utf-8")
    for name in er.recipes.RECIPES:
        assert f"| `{name}` |" in text
    for name in re.findall(r"^      (\S+?/?)(?:  (\S+\.py))?(?:\s|$)", text, re.MULTILINE):
        for part in filter(None, name):
            assert (root / "src" / "elbowroom" / part).exists(), part
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", text):
        assert (root / target).exists(), target


def test_public_names_have_docstrings_and_are_listed_once(root):
    listed = re.findall(r"import (\w+) as \1$", (root / "src/elbowroom/__init__.pyi").read_text(), re.MULTILINE)
    assert len(listed) == len(set(listed))
    for name in listed:
        assert getattr(er, name).__doc__, name
