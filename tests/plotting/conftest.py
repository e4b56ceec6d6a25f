"""A view of a short run of every recipe, and of one on a table."""

import pytest
import torch

import elbowroom as er
from elbowroom.plotting import RunView
from elbowroom.recipes import RECIPES

SMALL = {
    "factor_vae": {"critic": (16,), "latent": 4},
    "vamp_vae": {"components": 10, "latent": 2},
    "vade": {"hidden": (32,), "pretraining": 2},
    "vq_vae": {"codes": 8, "dim": 3},
    "ladder_vae": {"latent": (6, 3), "hidden": (32, 16)},
    "vae": {"latent": 2},
    "autoencoder": {"latent": 2},
    "iwae": {"k": 3},
    "m2": {"latent": 3, "hidden": (16,)},
}


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
            torch.manual_seed(0)
            data, settings = digits, {}
            if name == "table":
                data, settings = wine(), {"latent": 3, "likelihood": "gaussian:optimal", "hidden": (16,)}
            recipe = RECIPES.get(name, RECIPES["vae"])
            model, objective = recipe(data.shape, **SMALL.get(name, {}) | settings)
            out = tmp_path_factory.mktemp(name) / "run"
            # Images are saved after whole epochs.
            length = {"epochs": 2} if name in ("vae", "table") else {"steps": 4}
            run = er.fit(model, objective, data, **length, batch_size=100, out=out, device="cpu", max_overhead=1)
            views[name] = RunView(run, data, examples=60)
        return views[name]

    return get_view
