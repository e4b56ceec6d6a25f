"""Callbacks on the KL term: warm-up (annealing) and free bits."""

from __future__ import annotations

import warnings

from elbowroom.training.callback import Callback
from elbowroom.training.state import DRAW, MODEL, STEP, STEPS, State


class Warmup(Callback):
    """KL warm-up: the weight of the KL grows from 0 to 1 over the start of the run, once or in cycles.

    Reported metrics are of the full KL; only the training loss is weighted. Sønderby et al. 2016,
    arXiv 1602.02282; in cycles, Fu et al. 2019, arXiv 1903.10145.

    Args:
        fraction: of the run, over which the weight grows; with several cycles, of each cycle.
        steps: over which it grows, instead of a fraction; a run that ends before warns.
        cycles: how often it starts again.

    Raises:
        ValueError: a fraction outside (0, 1], fewer than one step or cycle; in a training, an objective that is the
            same with it.
    """

    #: What it sets of a draw, and what is said where no term asks the draw for it.
    setting = "kl_weight"
    advice = "no term of this objective is weighed by a KL warm-up, which would change nothing: leave it out"

    def __init__(self, fraction: float = 0.2, steps: int | None = None, cycles: int = 1) -> None:
        if not 0 < fraction <= 1:
            raise ValueError(f"the warm-up's fraction of the run must be above 0 and at most 1, got {fraction}")
        if cycles < 1 or (steps is not None and steps < 1):
            raise ValueError(f"a warm-up needs at least 1 step and 1 cycle, got {steps} steps and {cycles} cycles")
        self.fraction, self.steps, self.cycles = fraction, steps, cycles

    def weight(self, step: int, total: int) -> float:
        """Return the weight at a step of a run of ``total`` steps."""
        cycle = total / self.cycles
        # The step after the last belongs to the last cycle, not to a new one.
        return min(1.0, (min(step, total - 1) % cycle) / (self.steps or self.fraction * cycle))

    def start(self, state: State) -> None:
        if self.steps and self.steps * self.cycles > state[STEPS]:
            warnings.warn(
                f"the KL warm-up of {self.steps:,} steps will not finish in a run of {state[STEPS]:,}: "
                f"the last weight is {self.weight(state[STEPS] - 1, state[STEPS]):.2f}; shorten it, or train longer",
                stacklevel=2,
            )

    def forward(self, state: State) -> None:
        # Held-out losses are of the full KL: else the best weights would be those of the smallest KL weight.
        if state[MODEL].training:
            state[DRAW].kl_weight = self.weight(state[STEP], state[STEPS])


class FreeBits(Callback):
    r"""Free bits: no KL is charged for the first nats of each latent dimension.

    .. math:: \sum_j \max(\lambda, \mathrm E_x \mathrm{KL}_j)

    Kingma et al. 2016, arXiv 1606.04934, the mean taken over the batch.

    Args:
        nats: :math:`\lambda`, per dimension.

    Raises:
        ValueError: nats not above 0; in a training, an objective that is the same with them, or a KL that does not
            factorise over the dimensions.
    """

    #: What it sets of a draw, and what is said where no term asks the draw for it.
    setting = "free_nats"
    advice = "no term of this objective has free bits, which would change nothing: leave them out"

    def __init__(self, nats: float) -> None:
        if not nats > 0:
            raise ValueError(f"free bits must be above 0 nats per dimension, got {nats}")
        self.nats = nats

    def forward(self, state: State) -> None:
        state[DRAW].free_nats = self.nats
