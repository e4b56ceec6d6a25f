"""Walks through the space of codes: pure functions from a model and codes to tensors."""

from elbowroom.exploring.attributes import along, attribute_vector
from elbowroom.exploring.decoded import decoded
from elbowroom.exploring.interpolation import PATHS, interpolation, linear, spherical
from elbowroom.exploring.neighbours import Neighbours, neighbours
from elbowroom.exploring.plane import plane, quantiles
from elbowroom.exploring.projection import Projection, principal, tsne
from elbowroom.exploring.traversal import traversal

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
