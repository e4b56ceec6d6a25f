"""Shapes, examples and small networks for the tests of networks."""

import math

import torch

import elbowroom as er
from elbowroom.networks import NETWORKS
from elbowroom.table_shape import TableShape

#: Images grey and in colour, oblong, odd, of four channels; a table; series of one channel and of three.
SHAPES = [(1, 28, 28), (3, 32, 32), (3, 64, 48), (1, 45, 37), (4, 16, 16), (9,), (1, 200), (3, 200)]
#: The networks that know of space, and make maps of examples with any.
SPATIAL = [name for name in NETWORKS if name != "mlp"]
#: Columns of numbers (1) beside categories of so many values.
MIXED = TableShape((1, 1, 2, 3, 1, 5, 2, 1, 4))
TINY_SHAPES = [(1, 1, 1), (3, 1, 5), (2, 3, 3), (1, 7, 1), (1, 1), (2, 3), (1,)]


def shape_id(shape):
    return (
        "mixed"
        if isinstance(shape, TableShape)
        else "x".join(map(str, shape))
        if isinstance(shape, tuple)
        else str(shape)
    )


def random_examples(n, shape):
    """Values in [0, 1]; for a table numbers, classes and empty cells, and a row of nothing but empty cells."""
    if not isinstance(shape, TableShape):
        return torch.rand(n, *shape)
    columns = [torch.randn(n) if size == 1 else torch.randint(size, (n,)).float() for size in shape.sizes]
    x = torch.stack(columns, 1).masked_fill(torch.rand(n, len(columns)) < 0.3, torch.nan)
    return torch.cat((x[:-1], torch.full_like(x[-1:], torch.nan)))


def vae(network, shape, likelihood, **rest):
    if network == "mlp":
        return er.recipes.vae(shape, latent=2, hidden=(4,), activation="silu", likelihood=likelihood, **rest)
    # A bottleneck has a quarter of the channels, and a single one is normalised to nothing where there is no space.
    widths = (16, 16) if network == "deep" else (4, 8)
    return er.recipes.conv_vae(shape, latent=2, widths=widths, network=network, likelihood=likelihood, **rest)


def down(shape, network="conv", numbers=6, **rest):
    return er.Down(shape, numbers=numbers, network=network, widths=(8, 16), **rest)


def up(shape, network="conv", each=1, inputs=(3,), **rest):
    return er.Up(*inputs, shape=shape, numbers=each * math.prod(shape), network=network, widths=(8, 16), **rest)
