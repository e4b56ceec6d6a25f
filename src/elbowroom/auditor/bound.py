"""A bound is one: made of p(x, z) and of the q that z came from, growing with the samples, never above log p(x)."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.distributions import Distribution

from elbowroom.auditor.claim import Claim
from elbowroom.auditor.exact import exact_log_px
from elbowroom.auditor.independence import TOLERANCE_NATS
from elbowroom.auditor.registry import CheckFailedError, CheckSkippedError, check
from elbowroom.models.draw import Draw, Latent

#: Standard errors by which an estimate may miss what it estimates.
MAX_STANDARD_ERRORS = 6.0
#: Samples of the bounds compared, and how many of the first are drawn in all.
SAMPLE_COUNTS, TOTAL_SAMPLES = (1, 4, 16, 64), 1024


@check("the weight is p(x, z) / q(z|x)")
@torch.no_grad()
def check_importance_weight(claim: Claim) -> str:
    """The weight's mean over q is p(x) only if z comes from the very q whose density is divided by."""
    if claim.elbowroom_model is None:
        raise CheckSkippedError("what p, q and z are is inside the module; the bound as a whole is looked at below")
    rows = torch.arange(min(3, len(claim.x)))
    draw = claim.draw(rows, TOTAL_SAMPLES)
    if not draw.is_probabilistic:
        raise CheckSkippedError("a point posterior or no prior: there is no weight, and no bound is reported")
    if type(draw) is not Draw:
        raise CheckSkippedError(
            f"a draw of the kind {type(draw).__name__} weighs in its own way; the bound as a whole is looked at below"
        )
    log_px = draw.p.log_prob(draw.x)
    log_pz = sum(_require_prior(latent).log_prob(latent.z) for latent in draw.latents)
    log_qz = sum(latent.q.log_prob(latent.z) for latent in draw.latents)
    apart = (draw.log_w - (log_px + log_pz - log_qz)).abs().max().item()
    if not apart <= TOLERANCE_NATS + 1e-5 * log_px.abs().max().item():
        raise CheckFailedError(f"the log weight is up to {apart:.3g} nats from log p(x|z) + log p(z) − log q(z|x)")
    named = [f"z{i}" if len(draw.latents) > 1 else "z" for i in range(1, len(draw.latents) + 1)]
    for name, latent in zip(named, draw.latents, strict=True):
        if words := _describe_mismatch(latent):
            raise CheckFailedError(f"{name} {words}: the codes are not drawn from the q that the weight divides by")
    return f"to {apart:.1e} nats, {TOTAL_SAMPLES:,} codes have the mean and spread of q, and {_check_kl(draw)}"


def _require_prior(latent: Latent) -> Distribution:
    assert latent.prior is not None
    return latent.prior


def _describe_mismatch(latent: Latent) -> str:
    """How codes miss the mean or the variance of the q they should be drawn from; empty where they do not."""
    try:
        mean, variance = latent.q.mean, latent.q.variance
    except (NotImplementedError, AttributeError):
        return ""
    if not bool((variance > 0).all()) or not bool(variance.isfinite().all()):
        return ""
    z = ((latent.z - mean) / variance.sqrt()).double()
    # Over the samples, and for latents below another, whose q differs with the sample, over those all the same.
    for what, value, expected in (("mean", z.mean(0), 0.0), ("variance", z.square().mean(0), 1.0)):
        power = z if what == "mean" else z.square()
        error = power.std(0) / math.sqrt(len(z))
        far = (value - expected).abs() / error.clamp_min(1e-9)
        if far.max() > MAX_STANDARD_ERRORS + 0.5 * math.log(far.numel() + 1):
            worst = value.flatten()[far.argmax()].item()
            return f"has a standardised {what} of {worst:.3f}, not {expected:.0f}"
    return ""


def _check_kl(draw: Draw) -> str:
    """Whether the KL reported is the mean of what it is the mean of."""
    sampled = (draw.log_qz - draw.log_pz).double()
    error = sampled.std(0) / math.sqrt(len(sampled))
    far = (sampled.mean(0) - draw.kl.double()).abs() - MAX_STANDARD_ERRORS * error
    if far.max() > TOLERANCE_NATS + 1e-4 * draw.kl.abs().max():
        worst = int(far.argmax())
        raise CheckFailedError(
            f"the KL of example {worst} is given as {draw.kl[worst]:.4f} nats, and the mean of log q(z|x) − log p(z) "
            f"over {len(sampled):,} codes is {sampled.mean(0)[worst]:.4f} ± {error[worst]:.4f}"
        )
    return "the KL is the mean of log q(z|x) − log p(z)"


@check("the bound grows with k, and stays below log p(x)")
@torch.no_grad()
def check_bound_growth(claim: Claim) -> str:
    """The log of a mean of k weights grows with k on average, and its mean is at most log p(x) (Burda et al. 2016)."""
    model = claim.elbowroom_model
    if model is not None and not claim.draw(torch.arange(1)).is_probabilistic:
        raise CheckSkippedError("a point posterior or no prior: no bound is reported")
    rows = torch.arange(min(3, len(claim.x)))
    bounds = {k: _repeat_bound(claim, rows, k) for k in (SAMPLE_COUNTS if claim.takes_samples else SAMPLE_COUNTS[:1])}
    words = _check_growth(bounds) if claim.takes_samples else "it takes no number of samples"
    try:
        log_px, how = exact_log_px(claim, rows)
        log_px = log_px.to(bounds[1].device)
    except CheckSkippedError as why:
        if not claim.takes_samples:
            raise
        return f"{words}; {why}"
    for k, values in bounds.items():
        error = values.std(0) / math.sqrt(len(values))
        far = values.mean(0) - log_px - _slack(error, values)
        if far.max() > 0:
            worst = int(far.argmax())
            raise CheckFailedError(
                f"with k = {k} example {worst} is given {values.mean(0)[worst]:.3f} ± {error[worst]:.3f} nats, and "
                f"log p(x) is {log_px[worst]:.3f} ({how})"
            )
    gap = (log_px - bounds[max(bounds)].mean(0)).mean().item()
    return f"{words}; with k = {max(bounds)} it is {gap:.3f} nats below log p(x) on average ({how})"


def _repeat_bound(claim: Claim, rows: Tensor, k: int) -> Tensor:
    """What is reported with k samples, again and again with other noise: (R, B), fewer times where k is larger."""
    repeats = TOTAL_SAMPLES // k
    many = rows.repeat(repeats)
    return claim.evaluate_rows(many, k, seed=k, noise_index=torch.arange(len(many))).reshape(repeats, len(rows))


def _check_growth(bounds: dict[int, Tensor]) -> str:
    """Whether each bound is the log of a mean of weights, as far as the smaller ones tell.

    A bound of 16 samples is four of 4 samples, put together by the log of their mean. At k = 1 somebody may report the
    ELBO with its KL in closed form, so that one need only be smaller.
    """
    first, base = bounds[1], bounds[4]
    error = (first.var(0) / len(first) + base.var(0) / len(base)).sqrt()
    if ((first.mean(0) - base.mean(0)) - _slack(error, base)).max() > 0:
        raise CheckFailedError(f"it falls from {first.mean():.3f} to {base.mean():.3f} nats between k = 1 and k = 4")
    for k in (16, 64):
        values = bounds[k]
        groups = base.reshape(-1, k // 4, base.shape[1]).logsumexp(1) - math.log(k // 4)
        error = ((values.var(0) + groups.var(0)) / len(values)).sqrt()
        far = (values.mean(0) - groups.mean(0)).abs() - _slack(error, groups)
        if far.max() > 0:
            worst = int(far.argmax())
            raise CheckFailedError(
                f"with k = {k} example {worst} is given {values.mean(0)[worst]:.3f} ± {error[worst]:.3f} nats, and "
                f"the log of the mean of {k // 4} weights of 4 samples is {groups.mean(0)[worst]:.3f}"
            )
    means = [f"{values.mean():.2f}" for values in bounds.values()]
    return f"{', '.join(means)} nats for k = {', '.join(map(str, bounds))}, as the log of a mean of weights grows"


def _slack(error: Tensor, values: Tensor) -> Tensor:
    """What an estimate with this error may be off, rounding included, per example."""
    return MAX_STANDARD_ERRORS * error + 10 * TOLERANCE_NATS + 1e-5 * values.abs().amax(0)
