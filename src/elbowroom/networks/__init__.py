"""Networks, made from the shape of the data."""

from elbowroom.networks.blocks import NETWORKS, Residual
from elbowroom.networks.mlp import ACTIVATIONS, MLP
from elbowroom.networks.pyramid import SIZES, Down, Pyramid, Up

__all__ = ["ACTIVATIONS", "MLP", "NETWORKS", "SIZES", "Down", "Pyramid", "Residual", "Up"]
