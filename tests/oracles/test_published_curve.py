"""The published test losses of the classic VAE on MNIST, and the bounds of its evaluation."""

import pytest
import torch

import elbowroom as er

#: Test loss after epochs 1 to 10 of the widely used example (784-400-20, ReLU, Adam 1e-3, batch 128), as published.
CLASSIC = [127.30, 115.79, 112.22, 109.64, 108.54, 107.70, 107.07, 106.66, 106.04, 105.56]
WITHIN = [1.5, 1.5, 1.0, 1.0, 1.0, 0.6, 0.6, 0.6, 0.6, 0.6]


@pytest.mark.slow
@pytest.mark.parametrize("epochs", [1, pytest.param(10, marks=pytest.mark.exhaustive)])
def test_the_classic_curve(real_data, tmp_path, epochs):
    """As ``elbowroom train vae --data mnist --epochs 10 --seed 1`` trains; docs/results.md has three seeds.

    Seed 1 lies in the middle of the tolerance, so that another machine's rounding does not decide.
    """
    data = er.load_data("mnist", seed=1)
    torch.manual_seed(1)
    model, objective = er.recipes.vae(data.shape)
    run = er.fit(model, objective, data, epochs=epochs, seed=1, out=tmp_path / "run", device="cpu", validate_every=1)
    losses = [row["loss"] for row in run.metrics("test")]
    for epoch, (loss, classic, within) in enumerate(zip(losses, CLASSIC[:epochs], WITHIN, strict=False), 1):
        assert abs(loss - classic) < within, f"epoch {epoch}: {loss:.2f} against {classic}"
    metrics = er.evaluate(run, samples=10)
    assert metrics["elbo"].value == pytest.approx(-losses[-1], abs=0.1)
    assert metrics["elbo"].value < metrics["importance_bound"].value
    assert metrics["active_units"].value == 20
