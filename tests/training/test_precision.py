"""Matrix products in single precision and in bfloat16."""

import pytest
import torch

import elbowroom as er
from elbowroom.training.precision import choose_matmul_mode, use_matmul_mode


def test_rounded_weights_follow_the_optimizer():
    """A cache of rounded weights that outlived the step would stop the training from making progress."""
    layer, x = torch.nn.Linear(4, 4), torch.ones(1, 4)
    with use_matmul_mode("autocast", torch.device("cpu")), torch.no_grad():
        before = layer(x)
        layer.weight.add_(1.0)
        torch.testing.assert_close(layer(x), before + 4, rtol=0.02, atol=0.02)


def test_bf16_trains_convolutions_as_single_precision_does(tmp_path, digits):
    losses = {}
    for precision in ("float32", "bf16"):
        torch.manual_seed(0)
        model, objective = er.recipes.conv_vae(digits.shape, latent=8, widths=(8, 16))
        assert choose_matmul_mode("bf16", torch.device("cpu"), model) == "autocast"
        settings = {"epochs": 4, "lr": 3e-3, "device": "cpu", "watch": ("test",), "precision": precision}
        run = er.fit(model, objective, digits, out=tmp_path / precision, **settings)
        losses[precision] = [row["loss"] for row in run.metrics("test")]
    assert losses["float32"][-1] < losses["float32"][0] - 10
    assert losses["bf16"] == pytest.approx(losses["float32"], abs=2)
