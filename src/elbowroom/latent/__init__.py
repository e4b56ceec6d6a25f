"""Walks through the space of codes: pure functions from a model and codes to tensors."""

from elbowroom.latent.attributes import along, attribute_vector
from elbowroom.latent.decode import decoded
from elbowroom.latent.interpolation import PATHS, interpolation, linear, spherical
from elbowroom.latent.nearest_examples import Neighbours, neighbours
from elbowroom.latent.paths import traversal
from elbowroom.latent.plane import plane, quantiles
from elbowroom.latent.projection import Projection, principal, tsne

__all__ = [
    "PATHS",
    "Neighbours",
    "Projection",
    "along",
    "attribute_vector",
    "decoded",
    "interpolation",
    "linear",
    "neighbours",
    "plane",
    "principal",
    "quantiles",
    "spherical",
    "traversal",
    "tsne",
]
