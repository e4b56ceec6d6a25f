"""Terms whose weight follows a constraint: the multiplier of GECO, the controller of ControlVAE."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from elbowroom import distributed
from elbowroom.models.draw import Draw
from elbowroom.objectives.term import Term


class WeightController(nn.Module, ABC):
    """A weight that follows how far a term is above its target; its state are buffers, saved and resumed as weights.

    In training each step moves it; otherwise it stays as it is. Where several processes train together, each is told
    the mean over all of them, so that the weight is the same in all.
    """

    weight: Tensor

    def __init__(self, weight: float) -> None:
        super().__init__()
        self.register_buffer("weight", torch.tensor(float(weight)))

    @abstractmethod
    def update(self, excess: Tensor) -> None:
        """Move the weight by how far the term of this step's batch is above its target, a scalar without gradient."""


class LagrangeMultiplier(WeightController):
    r"""A Lagrange multiplier: it grows while a term is above its target, and shrinks while it is below.

    .. math:: \bar C_t = a\, \bar C_{t-1} + (1 - a)\, C_t, \qquad
        \log \lambda_{t+1} = \log \lambda_t + \eta\, \bar C_t

    GECO, Rezende & Viola 2018, arXiv 1810.00597, algorithm 1. Deviations: the step of :math:`\log \lambda` is limited,
    as a constraint in nats per example is off by hundreds at first; and :math:`\lambda` stays between 1e-6 and 1e6.

    Args:
        rate: :math:`\eta`, per nat and step.
        decay: a, of the moving average of the constraint; 0.99 as in the paper.
        max_step: the most that :math:`\log \lambda` moves in a step. What it grows by before the constraint is first
            met it has to shrink by after.
        initial: the first multiplier.

    >>> multiplier = LagrangeMultiplier(rate=0.1, decay=0.0, max_step=0.1)
    >>> multiplier.update(torch.tensor(0.5))
    >>> round(multiplier.weight.item(), 4)
    1.0513
    """

    average: Tensor
    is_started: Tensor

    def __init__(self, rate: float = 5e-3, decay: float = 0.99, max_step: float = 5e-3, initial: float = 1.0) -> None:
        super().__init__(initial)
        if not (rate > 0 and max_step > 0 and initial > 0 and 0 <= decay < 1):
            raise ValueError(
                "a multiplier's rate, max_step and initial value are above 0 and its decay in [0, 1), got "
                f"{rate:g}, {max_step:g}, {initial:g} and {decay:g}"
            )
        self.rate, self.decay, self.max_step = rate, decay, max_step
        self.register_buffer("average", torch.zeros(()))
        self.register_buffer("is_started", torch.zeros(()))

    def update(self, excess: Tensor) -> None:
        share = torch.where(self.is_started > 0, 1 - self.decay, 1.0)
        self.average.add_(share * (excess - self.average))
        self.is_started.fill_(1)
        self.weight.mul_((self.rate * self.average).clamp(-self.max_step, self.max_step).exp()).clamp_(1e-6, 1e6)


class ProportionalIntegral(WeightController):
    r"""A nonlinear proportional-integral controller of the weight of a term that falls as its weight grows.

    .. math:: e_t = \text{target} - \text{term}_t, \qquad
        \beta_t = \frac{K_p}{1 + \exp(e_t)} - K_i \sum_{j \le t} e_j + \beta_{\min}

    between two limits; while it is at one, the sum stays as it is. ControlVAE, Shao et al. 2020, arXiv 2004.05988; the
    constants by default as in the authors' code, :math:`K_p = 0.01, K_i = 0.0001`.

    Args:
        proportional: :math:`K_p`.
        integral: :math:`K_i`, per nat and step.
        minimum: the smallest weight.
        maximum: the largest.

    >>> controller = ProportionalIntegral(proportional=0.0, integral=0.01)
    >>> for _ in range(3):
    ...     controller.update(torch.tensor(5.0))
    >>> round(controller.weight.item(), 4)
    0.15
    """

    sum: Tensor

    def __init__(
        self, proportional: float = 0.01, integral: float = 1e-4, minimum: float = 0.0, maximum: float = 1.0
    ) -> None:
        super().__init__(minimum)
        if not (proportional >= 0 and integral > 0 and 0 <= minimum < maximum):
            raise ValueError(
                "a controller has proportional >= 0, integral > 0 and limits 0 <= minimum < maximum, got "
                f"{proportional:g}, {integral:g}, {minimum:g} and {maximum:g}"
            )
        self.proportional, self.integral, self.minimum, self.maximum = proportional, integral, minimum, maximum
        self.register_buffer("sum", torch.zeros(()))

    def update(self, excess: Tensor) -> None:
        share = self.proportional * excess.sigmoid() + self.minimum
        proposed = self.sum + self.integral * excess
        is_within = (share + proposed >= self.minimum) & (share + proposed <= self.maximum)
        self.sum.copy_(torch.where(is_within, proposed, self.sum))
        self.weight.copy_((share + self.sum).clamp(self.minimum, self.maximum))


class Constrained(Term):
    r"""A term with a weight that holds it at a target: :math:`\lambda_t\, (\text{term} - \text{target})`.

    In training its controller moves the weight at each step by the batch's value, before the loss is taken with it; in
    validation it stays. A row of metrics has the weight as ``multiplier``, and term − target as ``constraint``, which
    settles at 0 where the constraint can be held. As the loss changes with the weight, choose the best weights and stop
    early by another metric than ``loss``.

    Args:
        term: in nats per example.
        target: its value to be reached, in nats per example.
        controller: of the weight.

    Raises:
        ValueError: the term is a whole objective of several players, or the target is not finite.

    >>> import elbowroom as er
    >>> er.KL() + Constrained(er.Reconstruction(), 80.0, LagrangeMultiplier())
    (kl + constrained(reconstruction to 80))
    """

    def __init__(self, term: Term, target: float, controller: WeightController) -> None:
        super().__init__()
        if not abs(target) < float("inf"):
            raise ValueError(f"the target of a constraint is a number of nats per example, got {target}")
        self.term, self.k = term.as_operand(), term.k
        self.target, self.controller = float(target), controller

    def forward(self, draw: Draw, step: Tensor) -> Tensor:
        excess = self.term(draw, step) - self.target
        if self.training:
            with torch.no_grad():
                mean = distributed.all_reduce_sum(excess.detach().clone()) / distributed.world_size()
                self.controller.update(mean)
        weight = self.controller.weight.clone()  # that of this step: the next one changes it in place
        draw.terms |= {"multiplier": weight, "constraint": excess.detach()}
        return weight * excess

    def __repr__(self) -> str:
        return f"constrained({self.term!r} to {self.target:g})"
