"""Compilation of modules to graphs, and what it refuses."""

import pytest
import torch
from torch import nn

from elbowroom.exporting.js.compile import compile_graph
from elbowroom.exporting.modules import Decoder
from tests.exporting.helpers import build_model


def test_noise_that_is_turned_off_costs_nothing():
    """A ladder's means need no variances: of each way down the program keeps the exponential of none."""
    model = build_model("ladder_vae")
    steps = compile_graph(Decoder(model).eval(), [torch.zeros(1, *model.latent_shape)], ["z"]).operations
    assert "exp" not in [step.op for step in steps]
    assert all(step.output > max(step.inputs) or step.op == "view" for step in steps if step.op != "linear")


class Odd(nn.Module):
    def forward(self, z):
        return torch.linalg.matrix_exp(z.reshape(-1, 1, 1)).reshape(-1)


def test_what_the_page_cannot_do_is_refused_with_the_way_out():
    with pytest.raises(
        ValueError, match=r"no 'linalg_matrix_exp.default', which this decoder uses: export it with --onnx"
    ):
        compile_graph(Odd(), [torch.ones(1, 1)], ["z"])


class Branching(nn.Module):
    def forward(self, z):
        return z if z.sum() > 0 else -z


def test_a_way_that_depends_on_values_is_refused():
    with pytest.raises(ValueError, match=r"the decoder cannot be traced \(.*\): export it with --onnx") as told:
        compile_graph(Branching(), [torch.ones(1, 1)], ["z"])
    assert "\n" not in str(told.value)
