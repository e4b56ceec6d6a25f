"""Faults of the importance bound and of its weight."""

import math

import pytest
import torch
import torch.nn.functional as F

from elbowroom.auditor import audit
from tests.auditor.modules import (
    BOUND,
    TOTAL,
    WEIGHT,
    VAEModule,
    bernoulli_log_px,
    first,
    importance_bound,
    log_weight_parts,
    model_with_fault,
)


def max_weight(module, x, k):
    log_px, log_pz, log_qz = log_weight_parts(module, x, k)
    return (log_px + log_pz - log_qz).amax(0)


def without_q(module, x, k):
    log_px, log_pz, _ = log_weight_parts(module, x, k)
    return (log_px + log_pz).logsumexp(0) - math.log(k)


def sum_of_weights(module, x, k):
    log_px, log_pz, log_qz = log_weight_parts(module, x, k)
    return (log_px + log_pz - log_qz).logsumexp(0)


def averaged_over_values(module, x, k):
    return importance_bound(module, x, k) / x[0].numel()


@pytest.mark.parametrize("fault", [max_weight, sum_of_weights])
def test_bound_that_is_no_log_of_a_mean_fails(fault, binary_digits):
    result = audit(VAEModule(latent=5), first(binary_digits), log_likelihood=fault)
    assert result[BOUND].passed is False
    assert "the log of the mean of" in result[BOUND].evidence


def test_weight_without_q_fails(binary_digits):
    """After training, the density q(z|x) is above one, so that a weight that is not divided by it exceeds p(x)."""
    x = F.interpolate(binary_digits.train.first(300).x, scale_factor=3)
    module = VAEModule(x[0].numel(), latent=1)
    optimizer = torch.optim.Adam(module.parameters(), 0.02)
    for _ in range(150):
        optimizer.zero_grad()
        (-importance_bound(module, x, 1).mean()).backward()
        optimizer.step()
    result = audit(module, x, log_likelihood=without_q, log_px=bernoulli_log_px)
    assert result[BOUND].passed is False
    assert "and log p(x) is" in result[BOUND].evidence
    result = audit(module, x, log_likelihood=importance_bound, log_px=bernoulli_log_px)
    assert result.passed, result
    assert "nats below log p(x) on average (a grid over z" in result[BOUND].evidence


@pytest.mark.parametrize(
    ("fault", "check"), [(max_weight, BOUND), (sum_of_weights, TOTAL), (averaged_over_values, TOTAL)]
)
def test_total_probability(fault, check):
    x = torch.randint(2, (13, 6), generator=torch.Generator().manual_seed(0)).float()
    result = audit(VAEModule(size=6), x, log_likelihood=importance_bound)
    assert result[TOTAL].passed
    assert "all 64 possible x add up to 1.0" in result[TOTAL].evidence or "0.99" in result[TOTAL].evidence
    assert audit(VAEModule(size=6), x, log_likelihood=fault)[check].passed is False


def without_q_in_weight(draw):
    draw.log_w = draw.log_px + draw.log_pz
    return draw


def with_half_kl(draw):
    draw.latents[0].q.loc[..., 0] += 2
    draw.latents[0].z[..., 0] += 2
    draw.kl = 0.5 * draw.kl
    return draw


def with_z(z):
    """Return a change that replaces the z of a draw."""

    def change(draw):
        latent = draw.latents[0]
        latent.z = z(latent)
        return draw

    return change


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (without_q_in_weight, "nats from log p"),
        (with_half_kl, "the KL of example"),
        # The variance instead of the standard deviation, and uniform instead of normal noise.
        (with_z(lambda latent: latent.q.loc + (latent.z - latent.q.loc) * latent.q.variance.sqrt() * 0.5), "variance"),
        (with_z(lambda latent: latent.q.loc + torch.special.ndtr(latent.z - latent.q.loc) - 0.5), "variance"),
        (with_z(lambda latent: latent.z + 0.5), "mean"),
    ],
)
def test_inconsistent_draw_fails(change, words, binary_digits):
    result = audit(model_with_fault(change), binary_digits)
    assert result[WEIGHT].passed is False
    assert words in result[WEIGHT].evidence
