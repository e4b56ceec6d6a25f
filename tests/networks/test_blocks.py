"""Residual blocks, and upsampling fused with a convolution."""

import pytest
import torch
from torch import nn

import elbowroom as er
from elbowroom.networks import Residual
from tests.networks.shapes import shape_id


@pytest.mark.parametrize(
    ("half", "size"), [((5,), (10,)), ((5,), (9,)), ((4, 3), (8, 6)), ((4, 3), (8, 5))], ids=shape_id
)
def test_fused_upsampling_equals_repetition_and_convolution(half, size):
    layer = er.networks.blocks.convolution(6, 4, len(half)).double()
    x = torch.randn(2, 6, *half, dtype=torch.double, requires_grad=True)
    both = er.networks.blocks.upsample_and_convolve(layer, x, size), layer(er.networks.blocks.upsample(x, size))
    torch.testing.assert_close(*both)
    weights = torch.randn_like(both[0])
    torch.testing.assert_close(*(torch.autograd.grad((y * weights).sum(), (x, *layer.parameters())) for y in both))


def test_deep_residual_stacks_start_near_the_identity():
    x = torch.randn(4, 16, 9, 9)
    deep = nn.Sequential(*(Residual(16, 2, inner=4, gain=0.25) for _ in range(12)))
    assert 0.8 < deep(x).std() / x.std() < 1.5
