"""The unit that is run eagerly, compiled, captured or wrapped for data parallel training."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from elbowroom.data import Batch
from elbowroom.model import Generative
from elbowroom.objectives import Term


class Losses(NamedTuple):
    """What one step found.

    Attributes:
        players: the loss that each player descends, by the player's name.
        terms: what is reported, detached: ``loss``, the objective's terms, and ``elbo``, ``reconstruction``, ``kl``
            wherever they are defined.
    """

    players: dict[str, Tensor]
    terms: dict[str, Tensor]


class Step(nn.Module):
    """Batch to losses: draw once, let every player score the draw.

    >>> import elbowroom as er
    >>> from elbowroom.data import Batch
    >>> step = Step(*er.recipes.vae((1, 8, 8)))
    >>> losses = step(Batch(torch.rand(5, 1, 8, 8), None, torch.arange(5)), torch.tensor(0))
    >>> sorted(losses.terms)
    ['elbo', 'kl', 'loss', 'reconstruction']
    """

    def __init__(self, model: Generative, objective: Term) -> None:
        super().__init__()
        self.model, self.objective = model, objective
        self.players = objective.players(model)

    def forward(self, batch: Batch, step: Tensor) -> Losses:  # noqa: D102
        draw = self.model.draw(batch.x, k=self.objective.k)
        losses = {player.name: player.loss(draw, step) for player in self.players}
        with torch.no_grad():
            terms = {"loss": losses["model"].detach()}
            if draw.probabilistic:
                terms |= {"elbo": draw.elbo.mean(), "kl": draw.kl.mean()}
            terms["reconstruction"] = -draw.log_px.mean()
        return Losses(losses, terms | draw.terms)
