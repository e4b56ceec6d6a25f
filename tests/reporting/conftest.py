"""A short run of any recipe."""

import pytest

import elbowroom as er
from tests.tiny_recipes import make_tiny


@pytest.fixture(scope="package")
def runs(digits, tmp_path_factory):
    """A function that returns a short run of a recipe, trained on first use."""
    runs = {}

    def get_run(name, **settings):
        if name not in runs:
            settings_of_model = {"latent": 2, "hidden": (100,)} if name == "vae" else {}
            model, objective = make_tiny(name, digits.shape, **settings_of_model)
            out = tmp_path_factory.mktemp(name) / "run"
            runs[name] = er.fit(model, objective, digits, epochs=2, out=out, device="cpu", max_overhead=1, **settings)
        return runs[name]

    return get_run
