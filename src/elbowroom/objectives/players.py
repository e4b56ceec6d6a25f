"""Encoder and decoder of one model as two players, each with a loss of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from torch import Tensor, nn

from elbowroom.models.draw import Draw
from elbowroom.objectives.term import Player, StepInterval, Term


class Players(Term):
    """Two losses for one model: the encoder minimizes the one, the decoder the other, on the same draw.

    The decoder's parameters are those of p(x|z); the encoder's player has all others: those of q(z|x), of the terms,
    and of a prior that is learned, unless it is the decoder's. Gradients of both are taken at the same weights, and
    each player's optimizer then takes its step. A row of metrics has both losses, as ``encoder`` and ``decoder``, and
    their sum as ``loss``.

    It is a whole objective: a term that concerns both players is added to each, and computed for each.

    Args:
        encoder: the encoder's loss.
        decoder: the decoder's loss.
        encoder_optimizer: settings of its optimizer that differ from the run's, as ``{"lr": 1e-4}``.
        decoder_optimizer: likewise.
        decoder_interval: the steps that the decoder takes, where it trains less often than the encoder.
        prior: which of the two trains a learned prior, "encoder" or "decoder"; the other's loss leaves it as it is.

    Raises:
        ValueError: the prior's player is none of the two.

    >>> import elbowroom as er
    >>> model, elbo = er.recipes.vae((1, 8, 8), latent=2)
    >>> objective = Players(encoder=elbo, decoder=er.Reconstruction())
    >>> [player.name for player in objective.players(model)]
    ['encoder', 'decoder']
    """

    def __init__(
        self,
        encoder: Term,
        decoder: Term,
        encoder_optimizer: Mapping[str, Any] | None = None,
        decoder_optimizer: Mapping[str, Any] | None = None,
        decoder_interval: StepInterval | None = None,
        prior: Literal["encoder", "decoder"] = "encoder",
    ) -> None:
        super().__init__()
        if prior not in ("encoder", "decoder"):
            raise ValueError(f'prior={prior!r} is none of the two players: give "encoder" or "decoder"')
        self.encoder, self.decoder = encoder.as_operand(), decoder.as_operand()
        self.optimizers = (encoder_optimizer or {}, decoder_optimizer or {})
        self.intervals, self.prior = (None, decoder_interval), prior
        self.k = max(encoder.k, decoder.k)

    def forward(self, draw: Draw, step: Tensor) -> Tensor:
        return self.encoder(draw, step) + self.decoder(draw, step)

    def model_players(self, model: nn.Module, parameters: list[nn.Parameter]) -> list[Player]:
        """Return encoder and decoder.

        Raises:
            ValueError: the module is your own, and has no decoder; or one of them is frozen.
        """
        parts = dict(model.named_children())
        if "decoder" not in parts:
            raise ValueError(
                "Players() needs a model whose decoder is the module 'decoder', as er.Model has it: name yours so"
            )
        owned = [parts[name] for name in ("decoder", "prior")[: 1 + (self.prior == "decoder")] if name in parts]
        decoders = {id(parameter) for part in owned for parameter in part.parameters()}
        shares = {
            "encoder": [parameter for parameter in parameters if id(parameter) not in decoders],
            "decoder": [parameter for parameter in parameters if id(parameter) in decoders],
        }
        if idle := [name for name, share in shares.items() if not share]:
            raise ValueError(
                f"Players() trains encoder and decoder, but the {idle[0]} is frozen: take the loss of the other alone"
            )
        losses = zip(shares.items(), (self.encoder, self.decoder), self.optimizers, self.intervals, strict=True)
        return [
            Player(name, loss, share, settings, trains_model=True, interval=interval)
            for (name, share), loss, settings, interval in losses
        ]

    def as_operand(self) -> Term:
        raise ValueError("Players() is a whole objective: add the term to its encoder= or decoder=, or to both")

    def __repr__(self) -> str:
        return f"players(encoder: {self.encoder!r}, decoder: {self.decoder!r})"
