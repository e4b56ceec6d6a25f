"""What is claimed: a log-likelihood, or a bound on one, for each example, and the parts that it is made of."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from elbowroom import noise
from elbowroom.auditor.classic import Classic, classic
from elbowroom.auditor.isolation import Dice, by_row, silent
from elbowroom.auditor.quiet import at_rest
from elbowroom.auditor.registry import Fault
from elbowroom.data import Batch
from elbowroom.evaluation.suites.likelihood import score
from elbowroom.models.base import Generative
from elbowroom.models.draw import Draw

#: (module, x) -> (B,), or (module, x, k) -> (B,) for a bound of k samples.
Reported = Callable[..., Tensor]
#: (module, x, z) -> (B,), log p(x|z).
Conditional = Callable[[nn.Module, Tensor, Tensor], Tensor]


class Misread(ValueError):  # noqa: N818 - it is what happened
    """A function that does not report one value for each example."""


@dataclass
class Claim:
    """A module, a few examples, and the function that reports what they are worth.

    Attributes:
        module: in the mode in which it is to be judged.
        x: the examples, (N, *shape).
        c: their labels, if the module is conditional on them.
        reported: nats per example, higher is better.
        samples: whether ``reported`` takes a number of samples.
        density: log p(x|z), where it is known by itself.
        words: what is taken for the claim.
    """

    module: nn.Module
    x: Tensor
    c: Tensor | None
    reported: Reported
    samples: bool
    density: Conditional | None
    words: str
    #: Random calls of the module that could not be answered for it.
    unruled: set[str] = field(default_factory=set)

    @property
    def ours(self) -> Generative | None:
        """The module, where it is a model of ours and its draws can be taken apart."""
        return self.module if isinstance(self.module, Generative) else None

    def values(self, rows: Tensor, k: int = 1, seed: int | None = 0, labels: Tensor | None = None) -> Tensor:
        """What is reported of the examples at ``rows``, (B,), in double precision.

        Args:
            rows: positions in ``x``, any of them any number of times.
            k: samples of the bound, where it takes a number.
            seed: of the noise, which belongs to an example wherever it stands; ``None`` for no noise at all.
            labels: whose noise each example gets, if not its own.
        """
        index = rows if labels is None else labels
        return self.at(self.x[rows], None if self.c is None else self.c[rows], index, k, seed)

    def at(self, x: Tensor, c: Tensor | None, index: Tensor, k: int = 1, seed: int | None = 0) -> Tensor:
        """What is reported of any examples."""
        with torch.no_grad():
            if self.ours is not None and self.reported is evaluated:
                return _numbers(evaluated(self.ours, x, c, index, k, seed or 0))
            with _inner(self.ours, index, seed), self.dice(index, seed) as dice:
                value = self.reported(self.module, x, k) if self.samples else self.reported(self.module, x)
            self.unruled |= dice.unruled
        if value.shape != (len(x),):
            raise Misread(
                f"log_likelihood returned {tuple(value.shape)} for {len(x)} examples: expected one value for each"
            )
        return _numbers(value)

    def dice(self, index: Tensor, seed: int | None) -> Dice:
        """The numbers that random calls of the module get."""
        return silent() if seed is None else by_row(index, seed)

    def draw(self, rows: Tensor, k: int = 1, seed: int = 0, x: Tensor | None = None) -> Draw:
        """A draw of a model of ours, in evaluation mode."""
        assert self.ours is not None
        index = torch.arange(len(rows), device=rows.device)
        with at_rest(self.ours), noise.keyed(seed, index), by_row(index, seed):
            return self.ours.draw(self.x[rows] if x is None else x, None if self.c is None else self.c[rows], k)

    def output(self, x: Tensor) -> Any:
        """What a module of one's own returns, without noise."""
        with torch.no_grad(), silent():
            return self.module(x)


def evaluated(model: Generative, x: Tensor, c: Tensor | None, index: Tensor, k: int, seed: int) -> Tensor:
    """What ``elbowroom evaluate`` reports: the importance bound, or minus the reconstruction where there is no KL."""
    with at_rest(model):
        scores = score(model, Batch(x, c, index), k, seed)
    return scores.get("importance_bound", -scores["reconstruction"])


def summed(module: nn.Module, x: Tensor) -> Tensor:
    """The classic's loss, negated, for each example: cross-entropy and KL, both summed over dimensions."""
    output = _triple(module, x)
    return -_cross_entropy(output.reconstruction, x) - output.kl.sum(1)


def decoded(module: nn.Module, x: Tensor, z: Tensor) -> Tensor:
    """The classic's log p(x|z), by the module's own ``decode``: minus the cross-entropy."""
    decode: Callable[[Tensor], Tensor] = module.decode  # type: ignore[assignment]
    return -_cross_entropy(decode(z).reshape(x.shape), x)


def claim_of(
    module: nn.Module, x: Tensor, c: Tensor | None, log_likelihood: Reported | None, log_px: Conditional | None
) -> Claim:
    """The claim of a model of ours, or of anybody's module.

    Raises:
        ValueError: a module whose output is not the classic's, and no ``log_likelihood`` for it.
    """
    if log_likelihood is not None:
        takes_k = len(inspect.signature(log_likelihood).parameters) > 2
        words = getattr(log_likelihood, "__name__", type(log_likelihood).__name__).strip("<>")
        return Claim(module, x, c, log_likelihood, takes_k, log_px, f"{words}(module, x)")
    if isinstance(module, Generative):
        return Claim(module, x, c, evaluated, True, log_px, "the importance bound of evaluate")
    with torch.no_grad():
        output = classic(module(x), x)
    if output is None:
        raise ValueError(
            f"{type(module).__name__} does not return (reconstruction, mu, logvar), so what it reports is not known: "
            "give log_likelihood=, a function from (module, x) to one value for each example"
        )
    bounded = bool(((output.reconstruction >= 0) & (output.reconstruction <= 1)).all())
    if not bounded:
        raise ValueError(
            "the reconstruction is not a probability for every value, so the likelihood is not known: give "
            "log_likelihood=, a function from (module, x) to one value for each example"
        )
    density = log_px or (decoded if callable(getattr(module, "decode", None)) else None)
    return Claim(module, x, c, summed, False, density, "minus the cross-entropy, minus the KL, both summed")


def _triple(module: nn.Module, x: Tensor) -> Classic:
    output = classic(module(x), x)
    assert output is not None
    return output


def _cross_entropy(p: Tensor, x: Tensor) -> Tensor:
    return F.binary_cross_entropy(p, x, reduction="none").flatten(1).sum(1)


def _numbers(values: Tensor) -> Tensor:
    """The same in double precision; what is no log of a probability is a fault at once."""
    wrong = values.isnan() | (values == math.inf)
    if wrong.any():
        raise Fault(f"example {int(wrong.int().argmax())} of a batch is given {values[wrong][0].item()} nats")
    return values.double()


def _inner(model: Generative | None, index: Tensor, seed: int | None) -> Any:
    """The same for elbowroom's own noise, where a function reports of a model of ours."""
    if model is None:
        return nullcontext()
    return noise.silenced() if seed is None else noise.keyed(seed, index)
