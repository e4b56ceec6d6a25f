"""Quantizers: posteriors that choose one of finitely many codes at each position."""

from elbowroom.families.quantizers.base import Quantizer
from elbowroom.families.quantizers.binary_spherical import BinarySphericalQuantizer
from elbowroom.families.quantizers.codebook import Codebook
from elbowroom.families.quantizers.diveq import DiVeQ
from elbowroom.families.quantizers.finite_scalar import FiniteScalarQuantizer
from elbowroom.families.quantizers.hierarchical import HierarchicalQuantizer
from elbowroom.families.quantizers.learned_scalars import LearnedScalarQuantizer
from elbowroom.families.quantizers.lookup_free import LookupFreeQuantizer
from elbowroom.families.quantizers.perturbed import PerturbedCodebook
from elbowroom.families.quantizers.product import ProductQuantizer
from elbowroom.families.quantizers.registry import QUANTIZERS, quantizer, register_quantizer
from elbowroom.families.quantizers.residual import ResidualQuantizer
from elbowroom.families.quantizers.scalar_perturbation import ScalarPerturbation
from elbowroom.families.quantizers.simvq import SimVQ
from elbowroom.families.quantizers.stochastic import StochasticCodebook

__all__ = [
    "QUANTIZERS",
    "BinarySphericalQuantizer",
    "Codebook",
    "DiVeQ",
    "FiniteScalarQuantizer",
    "HierarchicalQuantizer",
    "LearnedScalarQuantizer",
    "LookupFreeQuantizer",
    "PerturbedCodebook",
    "ProductQuantizer",
    "Quantizer",
    "ResidualQuantizer",
    "ScalarPerturbation",
    "SimVQ",
    "StochasticCodebook",
    "quantizer",
    "register_quantizer",
]
