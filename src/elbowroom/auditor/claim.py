"""What is claimed: a log-likelihood, or a bound on one, for each example, and the parts that it is made of."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from elbowroom import noise
from elbowroom.auditor.isolation import RngOverride, eval_mode, per_example_rng, zero_rng
from elbowroom.auditor.registry import CheckFailedError
from elbowroom.data import Batch
from elbowroom.evaluation.suites.likelihood import estimate_bounds
from elbowroom.models.base import GenerativeModel
from elbowroom.models.draw import Draw

#: (module, x) -> (B,), or (module, x, k) -> (B,) for a bound of k samples.
LikelihoodFunction = Callable[..., Tensor]
#: (module, x, z) -> (B,), log p(x|z).
ConditionalLikelihood = Callable[[nn.Module, Tensor, Tensor], Tensor]


class InvalidReportError(ValueError):
    """A function that does not report one value for each example."""


@dataclass
class Claim:
    """A module, a few examples, and the function that reports what they are worth.

    Attributes:
        module: in the mode in which it is to be judged.
        x: the examples, (N, *shape).
        c: their labels, if the module is conditional on them.
        log_likelihood: nats per example, higher is better.
        takes_samples: whether ``reported`` takes a number of samples.
        log_px: log p(x|z), where it is known by itself.
        description: what is taken for the claim.
    """

    module: nn.Module
    x: Tensor
    c: Tensor | None
    log_likelihood: LikelihoodFunction
    takes_samples: bool
    log_px: ConditionalLikelihood | None
    description: str
    #: Random calls of the module that could not be answered for it.
    unhandled_calls: set[str] = field(default_factory=set)

    @property
    def elbowroom_model(self) -> GenerativeModel | None:
        """The module, where it is a model of ours and its draws can be taken apart."""
        return self.module if isinstance(self.module, GenerativeModel) else None

    def evaluate_rows(
        self, rows: Tensor, k: int = 1, seed: int | None = 0, noise_index: Tensor | None = None
    ) -> Tensor:
        """What is reported of the examples at ``rows``, (B,), in double precision.

        Args:
            rows: positions in ``x``, any of them any number of times.
            k: samples of the bound, where it takes a number.
            seed: of the noise, which belongs to an example wherever it stands; ``None`` for no noise at all.
            noise_index: whose noise each example gets, if not its own.
        """
        index = rows if noise_index is None else noise_index
        return self.evaluate_examples(self.x[rows], None if self.c is None else self.c[rows], index, k, seed)

    def evaluate_examples(self, x: Tensor, c: Tensor | None, index: Tensor, k: int = 1, seed: int | None = 0) -> Tensor:
        """What is reported of any examples."""
        with torch.no_grad():
            if self.elbowroom_model is not None and self.log_likelihood is evaluate_bound:
                return _check_values(evaluate_bound(self.elbowroom_model, x, c, index, k, seed or 0))
            with _model_noise(self.elbowroom_model, index, seed), self.override_rng(index, seed) as dice:
                value = (
                    self.log_likelihood(self.module, x, k)
                    if self.takes_samples
                    else self.log_likelihood(self.module, x)
                )
            self.unhandled_calls |= dice.unhandled_calls
        if value.shape != (len(x),):
            raise InvalidReportError(
                f"log_likelihood returned {tuple(value.shape)} for {len(x)} examples: expected one value for each"
            )
        return _check_values(value)

    def override_rng(self, index: Tensor, seed: int | None) -> RngOverride:
        """The numbers that random calls of the module get."""
        return zero_rng() if seed is None else per_example_rng(index, seed)

    def draw(self, rows: Tensor, k: int = 1, seed: int = 0, x: Tensor | None = None) -> Draw:
        """A draw of a model of ours, in evaluation mode."""
        assert self.elbowroom_model is not None
        index = torch.arange(len(rows), device=rows.device)
        with eval_mode(self.elbowroom_model), noise.keyed_noise(seed, index), per_example_rng(index, seed):
            return self.elbowroom_model.draw(
                self.x[rows] if x is None else x, None if self.c is None else self.c[rows], k
            )

    def output(self, x: Tensor) -> Any:
        """What a module of one's own returns, without noise."""
        with torch.no_grad(), zero_rng():
            return self.module(x)


def evaluate_bound(model: GenerativeModel, x: Tensor, c: Tensor | None, index: Tensor, k: int, seed: int) -> Tensor:
    """What ``elbowroom evaluate`` reports: the importance bound, or minus the reconstruction where there is no KL."""
    with eval_mode(model):
        scores = estimate_bounds(model, Batch(x, c, index), k, seed)
    return scores.get("importance_bound", -scores["reconstruction"])


def output_elbo(module: nn.Module, x: Tensor) -> Tensor:
    """The classic's loss, negated, for each example: cross-entropy and KL, both summed over dimensions."""
    output = _require_vae_output(module, x)
    return -_cross_entropy(output.reconstruction, x) - output.kl.sum(1)


def output_log_px(module: nn.Module, x: Tensor, z: Tensor) -> Tensor:
    """The classic's log p(x|z), by the module's own ``decode``: minus the cross-entropy."""
    decode: Callable[[Tensor], Tensor] = module.decode  # type: ignore[assignment]
    return -_cross_entropy(decode(z).reshape(x.shape), x)


def build_claim(
    module: nn.Module,
    x: Tensor,
    c: Tensor | None,
    log_likelihood: LikelihoodFunction | None,
    log_px: ConditionalLikelihood | None,
) -> Claim:
    """The claim of a model of ours, or of anybody's module.

    Raises:
        ValueError: a module whose output is not the classic's, and no ``log_likelihood`` for it.
    """
    if log_likelihood is not None:
        takes_k = len(inspect.signature(log_likelihood).parameters) > 2
        words = getattr(log_likelihood, "__name__", type(log_likelihood).__name__).strip("<>")
        return Claim(module, x, c, log_likelihood, takes_k, log_px, f"{words}(module, x)")
    if isinstance(module, GenerativeModel):
        return Claim(module, x, c, evaluate_bound, True, log_px, "the importance bound of evaluate")
    with torch.no_grad():
        output = parse_vae_output(module(x), x)
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
    density = log_px or (output_log_px if callable(getattr(module, "decode", None)) else None)
    return Claim(module, x, c, output_elbo, False, density, "minus the cross-entropy, minus the KL, both summed")


def _require_vae_output(module: nn.Module, x: Tensor) -> VAEOutput:
    output = parse_vae_output(module(x), x)
    assert output is not None
    return output


def _cross_entropy(p: Tensor, x: Tensor) -> Tensor:
    return F.binary_cross_entropy(p, x, reduction="none").flatten(1).sum(1)


def _check_values(values: Tensor) -> Tensor:
    """The same in double precision; what is no log of a probability is a fault at once."""
    wrong = values.isnan() | (values == math.inf)
    if wrong.any():
        raise CheckFailedError(
            f"example {int(wrong.int().argmax())} of a batch is given {values[wrong][0].item()} nats"
        )
    return values.double()


def _model_noise(model: GenerativeModel | None, index: Tensor, seed: int | None) -> Any:
    """The same for elbowroom's own noise, where a function reports of a model of ours."""
    if model is None:
        return nullcontext()
    return noise.zero_noise() if seed is None else noise.keyed_noise(seed, index)


class VAEOutput(NamedTuple):
    """The output ``(reconstruction, mu, logvar)`` of a module of one's own.

    Attributes:
        reconstruction: as many numbers as x, (B, *shape).
        mu: mean of q(z|x), (B, ...).
        logvar: log of its variance, like ``mu``.
    """

    reconstruction: Tensor
    mu: Tensor
    logvar: Tensor

    @property
    def kl(self) -> Tensor:
        """KL to the standard normal, for each dimension of each example, (B, L), nats."""
        kl = 0.5 * (self.mu**2 + self.logvar.exp() - 1 - self.logvar)
        return kl.flatten(1)


def parse_vae_output(output: Any, x: Tensor) -> VAEOutput | None:
    """What a module returned for x, if it is the classic's triple.

    >>> import torch
    >>> x = torch.zeros(5, 1, 8, 8)
    >>> parse_vae_output((torch.zeros(5, 64), torch.zeros(5, 2), torch.zeros(5, 2)), x).reconstruction.shape
    torch.Size([5, 1, 8, 8])
    >>> parse_vae_output(torch.zeros(5, 64), x) is None
    True
    """
    if not isinstance(output, tuple | list) or len(output) != 3 or not all(isinstance(t, Tensor) for t in output):
        return None
    reconstruction, mu, logvar = output
    alike = mu.shape == logvar.shape and mu.dim() > 1 and len(mu) == len(x)
    if not alike or reconstruction.numel() != x.numel() or math.prod(mu.shape[1:]) == 0:
        return None
    return VAEOutput(reconstruction.reshape(x.shape), mu, logvar)
