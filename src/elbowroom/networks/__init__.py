"""Networks, made from the shape of the data."""

from elbowroom.networks.blocks import NETWORKS, Residual
from elbowroom.networks.conv import SIZES, Down, Pyramid, Up, settle
from elbowroom.networks.inputs import Cells
from elbowroom.networks.mlp import ACTIVATIONS, MLP

__all__ = ["ACTIVATIONS", "MLP", "NETWORKS", "SIZES", "Cells", "Down", "Pyramid", "Residual", "Up", "settle"]
