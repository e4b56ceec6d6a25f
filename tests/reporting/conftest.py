"""A short run of any recipe."""

import pytest
import torch

import elbowroom as er
from elbowroom.recipes import RECIPES

SMALL = {
    "factor_vae": {"critic": (16,), "latent": 4},
    "vamp_vae": {"components": 10},
    "vade": {"hidden": (32,), "pretraining": 2},
    "vq_vae": {"codes": 8, "dim": 3},
    "ladder_vae": {"latent": (6, 3), "hidden": (32, 16)},
    "vae": {"latent": 2},
    "iwae": {"k": 3},
    "m2": {"latent": 3, "hidden": (16,)},
}


@pytest.fixture(scope="package")
def runs(digits, tmp_path_factory):
    """A function that returns a short run of a recipe, trained on first use."""
    runs = {}

    def get_run(name, **settings):
        if name not in runs:
            torch.manual_seed(0)
            model, objective = RECIPES[name](digits.shape, **SMALL.get(name, {}))
            out = tmp_path_factory.mktemp(name) / "run"
            runs[name] = er.fit(model, objective, digits, epochs=2, out=out, device="cpu", max_overhead=1, **settings)
        return runs[name]

    return get_run
