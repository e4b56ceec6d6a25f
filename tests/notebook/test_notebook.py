"""A notebook is executed, and what its cells show is looked at."""

import base64

import nbclient
import nbformat
import pytest

import elbowroom as er

CELLS = {
    "data": "import elbowroom as er; data = er.load_data('digits'); data",
    "fit": "vae = er.recipes.vae(data.shape, latent=2, hidden=(16,)); "
    "run = er.fit(*vae, data, epochs=3, out={out!r}, curves=True)",
    "run": "run",
    "plot": "run.plot('loss')",
    "sample": "er.load(run).sample(16)",
    "show": "er.show(data.train)",
    "evaluate": "er.evaluate(run, samples=2)",
    "compare": "er.compare([run, run])",
    "explore": "er.explore(run)",
    "studio": "import elbowroom.studio; er.studio({out!r} + '/..', port=0)",
}


@pytest.fixture(scope="module")
def outputs(tmp_path_factory):
    """What each cell shows, by its name; a cell that prints or fails is an error here."""
    out = str(tmp_path_factory.mktemp("notebook") / "run")
    cells = [nbformat.v4.new_code_cell(source.format(out=out)) for source in CELLS.values()]
    book = nbformat.v4.new_notebook(cells=cells)
    nbclient.NotebookClient(book, timeout=600).execute()
    return {name: cell.outputs for name, cell in zip(CELLS, book.cells, strict=True)}


def test_nothing_prints(outputs):
    kinds = {name: {one["output_type"] for one in shown} for name, shown in outputs.items()}
    assert not [name for name, found in kinds.items() if found & {"stream", "error"}]


@pytest.mark.parametrize("name", ["data", "run", "sample", "evaluate", "compare", "explore", "studio"])
def test_an_object_shows_itself_as_html_without_a_script(outputs, name):
    [shown] = outputs[name]
    assert "<script" not in shown["data"]["text/html"]


def test_a_training_shows_a_table_and_curves_in_place(outputs):
    table, curves = outputs["fit"]
    lines = table["data"]["text/plain"].splitlines()
    assert [line.split()[0] for line in lines] == ["epoch", "1/3", "2/3", "3/3"]
    assert "<polyline" in curves["data"]["text/html"]
    assert "trained, epoch 3 of 3" in curves["data"]["text/html"]


def test_a_run_shows_where_it_is_its_curve_and_its_reconstructions(outputs):
    html = outputs["run"][0]["data"]["text/html"]
    assert "finished, epoch 3 of 3" in html
    assert "<polyline" in html
    assert "data:image/png" in html


@pytest.mark.parametrize("name", ["plot", "show"])
def test_a_figure_is_an_image(outputs, name):
    [shown] = outputs[name]
    assert base64.b64decode(shown["data"]["image/png"])[:4] == b"\x89PNG"


def test_the_explorer_is_in_the_cell_and_fetches_nothing(outputs):
    html = outputs["explore"][0]["data"]["text/html"]
    assert html.startswith("<iframe srcdoc=")
    assert "default-src &#39;none&#39;" in html
    assert " src=" not in html


def test_the_studio_is_a_link(outputs):
    assert '<a href="http://127.0.0.1:' in outputs["studio"][0]["data"]["text/html"]


def test_help_of_a_recipe_has_inherited_arguments():
    import inspect

    beta_vae = er.recipes.beta_vae
    assert list(inspect.signature(beta_vae).parameters) == ["shape", "seed", *beta_vae.arguments]
    assert "hidden: widths" in beta_vae.__doc__
