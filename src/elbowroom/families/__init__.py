"""Families: from the numbers a network puts out to a distribution."""

from elbowroom.families.family import Family
from elbowroom.families.likelihoods import (
    LIKELIHOODS,
    Bernoulli,
    Categorical,
    ContinuousBernoulli,
    DiscretisedLogistic,
    Gaussian,
    Laplace,
    likelihood,
)
from elbowroom.families.posteriors import Codebook, DiagonalNormal, Point

__all__ = [
    "LIKELIHOODS",
    "Bernoulli",
    "Categorical",
    "Codebook",
    "ContinuousBernoulli",
    "DiagonalNormal",
    "DiscretisedLogistic",
    "Family",
    "Gaussian",
    "Laplace",
    "Point",
    "likelihood",
]
