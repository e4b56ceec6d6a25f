"""Networks, made from the shape of the data."""

from elbowroom.networks.blocks import NETWORKS, Residual
from elbowroom.networks.conv import SIZES, Down, Pyramid, Up, fuse_upsampling
from elbowroom.networks.inputs import CellEncoder
from elbowroom.networks.mlp import ACTIVATIONS, MLP

__all__ = [
    "ACTIVATIONS",
    "MLP",
    "NETWORKS",
    "SIZES",
    "CellEncoder",
    "Down",
    "Pyramid",
    "Residual",
    "Up",
    "fuse_upsampling",
]
