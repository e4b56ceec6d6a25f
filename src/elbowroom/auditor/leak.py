"""The code is all that the decoder knows: nothing of x reaches p(x|z) past z."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest import mock

import torch
from torch import Tensor

from elbowroom.auditor.claim import Claim, parse_vae_output
from elbowroom.auditor.independence import TOLERANCE_NATS, outlier
from elbowroom.auditor.isolation import eval_mode, restored
from elbowroom.auditor.normalization import sample_latents
from elbowroom.auditor.registry import CheckFailedError, CheckSkippedError, check
from elbowroom.models.draw import Draw


@check("nothing passes the code")
@torch.no_grad()
def check_decoder_leak(claim: Claim) -> str:
    """A decoder that sees x, or the batch, or what was encoded before, can give x any probability it likes."""
    return _check_elbowroom_model(claim) if claim.elbowroom_model is not None else _check_foreign_module(claim)


def _check_elbowroom_model(claim: Claim) -> str:
    """Hold every code of a draw where it is, change x, the other examples' codes and what came before; look at p."""
    with restored(claim.module):
        rows = torch.arange(len(claim.x))
        kinds = {type(latent.q) for latent in claim.draw(rows).latents}
        taken: list[Tensor] = []
        with _intercept_rsample(kinds, taken):
            draw = claim.draw(rows)
        if len(taken) < len(draw.latents):
            raise CheckSkippedError("its codes do not come from rsample, so they cannot be held where they are")
        _require_same_px(
            claim, draw, taken, kinds, outlier(claim.x), "with z held, p(x|z) follows the x that was encoded"
        )
        others = [torch.cat((z[:, :1], 3 * z.roll(1, 1)[:, 1:]), 1) if z.dim() > 1 else z for z in taken]
        _require_same_px(
            claim, draw, others, kinds, claim.x, "p(x|z) follows the codes of the other examples", n_first=1
        )
        _check_decode(claim, draw)
        apart = _describe_training_mode(claim, draw, [taken, others], kinds)
    return f"with z held, p(x|z) and p(z) are the same for other x, other company and after another batch{apart}"


def _require_same_px(
    claim: Claim,
    draw: Draw,
    latents: Sequence[Tensor],
    posterior_types: set[Any],
    x: Tensor,
    message: str,
    n_first: int | None = None,
) -> None:
    with _intercept_rsample(posterior_types, [], latents):
        again = claim.draw(torch.arange(len(x)), x=x)
    for what, a, b in ((message, _log_px(draw, draw.x), _log_px(again, draw.x)), *_iter_prior_log_probs(draw, again)):
        apart = (a - b).abs()[:, :n_first].max().item()
        if not apart <= TOLERANCE_NATS + 2e-6 * a.abs().max().item():
            if type(draw) is not Draw:
                raise CheckSkippedError(f"a draw of the kind {type(draw).__name__} holds more of x than its codes")
            raise CheckFailedError(f"{what}: by {apart:.3g} nats")


def _log_px(draw: Draw, x: Tensor) -> Tensor:
    """log p(x|z) of fixed x, (K, B)."""
    return draw.p.log_prob(x)


def _iter_prior_log_probs(a: Draw, b: Draw) -> Iterator[tuple[str, Tensor, Tensor]]:
    """The same of p(z), and of p(z|z') between the latents of a hierarchy."""
    what = "with z held, p(z) follows the x that was encoded"
    for one, other in zip(a.latents, b.latents, strict=True):
        if one.prior is not None and other.prior is not None and a.is_probabilistic:
            yield what, one.prior.log_prob(one.z), other.prior.log_prob(one.z)


def _check_decode(claim: Claim, draw: Draw) -> None:
    """decode() of the code gives what the draw gave, also after another batch."""
    model = claim.elbowroom_model
    if model is None or len(draw.latents) > 1:
        return  # between the latents decode() draws
    with eval_mode(model):
        model.draw(outlier(claim.x), claim.c)
        p = model.decode(draw.z, claim.c)
    apart = (p.log_prob(draw.x) - _log_px(draw, draw.x)).abs().max().item()
    if not apart <= TOLERANCE_NATS + 2e-6 * _log_px(draw, draw.x).abs().max().item():
        raise CheckFailedError(f"decode(z) after another batch is not the p(x|z) of the draw: by {apart:.3g} nats")


def _describe_training_mode(
    claim: Claim, draw: Draw, latent_sets: Sequence[Sequence[Tensor]], posterior_types: set[Any]
) -> str:
    """What training mode would do, in words: there it is no fault, since nothing is reported from it."""
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
    apart = max((scores[0] - other).abs().max().item() for other in scores[1:])
    return f"; in training mode it would follow them by {apart:.3g} nats" if apart > 0.01 else ""


@contextmanager
def _intercept_rsample(
    posterior_types: set[Any], recorded: list[Tensor], replacements: Sequence[Tensor] = ()
) -> Iterator[None]:
    """Take down every code drawn from these kinds of posteriors, or hand out those held instead, in their order."""
    waiting = list(replacements)

    def replaced(original: Any) -> Any:
        def rsample(self: Any, sample_shape: Any = torch.Size()) -> Tensor:
            recorded.append(waiting.pop(0) if waiting else original(self, sample_shape))
            return recorded[-1]

        return rsample

    with ExitStack() as stack:
        for kind in posterior_types:
            stack.enter_context(mock.patch.object(kind, "rsample", replaced(kind.rsample)))
        yield


def _check_foreign_module(claim: Claim) -> str:
    density = claim.log_px
    if density is None:
        raise CheckSkippedError(
            "the decoder is inside the module: give log_px=, a function from (module, x, z) to log p(x|z), or a method "
            "decode"
        )
    x, z = claim.x, sample_latents(claim, len(claim.x))
    with restored(claim.module):
        claim.output(x)
        known = density(claim.module, x, z)
        claim.output(outlier(x))
        after = density(claim.module, x, z)
        others = density(claim.module, x, torch.cat((z[:1], 3 * z.roll(1, 0)[1:])))
        size = TOLERANCE_NATS + 2e-6 * known.abs().max().item()
        if not (apart := (known - after).abs().max().item()) <= size:
            raise CheckFailedError(f"with z held, p(x|z) follows the x that was encoded before: by {apart:.3g} nats")
        if not (apart := (known - others).abs()[0].item()) <= size:
            raise CheckFailedError(f"p(x|z) follows the codes of the other examples: by {apart:.3g} nats")
        _check_forward_is_decode(claim)
    return "with z held, p(x|z) is the same after another batch and in other company"


def _check_forward_is_decode(claim: Claim) -> None:
    """What forward makes of x without noise is what decode makes of the mean code."""
    output = parse_vae_output(claim.output(claim.x), claim.x)
    decode = getattr(claim.module, "decode", None)
    if output is None or not callable(decode):
        return
    again = decode(output.mu)
    if not isinstance(again, Tensor) or again.numel() != claim.x.numel():
        return
    apart = (again.reshape(claim.x.shape) - output.reconstruction).abs().max().item()
    if not apart <= 1e-4 * (1 + output.reconstruction.abs().max().item()):
        raise CheckFailedError(
            f"forward's reconstruction is not decode(mu) where there is no noise: values differ by {apart:.3g}"
        )
