"""Manifolds that latents lie on: flat space, sphere, torus, Poincaré ball, positive numbers, simplex."""

from elbowroom.manifolds.base import FLAT, Manifold, SquareChart
from elbowroom.manifolds.orthant import PositiveOrthant, Simplex
from elbowroom.manifolds.poincare_ball import PoincareBall
from elbowroom.manifolds.simplices import ProductManifold, Simplices
from elbowroom.manifolds.sphere import Sphere
from elbowroom.manifolds.torus import Torus

__all__ = [
    "FLAT",
    "Manifold",
    "PoincareBall",
    "PositiveOrthant",
    "ProductManifold",
    "Simplex",
    "Simplices",
    "Sphere",
    "SquareChart",
    "Torus",
]
