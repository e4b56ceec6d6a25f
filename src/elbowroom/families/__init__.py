"""Families: from the output of a network to a distribution."""

from typing import TYPE_CHECKING

from elbowroom.deprecation import deprecated_getattr
from elbowroom.families.base import Family
from elbowroom.families.categories import Categories
from elbowroom.families.counts import Multinomial, NegativeBinomial, Poisson, ZeroInflatedNegativeBinomial
from elbowroom.families.flow_posterior import FlowPosterior, posterior
from elbowroom.families.heavy_tails import LogCosh, StudentErrors, StudentPosterior, StudentT
from elbowroom.families.location_scale import Gaussian, Laplace
from elbowroom.families.manifolds import DirichletLatent, GammaLatent, Hyperspherical, Poincare, Toroidal
from elbowroom.families.observed import Observed
from elbowroom.families.parts import Parts
from elbowroom.families.pixels import Bernoulli, Categorical, ContinuousBernoulli, DiscretizedLogistic, LogisticMixture
from elbowroom.families.posteriors import DiagonalNormal, Point
from elbowroom.families.quantizers import (
    QUANTIZERS,
    BinarySphericalQuantizer,
    Codebook,
    DiVeQ,
    FiniteScalarQuantizer,
    HierarchicalQuantizer,
    LearnedScalarQuantizer,
    LookupFreeQuantizer,
    PerturbedCodebook,
    ProductQuantizer,
    Quantizer,
    ResidualQuantizer,
    ScalarPerturbation,
    SimVQ,
    StochasticCodebook,
    quantizer,
    register_quantizer,
)
from elbowroom.families.registry import LIKELIHOODS, likelihood
from elbowroom.families.tabular import Classes, Columns
from elbowroom.families.tokens import Tokens
from elbowroom.families.view_flows import FlowExperts
from elbowroom.families.views import FusedExperts, JointExpert, ViewPosterior, Views

__all__ = [
    "LIKELIHOODS",
    "QUANTIZERS",
    "Bernoulli",
    "BinarySphericalQuantizer",
    "Categorical",
    "Categories",
    "Classes",
    "Codebook",
    "Columns",
    "ContinuousBernoulli",
    "DiVeQ",
    "DiagonalNormal",
    "DirichletLatent",
    "DiscretizedLogistic",
    "Family",
    "FiniteScalarQuantizer",
    "FlowExperts",
    "FlowPosterior",
    "FusedExperts",
    "GammaLatent",
    "Gaussian",
    "HierarchicalQuantizer",
    "Hyperspherical",
    "JointExpert",
    "Laplace",
    "LearnedScalarQuantizer",
    "LogCosh",
    "LogisticMixture",
    "LookupFreeQuantizer",
    "Multinomial",
    "NegativeBinomial",
    "Observed",
    "Parts",
    "PerturbedCodebook",
    "Poincare",
    "Point",
    "Poisson",
    "ProductQuantizer",
    "Quantizer",
    "ResidualQuantizer",
    "ScalarPerturbation",
    "SimVQ",
    "StochasticCodebook",
    "StudentErrors",
    "StudentPosterior",
    "StudentT",
    "Tokens",
    "Toroidal",
    "ViewPosterior",
    "Views",
    "ZeroInflatedNegativeBinomial",
    "likelihood",
    "posterior",
    "quantizer",
    "register_quantizer",
]

if not TYPE_CHECKING:
    __getattr__ = deprecated_getattr(__name__)
