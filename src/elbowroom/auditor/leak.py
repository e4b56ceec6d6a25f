"""Check that the decoder sees only z: p(x|z) depends on x, on the batch and on earlier calls through z alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest import mock

import torch
from torch import Tensor

from elbowroom.auditor.claim import Claim
from elbowroom.auditor.independence import outlier, rounding_tolerance
from elbowroom.auditor.isolation import eval_mode, preserve_state
from elbowroom.auditor.normalization import sample_latents
from elbowroom.auditor.outcome import CheckFailedError, CheckSkippedError
from elbowroom.auditor.registry import check
from elbowroom.models.adapter import parse_vae_output
from elbowroom.models.draw import Draw


@check("the decoder sees only z")
@torch.no_grad()
def check_decoder_leak(claim: Claim) -> str:
    """A decoder that sees x, the batch or an earlier batch by another way than z can give x any probability."""
    return _check_elbowroom_model(claim) if claim.elbowroom_model is not None else _check_foreign_module(claim)


def _check_elbowroom_model(claim: Claim) -> str:
    """Replay the z of a draw while x, the z of the other examples and the batch before change; compare p(x|z)."""
    with preserve_state(claim.module):
        rows = torch.arange(len(claim.x))
        posteriors = {type(latent.q) for latent in claim.draw(rows).latents}
        recorded: list[Tensor] = []
        with _intercept_rsample(posteriors, recorded):
            draw = claim.draw(rows)
        if len(recorded) < len(draw.latents):
            raise CheckSkippedError("its z does not come from rsample, so it cannot be held fixed")
        others = [torch.cat((z[:, :1], 3 * z.roll(1, 1)[:, 1:]), 1) if z.dim() > 1 else z for z in recorded]
        for latents, x, fault, n_first in (
            (recorded, outlier(claim.x), "for fixed z, p(x|z) depends on the x that was encoded", None),
            (others, claim.x, "p(x|z) depends on the z of the other examples", 1),
        ):
            _require_same_px(claim, draw, latents, posteriors, x, fault, n_first)
        _check_decode(claim, draw)
        note = _describe_training_mode(claim, draw, [recorded, others], posteriors)
    return f"for fixed z, p(x|z) and p(z) are the same for other x, in another batch and after another batch{note}"


def _require_same_px(
    claim: Claim,
    draw: Draw,
    latents: Sequence[Tensor],
    posterior_types: set[Any],
    x: Tensor,
    message: str,
    n_first: int | None = None,
) -> None:
    """Check that p(x|z) and p(z) of the first examples stay the same when x is encoded and z is replaced."""
    with _intercept_rsample(posterior_types, [], latents):
        other = claim.draw(torch.arange(len(x)), x=x)
    for fault, a, b in ((message, _log_px(draw, draw.x), _log_px(other, draw.x)), *_iter_prior_log_probs(draw, other)):
        distance = (a - b).abs()[:, :n_first].max().item()
        if not distance <= rounding_tolerance(a):
            if type(draw) is not Draw:
                raise CheckSkippedError(f"a {type(draw).__name__} depends on x by more than its z")
            raise CheckFailedError(f"{fault}: by {distance:.3g} nats")


def _log_px(draw: Draw, x: Tensor) -> Tensor:
    """Return log p(x|z) of fixed x, (K, B)."""
    log_px: Tensor = draw.p.log_prob(x)
    return log_px


def _iter_prior_log_probs(a: Draw, b: Draw) -> Iterator[tuple[str, Tensor, Tensor]]:
    """Yield a fault and log p(z) of both draws, or log p(z|z') for the latents of a hierarchy."""
    fault = "for fixed z, p(z) depends on the x that was encoded"
    for latent, other in zip(a.latents, b.latents, strict=True):
        if latent.prior is not None and other.prior is not None and a.is_probabilistic:
            yield fault, latent.prior.log_prob(latent.z), other.prior.log_prob(latent.z)


def _check_decode(claim: Claim, draw: Draw) -> None:
    """Check that ``decode(z)`` is the p(x|z) of the draw, also after another batch."""
    model = claim.elbowroom_model
    if model is None or len(draw.latents) > 1:
        return  # in a hierarchy, decode() samples the lower latents
    with eval_mode(model):
        model.draw(outlier(claim.x), claim.c)
        p = model.decode(draw.z, model.as_condition(claim.c))
    log_px = _log_px(draw, draw.x)
    distance = (p.log_prob(draw.x) - log_px).abs().max().item()
    if not distance <= rounding_tolerance(log_px):
        raise CheckFailedError(f"decode(z) after another batch is not the p(x|z) of the draw: by {distance:.3g} nats")


def _describe_training_mode(
    claim: Claim, draw: Draw, latent_sets: Sequence[Sequence[Tensor]], posterior_types: set[Any]
) -> str:
    """Describe how p(x|z) depends on the batch in training mode, which is no fault: nothing is reported in it."""
    model = claim.elbowroom_model
    assert model is not None
    model.train()
    scores = []
    for z, x in ((latent_sets[0], claim.x), (latent_sets[0], outlier(claim.x)), (latent_sets[1], claim.x)):
        try:
            with _intercept_rsample(posterior_types, [], z):
                scores.append(model.draw(x, claim.c).p.log_prob(draw.x)[:, 0])
        except (ValueError, RuntimeError):
            return ""
    distance = max((scores[0] - other).abs().max().item() for other in scores[1:])
    return f"; in training mode it would depend on them by {distance:.3g} nats" if distance > 0.01 else ""


@contextmanager
def _intercept_rsample(
    posterior_types: set[Any], recorded: list[Tensor], replacements: Sequence[Tensor] = ()
) -> Iterator[None]:
    """Record every z drawn from these types of posteriors, or return the replacements instead, in their order."""
    remaining = list(replacements)

    def make_rsample(original: Any) -> Any:
        def rsample(self: Any, sample_shape: Any = torch.Size()) -> Tensor:
            recorded.append(remaining.pop(0) if remaining else original(self, sample_shape))
            return recorded[-1]

        return rsample

    with ExitStack() as stack:
        for posterior in posterior_types:
            stack.enter_context(mock.patch.object(posterior, "rsample", make_rsample(posterior.rsample)))
        yield


def _check_foreign_module(claim: Claim) -> str:
    log_px = claim.log_px
    if log_px is None:
        raise CheckSkippedError(
            "the decoder is internal to the module: give log_px=, a function from (module, x, z) to log p(x|z), or the "
            "module a method decode"
        )
    x, z = claim.x, sample_latents(claim, len(claim.x))
    with preserve_state(claim.module):
        claim.output(x)
        before = log_px(claim.module, x, z)
        claim.output(outlier(x))
        after = log_px(claim.module, x, z)
        other_z = log_px(claim.module, x, torch.cat((z[:1], 3 * z.roll(1, 0)[1:])))
        if not (distance := (before - after).abs().max().item()) <= rounding_tolerance(before):
            raise CheckFailedError(f"for fixed z, p(x|z) depends on the x encoded before: by {distance:.3g} nats")
        if not (distance := (before - other_z).abs()[0].item()) <= rounding_tolerance(before):
            raise CheckFailedError(f"p(x|z) depends on the z of the other examples: by {distance:.3g} nats")
        _check_forward_is_decode(claim)
    return "for fixed z, p(x|z) is the same after another batch and in another batch"


def _check_forward_is_decode(claim: Claim) -> None:
    """Check that the reconstruction of ``forward`` without noise is ``decode(mu)``."""
    output = parse_vae_output(claim.output(claim.x), claim.x)
    decode = getattr(claim.module, "decode", None)
    if output is None or not callable(decode):
        return
    decoded = decode(output.mu)
    if not isinstance(decoded, Tensor) or decoded.numel() != claim.x.numel():
        return
    distance = (decoded.reshape(claim.x.shape) - output.reconstruction).abs().max().item()
    if not distance <= 1e-4 * (1 + output.reconstruction.abs().max().item()):
        raise CheckFailedError(f"forward without noise does not return decode(mu): values differ by {distance:.3g}")
