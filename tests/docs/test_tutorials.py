"""The tutorials run, and the notebooks that are kept of them are those of their sources."""

import importlib
import re
from pathlib import Path

import pytest

import elbowroom as er
from tests.docs.helpers import shorten

TUTORIALS = sorted(path.stem for path in (Path(__file__).parents[2] / "docs" / "tutorials").glob("[0-9]*.py"))
#: Where a tutorial says what it trains on, and for how many epochs.
SETTINGS = re.compile(r'^(SOURCE, EPOCHS|FACES, FACE_EPOCHS) = ".+?", \d+', re.MULTILINE)

#: What tutorials need that is no dependency of the package.
NEEDED_MODULES = {
    "07_pyro": ("pyro",),
    "10_strange_and_synthetic_rows": ("pandas",),
    "12_ship_it": ("onnxscript", "onnxruntime", "diffusers", "huggingface_hub"),
}
#: Writes every format, as the tests of exporting do.
EXPORTING = "12_ship_it"


@pytest.fixture(scope="module")
def tutorial_pages(root):
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(root / "docs"))
        return importlib.import_module("site_pages.tutorial_pages")


def test_the_kept_notebooks_are_of_their_sources_and_executed(tutorial_pages):
    import nbformat

    for path in tutorial_pages.SOURCES:
        kept = nbformat.read(path.with_suffix(".ipynb"), as_version=4)
        made = tutorial_pages.make_notebook(path.read_text(encoding="utf-8"))
        cells = [[(cell.cell_type, cell.source) for cell in book.cells] for book in (kept, made)]
        assert cells[0] == cells[1], f"run docs/execute_tutorials.py: {path.stem}"
        outputs = [output for cell in kept.cells for output in cell.get("outputs", ())]
        assert outputs, path.stem
        assert not [output for output in outputs if output.output_type == "error"]


def test_cells_of_a_source_become_cells_of_a_page(tutorial_pages):
    book = tutorial_pages.make_notebook(
        "# %% [markdown]\n# # Title\n#\n# What it is.\n\n# %%\n# %pip install -q elbowroom\n\n# %%\nx = 1\nx\n\n"
        "# %% [markdown]\n# See [the next](02_next.ipynb), [words](../glossary.md).\n"
    )
    kinds = [(cell.cell_type, cell.source.split("\n")[0]) for cell in book.cells]
    assert kinds[:3] == [("markdown", "# Title"), ("code", "%pip install -q elbowroom"), ("code", "x = 1")]
    book.cells[2].outputs = [{"output_type": "execute_result", "data": {"text/plain": "```"}}]
    page = tutorial_pages.render_page("01_name", book)
    assert page.startswith("# Title\n\n")
    assert "[notebook](../../tutorials/01_name.ipynb)" in page
    assert "``````python\nx = 1\nx\n``````\n\n``````text\n```\n``````\n" in page
    assert "[the next](02_next.md), [words](../../glossary.md)" in page
    assert "%pip" not in page


def test_the_button_of_colab_opens_the_notebook_in_the_repository_that_the_project_states(tutorial_pages, monkeypatch):
    assert "colab-badge" not in tutorial_pages.render_links("01_name") or tutorial_pages.find_repository()
    monkeypatch.setattr(tutorial_pages, "find_repository", lambda: "owner/project")
    address = "https://colab.research.google.com/github/owner/project/blob/main/docs/tutorials/01_name.ipynb"
    assert f"]({address})" in tutorial_pages.render_links("01_name")


@pytest.fixture
def own_recipe_is_removed():
    yield
    er.recipes.RECIPES.pop("my_wae", None)


@pytest.mark.slow
@pytest.mark.usefixtures("own_recipe_is_removed")
@pytest.mark.filterwarnings("ignore::UserWarning")  # the doctor's, of trainings that are this short
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.exhaustive) if name == EXPORTING else name for name in TUTORIALS]
)
def test_a_tutorial_runs(name, root, tmp_path, monkeypatch):
    """On the digits instead of the set that its pictures are of, for three epochs."""
    for module in NEEDED_MODULES.get(name, ()):
        pytest.importorskip(module)
    pyplot = importlib.import_module("matplotlib.pyplot")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(pyplot, "show", lambda: pyplot.close("all"))
    source = (root / "docs" / "tutorials" / f"{name}.py").read_text(encoding="utf-8")
    text, n = SETTINGS.subn(r'\1 = "digits", 3', source)
    assert n >= 1
    text = re.sub(r'^([A-Z]+), STEPS = "mnist"', r'\1, STEPS = "digits"', text, flags=re.MULTILINE)
    exec(compile(shorten(text), f"{name}.py", "exec"), {"__name__": "tutorial"})
