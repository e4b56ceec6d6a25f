"""Networks, made from the shape of the data."""

from elbowroom.networks.mlp import ACTIVATIONS, MLP

__all__ = ["ACTIVATIONS", "MLP"]
