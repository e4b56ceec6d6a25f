"""Objectives: terms that score a draw, and can be added and scaled."""

from elbowroom.objectives.adversarial import Adversarial, DensityRatio, permute_dims
from elbowroom.objectives.bounds import ELBO, ImportanceBound
from elbowroom.objectives.custom import Loss, Output
from elbowroom.objectives.decoder import DecoderGradientPenalty, DecoderL2
from elbowroom.objectives.divergences import MMD
from elbowroom.objectives.perceptual import Perceptual
from elbowroom.objectives.schedules import Schedule, ramp
from elbowroom.objectives.structural import StructuralSimilarity
from elbowroom.objectives.term import Player, Term
from elbowroom.objectives.terms import KL, Classification, Commitment, LatentL2, Reconstruction

__all__ = [
    "ELBO",
    "KL",
    "MMD",
    "Adversarial",
    "Classification",
    "Commitment",
    "DecoderGradientPenalty",
    "DecoderL2",
    "DensityRatio",
    "ImportanceBound",
    "LatentL2",
    "Loss",
    "Output",
    "Perceptual",
    "Player",
    "Reconstruction",
    "Schedule",
    "StructuralSimilarity",
    "Term",
    "permute_dims",
    "ramp",
]
