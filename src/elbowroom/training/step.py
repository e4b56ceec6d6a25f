"""The training step as a module: run eagerly, captured in a CUDA graph, or wrapped for data-parallel training."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from operator import add
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from elbowroom.data import Batch
from elbowroom.models.base import GenerativeModel
from elbowroom.objectives import Output, Player, Term
from elbowroom.training.callback import CallbackList
from elbowroom.training.state import BATCH, DRAW, LOSS, State


class Losses(NamedTuple):
    """The losses of one step.

    Attributes:
        players: the loss that each player minimises, by the player's name.
        terms: reported values, detached: ``loss``, the objective's terms, the losses of players where there are
            several, and ``elbo``, ``reconstruction``, ``kl`` wherever they are defined.
    """

    players: dict[str, Tensor]
    terms: dict[str, Tensor]


class Step(nn.Module):
    """From a batch to losses: one forward pass, whose output every player scores.

    Args:
        model: a :class:`GenerativeModel`, or any module, whose output becomes an :class:`Output`.
        objective: scores the model's output.
        state: where callbacks find the draw and the loss.
        hooks: callbacks, called at ``forward`` and ``loss``.
        pass_state: call a module of your own as ``model(x, state)``.

    >>> import elbowroom as er
    >>> from elbowroom.data import Batch
    >>> step = Step(*er.recipes.vae((1, 8, 8)))
    >>> losses = step(Batch(torch.rand(5, 1, 8, 8), None, torch.arange(5)), torch.tensor(0))
    >>> sorted(losses.terms)
    ['elbo', 'kl', 'loss', 'reconstruction']
    """

    def __init__(
        self,
        model: nn.Module,
        objective: Term,
        state: State | None = None,
        hooks: CallbackList | None = None,
        pass_state: bool = False,
    ) -> None:
        super().__init__()
        self.model, self.objective = model, objective
        self.players = objective.players(model)
        self._state, self._hooks, self._pass_state = state or State(), hooks or CallbackList(), pass_state

    def forward(self, batch: Batch, step: Tensor) -> Losses:
        draw = self._state[DRAW] = self._draw(batch)
        self._hooks("forward", self._state)
        losses = {player.name: self._score(player, draw, step) for player in self.players}
        loss = self._state[LOSS] = reduce(add, [losses[player.name] for player in self.players if player.trains_model])
        with torch.no_grad():
            named = {name: value.detach() for name, value in losses.items() if name != "model"}
            terms = {"loss": loss.detach()} | draw.terms | named | draw.metrics()
        return Losses(losses, terms)

    def _score(self, player: Player, draw: Any, step: Tensor) -> Tensor:
        """Return a player's loss; of the model's players, with what callbacks add to it."""
        loss = player.loss(draw, step)
        if not player.trains_model:
            return loss
        self._state[LOSS] = loss
        self._hooks("loss", self._state)
        return self._state[LOSS]

    def show_losses(self, losses: Losses) -> None:
        """Put the losses of a replayed step where callbacks look for them; such a step has no draw to show."""
        self._state[LOSS] = losses.terms["loss"]
        self._state.discard(DRAW)

    def _draw(self, batch: Batch) -> Any:
        self._state[BATCH] = batch
        if isinstance(self.model, GenerativeModel):
            return self.model.draw(batch.x, batch.y, self.objective.k)
        call: Callable[..., Any] = self.model
        return Output(batch.x, call(batch.x, self._state) if self._pass_state else call(batch.x))
