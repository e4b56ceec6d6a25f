"""Recipes for sequences: a latent at every step (VRNN, deep Markov model)."""

from __future__ import annotations

import elbowroom as er
from elbowroom.networks import MarkovCell, RecurrentFeatures, StepFeatures, StepLayout, VariationalRecurrentCell
from elbowroom.recipes.registry import recipe


@recipe("Chung et al. 2015, arXiv 1506.02216", dimensions=(2, 3))
def vrnn(
    shape: tuple[int, ...],
    latent: int = 8,
    width: int = 64,
    likelihood: str = "gaussian",
    warmup: int = 1000,
) -> tuple[er.GenerativeModel, er.Term]:
    """The VRNN: a latent at each step, given the state of a recurrent network that reads the steps before.

    Args:
        latent: size of the latent of a step
        width: of the state and of the hidden layers
        likelihood: p(x|z), as for vae, of any kind but columns and views; an image is a series of its rows
        warmup: steps over which the weight of the KL grows from 0 to 1
    """
    layout, family = StepLayout(shape), er.likelihood(likelihood, shape)
    cell = VariationalRecurrentCell(layout.size, family.size // layout.steps, latent, width)
    model = er.SequentialModel(StepFeatures(cell.x_features, layout), cell, family)
    return model, er.Reconstruction() + er.ramp(0, 1, warmup) * er.KL()


@recipe("Krishnan, Shalit & Sontag 2017, arXiv 1609.09869", dimensions=(2, 3))
def dmm(
    shape: tuple[int, ...],
    latent: int = 8,
    width: int = 64,
    likelihood: str = "gaussian",
    warmup: int = 1000,
) -> tuple[er.GenerativeModel, er.Term]:
    """The deep Markov model: a latent at each step given the one before, inferred from all steps of x.

    Args:
        latent: size of the latent of a step
        width: of the hidden layers and of the recurrent encoder
        likelihood: p(x|z), as for vae, of any kind but columns and views; an image is a series of its rows
        warmup: steps over which the weight of the KL grows from 0 to 1
    """
    layout, family = StepLayout(shape), er.likelihood(likelihood, shape)
    cell = MarkovCell(family.size // layout.steps, latent, width)
    model = er.SequentialModel(RecurrentFeatures(layout, width), cell, family)
    return model, er.Reconstruction() + er.ramp(0, 1, warmup) * er.KL()
