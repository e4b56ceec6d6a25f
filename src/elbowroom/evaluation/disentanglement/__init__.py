"""Scores of disentanglement: how latents (N, D) and the factors (N, F) that made the examples belong together."""

from elbowroom.evaluation.disentanglement.beta_vae_score import beta_vae_score
from elbowroom.evaluation.disentanglement.dci import DCI, dci
from elbowroom.evaluation.disentanglement.explicitness import explicitness
from elbowroom.evaluation.disentanglement.factor_vae_score import factor_vae_score
from elbowroom.evaluation.disentanglement.information import mutual_information
from elbowroom.evaluation.disentanglement.irs import irs
from elbowroom.evaluation.disentanglement.mig import mig
from elbowroom.evaluation.disentanglement.modularity import modularity
from elbowroom.evaluation.disentanglement.registry import DISENTANGLEMENT_SCORES
from elbowroom.evaluation.disentanglement.sap import sap

__all__ = [
    "DCI",
    "DISENTANGLEMENT_SCORES",
    "beta_vae_score",
    "dci",
    "explicitness",
    "factor_vae_score",
    "irs",
    "mig",
    "modularity",
    "mutual_information",
    "sap",
]
