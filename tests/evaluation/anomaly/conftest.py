"""A short run on the digits, which are the normal data."""

import pytest

import elbowroom as er


@pytest.fixture(scope="package")
def run(digits, tmp_path_factory):
    """A short run on the digits."""
    model, objective = er.recipes.vae(digits.shape, latent=8, hidden=(100,))
    out = tmp_path_factory.mktemp("anomaly") / "run"
    return er.fit(model, objective, digits, epochs=20, lr=3e-3, out=out, device="cpu")
