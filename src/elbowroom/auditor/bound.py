"""Checks of the importance bound: its weight, its growth with the number of samples, and log p(x) as its limit."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from elbowroom.auditor.claim import Claim
from elbowroom.auditor.exact import exact_log_px
from elbowroom.auditor.independence import TOLERANCE_NATS
from elbowroom.auditor.outcome import CheckFailedError, CheckSkippedError
from elbowroom.auditor.registry import check
from elbowroom.distributions import CodeDistribution, Quantized
from elbowroom.formatting import format_fixed
from elbowroom.models.draw import Draw, Latent

#: Standard errors by which an estimate may differ from its expected value.
MAX_STANDARD_ERRORS = 6.0
#: Numbers of samples k of the bounds that are compared.
SAMPLE_COUNTS = (1, 4, 16, 64)
#: Samples of z drawn for each example, at every k: a bound of k samples is repeated 1024 / k times.
TOTAL_SAMPLES = 1024


@check("the weight is p(x, z) / q(z|x)")
@torch.no_grad()
def check_importance_weight(claim: Claim) -> str:
    """The mean of the weight over q is p(x) only if z is drawn from the same q whose density is divided by."""
    if claim.elbowroom_model is None:
        raise CheckSkippedError("p, q and z are internal to the module; the next check tests the bound as a whole")
    rows = torch.arange(min(3, len(claim.x)))
    draw = claim.draw(rows, TOTAL_SAMPLES)
    if reason := draw.undefined_reason:
        raise CheckSkippedError(f"{reason}: there is no weight, and no bound is reported")
    if type(draw) is not Draw:
        raise CheckSkippedError(
            f"a {type(draw).__name__} has its own kind of weight; the next check tests the bound as a whole"
        )
    log_px = draw.p.log_prob(draw.x)
    log_pz = sum(_prior_log_prob(latent) for latent in draw.latents)
    log_qz = sum(latent.q.log_prob(latent.z) for latent in draw.latents)
    distance = (draw.log_w - (log_px + log_pz - log_qz)).abs().max().item()
    if not distance <= TOLERANCE_NATS + 1e-5 * log_px.abs().max().item():
        raise CheckFailedError(f"the log weight is up to {distance:.3g} nats from log p(x|z) + log p(z) − log q(z|x)")
    for i, latent in enumerate(draw.latents, 1):
        if mismatch := _describe_mismatch(latent):
            name = f"z{i}" if len(draw.latents) > 1 else "z"
            raise CheckFailedError(f"{name} {mismatch}: z is not drawn from the q that the weight divides by")
    kl = _check_kl(draw)
    return f"within {distance:.1e} nats; {TOTAL_SAMPLES:,} samples of z have the mean and variance of q, and {kl}"


def _prior_log_prob(latent: Latent) -> Tensor:
    """Return log p(z), (K, B) or (B,); of codes by their indices, which a sum of codes need not give back."""
    assert latent.prior is not None
    if isinstance(latent.prior, CodeDistribution) and isinstance(latent.q, Quantized):
        return latent.prior.log_mass(latent.q.indices)
    log_prob: Tensor = latent.prior.log_prob(latent.z)
    return log_prob


def _describe_mismatch(latent: Latent) -> str:
    """Describe how samples of z differ from the mean or variance of q; empty if they agree."""
    try:
        mean, variance = latent.q.mean, latent.q.variance
    except (NotImplementedError, AttributeError):
        return ""
    if not bool((variance > 0).all()) or not bool(variance.isfinite().all()):
        return ""
    z = ((latent.z - mean) / variance.sqrt()).double()
    # Averaged over the samples, also for a lower latent of a hierarchy, whose q differs from sample to sample.
    for statistic, power, expected in (("mean", z, 0.0), ("variance", z.square(), 1.0)):
        estimate, error = power.mean(0), power.std(0) / math.sqrt(len(z))
        deviation = (estimate - expected).abs() / error.clamp_min(1e-9)
        if deviation.max() > MAX_STANDARD_ERRORS + 0.5 * math.log(deviation.numel() + 1):
            worst = estimate.flatten()[deviation.argmax()].item()
            return f"has a standardized {statistic} of {worst:.3f}, not {expected:.0f}"
    return ""


def _check_kl(draw: Draw) -> str:
    """Check that the KL of a draw is the mean of log q(z|x) − log p(z) over its samples."""
    sampled = (draw.log_qz - draw.log_pz).double()
    error = sampled.std(0) / math.sqrt(len(sampled))
    excess = (sampled.mean(0) - draw.kl.double()).abs() - MAX_STANDARD_ERRORS * error
    if excess.max() > TOLERANCE_NATS + 1e-4 * draw.kl.abs().max():
        worst = int(excess.argmax())
        raise CheckFailedError(
            f"the KL of example {worst} is reported as {draw.kl[worst]:.4f} nats, and the mean of log q(z|x) − log p(z)"
            f" over {len(sampled):,} samples is {sampled.mean(0)[worst]:.4f} ± {error[worst]:.4f}"
        )
    return "the KL is the mean of log q(z|x) − log p(z)"


@check("the bound grows with k, and stays below log p(x)")
@torch.no_grad()
def check_bound_growth(claim: Claim) -> str:
    """The expected log of a mean of k weights grows with k, and is at most log p(x) (Burda et al. 2016)."""
    model = claim.elbowroom_model
    if model is not None and (reason := claim.draw(torch.arange(1)).undefined_reason):
        raise CheckSkippedError(f"{reason}: no bound is reported")
    rows = torch.arange(min(3, len(claim.x)))
    bounds = {k: _repeat_bound(claim, rows, k) for k in (SAMPLE_COUNTS if claim.takes_samples else SAMPLE_COUNTS[:1])}
    growth = _check_growth(bounds) if claim.takes_samples else "log_likelihood takes no number of samples"
    try:
        log_px, method = exact_log_px(claim, rows)
    except CheckSkippedError as error:
        if not claim.takes_samples:
            raise
        return f"{growth}; {error}"
    log_px = log_px.to(bounds[1].device)
    _check_upper_limit(bounds, log_px, method)
    gap = (log_px - bounds[max(bounds)].mean(0)).mean().item()
    return f"{growth}; with k = {max(bounds)} it is {gap:.3f} nats below log p(x) on average ({method})"


def _check_upper_limit(bounds: dict[int, Tensor], log_px: Tensor, method: str) -> None:
    """Check that no bound is above log p(x) on average."""
    for k, values in bounds.items():
        error = values.std(0) / math.sqrt(len(values))
        excess = values.mean(0) - log_px - _tolerance(error, values)
        if excess.max() > 0:
            worst = int(excess.argmax())
            raise CheckFailedError(
                f"with k = {k} example {worst} is reported as {values.mean(0)[worst]:.3f} ± {error[worst]:.3f} nats, "
                f"and log p(x) is {log_px[worst]:.3f} ({method})"
            )


def _repeat_bound(claim: Claim, rows: Tensor, k: int) -> Tensor:
    """Return the bound of k samples with different noise R = 1024 / k times, (R, B)."""
    n_repeats = TOTAL_SAMPLES // k
    repeated = rows.repeat(n_repeats)
    values = claim.evaluate_rows(repeated, k, seed=k, noise_index=torch.arange(len(repeated)))
    return values.reshape(n_repeats, len(rows))


def _check_growth(bounds: dict[int, Tensor]) -> str:
    """Check that each bound is the log of a mean of weights, by comparing it with bounds of fewer samples.

    A bound of 16 samples is distributed as the log of the mean of four bounds of 4 samples. At k = 1 the reported value
    may be the ELBO with its KL in closed form, so it only has to be smaller.
    """
    first, base = bounds[1], bounds[4]
    error = (first.var(0) / len(first) + base.var(0) / len(base)).sqrt()
    if ((first.mean(0) - base.mean(0)) - _tolerance(error, base)).max() > 0:
        raise CheckFailedError(f"it falls from {first.mean():.3f} to {base.mean():.3f} nats between k = 1 and k = 4")
    for k in (16, 64):
        values = bounds[k]
        groups = base.reshape(-1, k // 4, base.shape[1]).logsumexp(1) - math.log(k // 4)
        error = ((values.var(0) + groups.var(0)) / len(values)).sqrt()
        excess = (values.mean(0) - groups.mean(0)).abs() - _tolerance(error, groups)
        if excess.max() > 0:
            worst = int(excess.argmax())
            raise CheckFailedError(
                f"with k = {k} example {worst} is reported as {values.mean(0)[worst]:.3f} ± {error[worst]:.3f} nats, "
                f"and the log of the mean of {k // 4} weights of 4 samples is {groups.mean(0)[worst]:.3f}"
            )
    means = [format_fixed(values.mean().item()) for values in bounds.values()]
    return f"{', '.join(means)} nats for k = {', '.join(map(str, bounds))}, as the log of a mean of weights grows"


def _tolerance(error: Tensor, values: Tensor) -> Tensor:
    """Return the deviation allowed for an estimate with this standard error, rounding included, per example."""
    return MAX_STANDARD_ERRORS * error + 10 * TOLERANCE_NATS + 1e-5 * values.abs().amax(0)
