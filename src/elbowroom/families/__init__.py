"""Families: from the numbers a network puts out to a distribution."""

from elbowroom.families.columns import Classes, Columns
from elbowroom.families.family import Family
from elbowroom.families.likelihoods import LIKELIHOODS, likelihood
from elbowroom.families.pixels import Bernoulli, Categorical, ContinuousBernoulli, DiscretisedLogistic, LogisticMixture
from elbowroom.families.posteriors import Codebook, DiagonalNormal, Point
from elbowroom.families.scaled import Gaussian, Laplace

__all__ = [
    "LIKELIHOODS",
    "Bernoulli",
    "Categorical",
    "Classes",
    "Codebook",
    "Columns",
    "ContinuousBernoulli",
    "DiagonalNormal",
    "DiscretisedLogistic",
    "Family",
    "Gaussian",
    "Laplace",
    "LogisticMixture",
    "Point",
    "likelihood",
]
