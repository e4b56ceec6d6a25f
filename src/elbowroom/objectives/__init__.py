"""Objectives: terms that score a draw, and can be added and scaled."""

from elbowroom.objectives.adversarial import Adversarial, CriticSimilarity, DensityRatio, PosteriorRatio, permute_dims
from elbowroom.objectives.bounds import ELBO, ImportanceBound, RenyiBound
from elbowroom.objectives.characteristic import CharacteristicELBO
from elbowroom.objectives.constraints import Constrained, LagrangeMultiplier, ProportionalIntegral, WeightController
from elbowroom.objectives.custom import Loss, Output
from elbowroom.objectives.decoder import DecoderGradientPenalty, DecoderL2
from elbowroom.objectives.divergences import MMD, SlicedWasserstein
from elbowroom.objectives.equivariance import Equivariance
from elbowroom.objectives.factors import FactorLabels
from elbowroom.objectives.introspective import ExponentialELBO, FakeKL, FakeKLHinge
from elbowroom.objectives.item_kl import ItemKL
from elbowroom.objectives.moments import LatentCovariance
from elbowroom.objectives.parts import PartKL
from elbowroom.objectives.perceptual import Perceptual
from elbowroom.objectives.players import Players
from elbowroom.objectives.power_divergence import PowerDivergence
from elbowroom.objectives.quantization import (
    CodebookLoss,
    CodeEntropy,
    CodeMoments,
    Commitment,
    StochasticQuantization,
    add_code_losses,
)
from elbowroom.objectives.schedules import Schedule, ramp
from elbowroom.objectives.structural import StructuralSimilarity
from elbowroom.objectives.term import Player, StepInterval, Term
from elbowroom.objectives.terms import (
    KL,
    ClassFloor,
    Classification,
    LatentL2,
    Reconstruction,
    SemiSupervisedELBO,
    StackedELBO,
)
from elbowroom.objectives.total_correlation import DimensionKL, MutualInformation, TotalCorrelation
from elbowroom.objectives.triplets import TripletDistance
from elbowroom.objectives.views import CrossELBO, SubsetELBO, ViewCrossEntropy, ViewKL

__all__ = [
    "ELBO",
    "KL",
    "MMD",
    "Adversarial",
    "CharacteristicELBO",
    "ClassFloor",
    "Classification",
    "CodeEntropy",
    "CodeMoments",
    "CodebookLoss",
    "Commitment",
    "Constrained",
    "CriticSimilarity",
    "CrossELBO",
    "DecoderGradientPenalty",
    "DecoderL2",
    "DensityRatio",
    "DimensionKL",
    "Equivariance",
    "ExponentialELBO",
    "FactorLabels",
    "FakeKL",
    "FakeKLHinge",
    "ImportanceBound",
    "ItemKL",
    "LagrangeMultiplier",
    "LatentCovariance",
    "LatentL2",
    "Loss",
    "MutualInformation",
    "Output",
    "PartKL",
    "Perceptual",
    "Player",
    "Players",
    "PosteriorRatio",
    "PowerDivergence",
    "ProportionalIntegral",
    "Reconstruction",
    "RenyiBound",
    "Schedule",
    "SemiSupervisedELBO",
    "SlicedWasserstein",
    "StackedELBO",
    "StepInterval",
    "StochasticQuantization",
    "StructuralSimilarity",
    "SubsetELBO",
    "Term",
    "TotalCorrelation",
    "TripletDistance",
    "ViewCrossEntropy",
    "ViewKL",
    "WeightController",
    "add_code_losses",
    "permute_dims",
    "ramp",
]
