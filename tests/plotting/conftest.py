"""A view of a short run of every recipe, and of one on a table."""

import pytest

import elbowroom as er
from elbowroom.plotting import RunView
from tests.tiny_recipes import make_tiny

#: Recipes whose latent has two dimensions here, a plane, and one whose latent has more than a figure shows.
PLANES = ("vae", "vamp_vae", "autoencoder")
LATENT = {**dict.fromkeys(PLANES, 2), "beta_vae": 20}


def wine():
    from sklearn.datasets import load_wine

    table = load_wine()
    x = (table.data - table.data.mean(0)) / table.data.std(0)
    return er.load_data((x.astype("float32"), table.target), validation=20, test=30)


@pytest.fixture(scope="package")
def views(digits, tmp_path_factory):
    """A function that returns the view of a short run of a recipe, or of one on a table."""
    views = {}

    def get_view(name):
        if name not in views:
            data, settings = digits, {"latent": LATENT[name]} if name in LATENT else {}
            if name == "table":
                data, settings = wine(), {"latent": 3, "likelihood": "gaussian:optimal", "hidden": (16,)}
            model, objective = make_tiny("vae" if name == "table" else name, data.shape, **settings)
            out = tmp_path_factory.mktemp(name) / "run"
            # Images are saved after whole epochs.
            length = {"epochs": 2} if name in ("vae", "table") else {"steps": 4}
            run = er.fit(model, objective, data, **length, batch_size=100, out=out, device="cpu", max_overhead=1)
            views[name] = RunView(run, data, examples=60)
        return views[name]

    return get_view
