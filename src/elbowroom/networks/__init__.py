"""Networks, built from the shape of the data."""

from typing import TYPE_CHECKING

from elbowroom.deprecation import deprecated_getattr
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

if not TYPE_CHECKING:
    __getattr__ = deprecated_getattr(__name__)
