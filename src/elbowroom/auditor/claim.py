"""The claim under audit: the function that reports a log-likelihood, or a bound on one, for each example."""

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
from elbowroom.auditor.isolation import RngOverride, eval_mode, per_example_rng, zero_rng
from elbowroom.auditor.outcome import CheckFailedError
from elbowroom.data import Batch
from elbowroom.evaluation.suites.likelihood import estimate_bounds
from elbowroom.models.adapter import VAEOutput, parse_vae_output
from elbowroom.models.base import GenerativeModel
from elbowroom.models.draw import Draw

#: (module, x) -> (B,), or (module, x, k) -> (B,) for a bound of k samples.
LikelihoodFunction = Callable[..., Tensor]
#: (module, x, z) -> (B,), log p(x|z).
ConditionalLikelihood = Callable[[nn.Module, Tensor, Tensor], Tensor]


class InvalidReportError(ValueError):
    """The ``log_likelihood`` function did not return one value for each example."""


@dataclass
class Claim:
    """A module, a batch of examples, and the function that reports their log-likelihoods.

    Attributes:
        module: in the mode in which it is to be scored.
        x: the examples, (N, *shape).
        c: their labels, if the module is conditional on them.
        log_likelihood: the function that reports, nats per example, higher is better.
        takes_samples: whether ``log_likelihood`` takes a number of samples.
        log_px: the function for log p(x|z), where one was given or the module has ``decode``.
        description: what ``log_likelihood`` computes, in words.
        unhandled_calls: random calls of the module that could not be replaced by an example's own numbers.
    """

    module: nn.Module
    x: Tensor
    c: Tensor | None
    log_likelihood: LikelihoodFunction
    takes_samples: bool
    log_px: ConditionalLikelihood | None
    description: str
    unhandled_calls: set[str] = field(default_factory=set)

    @property
    def elbowroom_model(self) -> GenerativeModel | None:
        """The module, if it is an elbowroom model, whose draws give access to p, q and z."""
        return self.module if isinstance(self.module, GenerativeModel) else None

    @property
    def has_own_noise(self) -> bool:
        """Whether what is reported is the bound of ``evaluate``, whose noise is of each example by itself."""
        return self.elbowroom_model is not None and self.log_likelihood is evaluate_bound

    def evaluate_rows(
        self, rows: Tensor, k: int = 1, seed: int | None = 0, noise_index: Tensor | None = None
    ) -> Tensor:
        """Return the reported values of the examples at ``rows``, (B,), in double precision.

        Args:
            rows: positions in ``x``; repeats are allowed.
            k: samples of the bound, if ``log_likelihood`` takes a number.
            seed: of the noise, which belongs to an example and not to its position; ``None`` for no noise at all.
            noise_index: the example whose noise each row gets, if not its own.
        """
        index = rows if noise_index is None else noise_index
        return self.evaluate_examples(self.x[rows], None if self.c is None else self.c[rows], index, k, seed)

    def evaluate_examples(self, x: Tensor, c: Tensor | None, index: Tensor, k: int = 1, seed: int | None = 0) -> Tensor:
        """Return the reported values of any examples, (B,); arguments as for :meth:`evaluate_rows`."""
        with torch.no_grad():
            model = self.elbowroom_model
            if model is not None and self.has_own_noise:
                return _check_values(evaluate_bound(model, x, c, index, k, seed or 0))
            with _model_noise(self.elbowroom_model, index, seed), self.override_rng(index, seed) as rng:
                value = (
                    self.log_likelihood(self.module, x, k)
                    if self.takes_samples
                    else self.log_likelihood(self.module, x)
                )
            self.unhandled_calls |= rng.unhandled_calls
        if value.shape != (len(x),):
            raise InvalidReportError(
                f"log_likelihood returned {tuple(value.shape)} for {len(x)} examples: expected one value for each"
            )
        return _check_values(value)

    def override_rng(self, index: Tensor, seed: int | None) -> RngOverride:
        """Return the override of random calls: constants without a seed, otherwise noise per example."""
        return zero_rng() if seed is None else per_example_rng(index, seed)

    def draw(self, rows: Tensor, k: int = 1, seed: int = 0, x: Tensor | None = None) -> Draw:
        """Return a draw of the elbowroom model, in evaluation mode."""
        assert self.elbowroom_model is not None
        index = torch.arange(len(rows), device=rows.device)
        with eval_mode(self.elbowroom_model), noise.keyed_noise(seed, index), per_example_rng(index, seed):
            return self.elbowroom_model.draw(
                self.x[rows] if x is None else x, None if self.c is None else self.c[rows], k
            )

    def output(self, x: Tensor) -> Any:
        """Return the output of a foreign module, without noise."""
        with torch.no_grad(), zero_rng():
            return self.module(x)


def evaluate_bound(model: GenerativeModel, x: Tensor, c: Tensor | None, index: Tensor, k: int, seed: int) -> Tensor:
    """Return the importance bound as ``elbowroom evaluate`` has it, or minus the reconstruction if there is no KL."""
    with eval_mode(model):
        scores = estimate_bounds(model, Batch(x, c, index), k, seed)
    return scores.get("importance_bound", -scores["reconstruction"])


def output_elbo(module: nn.Module, x: Tensor) -> Tensor:
    """Return the ELBO of a VAE module for each example: minus cross-entropy minus KL, both summed over dimensions."""
    output = _require_vae_output(module, x)
    return -_cross_entropy(output.reconstruction, x) - output.kl.sum(1)


def output_log_px(module: nn.Module, x: Tensor, z: Tensor) -> Tensor:
    """Return log p(x|z) by the module's own ``decode``: minus the cross-entropy, summed over dimensions."""
    decode: Callable[[Tensor], Tensor] = module.decode  # type: ignore[assignment]
    return -_cross_entropy(decode(z).reshape(x.shape), x)


def build_claim(
    module: nn.Module,
    x: Tensor,
    c: Tensor | None,
    log_likelihood: LikelihoodFunction | None,
    log_px: ConditionalLikelihood | None,
) -> Claim:
    """Build the claim of an elbowroom model or of any other module.

    Raises:
        ValueError: the module does not return ``(reconstruction, mu, logvar)``, and ``log_likelihood`` is not given.
    """
    if log_likelihood is not None:
        takes_k = len(inspect.signature(log_likelihood).parameters) > 2
        name = getattr(log_likelihood, "__name__", type(log_likelihood).__name__).strip("<>")
        return Claim(module, x, c, log_likelihood, takes_k, log_px, f"{name}(module, x)")
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
    log_px = log_px or (output_log_px if callable(getattr(module, "decode", None)) else None)
    return Claim(module, x, c, output_elbo, False, log_px, "minus the cross-entropy, minus the KL, both summed")


def _require_vae_output(module: nn.Module, x: Tensor) -> VAEOutput:
    output = parse_vae_output(module(x), x)
    assert output is not None
    return output


def _cross_entropy(p: Tensor, x: Tensor) -> Tensor:
    return F.binary_cross_entropy(p, x, reduction="none").flatten(1).sum(1)


def _check_values(values: Tensor) -> Tensor:
    """Return the values in double precision, and fail the check if one is NaN or infinite."""
    invalid = values.isnan() | (values == math.inf)
    if invalid.any():
        example = int(invalid.int().argmax())
        raise CheckFailedError(f"example {example} of a batch is reported as {values[invalid][0].item()} nats")
    return values.double()


def _model_noise(model: GenerativeModel | None, index: Tensor, seed: int | None) -> Any:
    """Return the override of elbowroom's own noise, where ``log_likelihood`` calls an elbowroom model."""
    if model is None:
        return nullcontext()
    return noise.zero_noise() if seed is None else noise.keyed_noise(seed, index)
