"""Priors p(z), by name: standard normal, learned mixtures, flows, those of examples; and priors of codes.

Each has ``numbers_per_latent``: how many numbers it keeps in memory to score one latent, which limits the batch size.
"""

from elbowroom.models.priors.autocorrelated import AutocorrelatedPrior
from elbowroom.models.priors.categorical import PartsPrior, UniformCategories
from elbowroom.models.priors.characteristic import CharacteristicPrior
from elbowroom.models.priors.code import CodePrior
from elbowroom.models.priors.composite import CompositePrior
from elbowroom.models.priors.energy import EnergyPrior
from elbowroom.models.priors.example import ExamplePrior, ExemplarPrior, VampPrior
from elbowroom.models.priors.flow import FlowPrior
from elbowroom.models.priors.mixture import Mixture
from elbowroom.models.priors.registry import PRIORS, PriorContext, PriorKind, make_prior, register_prior
from elbowroom.models.priors.resampled import ResampledPrior
from elbowroom.models.priors.standard import StandardNormal

__all__ = [
    "PRIORS",
    "AutocorrelatedPrior",
    "CharacteristicPrior",
    "CodePrior",
    "CompositePrior",
    "EnergyPrior",
    "ExamplePrior",
    "ExemplarPrior",
    "FlowPrior",
    "Mixture",
    "PartsPrior",
    "PriorContext",
    "PriorKind",
    "ResampledPrior",
    "StandardNormal",
    "UniformCategories",
    "VampPrior",
    "make_prior",
    "register_prior",
]
