"""Faults by which values depend on the batch, on the mode or on earlier calls."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from elbowroom.auditor import audit
from tests.auditor.modules import (
    BATCH_SIZE,
    DECODER,
    EVAL_MODE,
    ORDER,
    REST_OF_BATCH,
    SIDE_EFFECTS,
    Dropout,
    VAEModule,
    failed_checks,
    first,
    importance_bound,
)


@pytest.mark.parametrize("layer", [nn.BatchNorm1d, Dropout])
def test_training_mode_fails(layer, binary_digits):
    module = VAEModule(extra=layer)
    result = audit(module, first(binary_digits))
    assert EVAL_MODE in failed_checks(result)
    assert "call .eval() before scoring" in result[EVAL_MODE].evidence
    assert failed_checks(audit(module.eval(), first(binary_digits))) == set()


def test_batch_norm_in_training_mode_fails(binary_digits):
    result = audit(VAEModule(extra=nn.BatchNorm1d), first(binary_digits))
    assert {BATCH_SIZE, REST_OF_BATCH, EVAL_MODE, SIDE_EFFECTS, DECODER} <= failed_checks(result)
    assert "a batch of one example cannot be scored" in result[BATCH_SIZE].evidence
    assert "depends on the z of the other examples" in result[DECODER].evidence


def test_function_that_leaves_evaluation_mode_fails(binary_digits):
    def log_likelihood(module, x):
        module.train()
        return importance_bound(module, x, 8)

    result = audit(VAEModule(extra=Dropout).eval(), first(binary_digits), log_likelihood=log_likelihood)
    assert "log_likelihood leaves evaluation mode" in result[EVAL_MODE].evidence
    assert EVAL_MODE in failed_checks(result)


def test_values_that_depend_on_the_batch_fail(binary_digits):
    def averaged_kl(module, x):
        reconstruction, mu, logvar = module(x)
        kl = 0.5 * (mu**2 + logvar.exp() - 1 - logvar).sum(1)
        return -F.binary_cross_entropy(reconstruction, x.flatten(1), reduction="none").sum(1) - kl.mean()

    def running_mean(module, x):
        return importance_bound(module, x, 4).cumsum(0) / (torch.arange(len(x)) + 1)

    x = first(binary_digits)
    assert {BATCH_SIZE, REST_OF_BATCH} <= failed_checks(audit(VAEModule(), x, log_likelihood=averaged_kl))
    assert {ORDER, BATCH_SIZE} <= failed_checks(audit(VAEModule(), x, log_likelihood=running_mean))


def test_scoring_that_changes_buffers_fails(binary_digits):
    class RunningMean(VAEModule):
        def __init__(self):
            super().__init__()
            self.register_buffer("center", torch.zeros(64))

        def encode(self, x):
            self.center.lerp_(x.flatten(1).mean(0), 0.1)
            return super().encode(x - self.center.view(1, 8, 8))

    result = audit(RunningMean().eval(), first(binary_digits))
    assert "changed center" in result[SIDE_EFFECTS].evidence
    assert result[SIDE_EFFECTS].passed is False


def test_unhandled_random_call_is_named(binary_digits):
    class GammaNoise(VAEModule):
        def forward(self, x):
            mu, logvar = self.encode(x)
            return self.decode(mu * torch.distributions.Gamma(torch.ones_like(mu), 1.0).rsample()), mu, logvar

    outcome = audit(GammaNoise(), first(binary_digits))[BATCH_SIZE]
    assert outcome.passed is None
    assert "it draws with _standard_gamma" in outcome.evidence


def test_rejection_sampler_ends(binary_digits):
    class RejectionSampler(VAEModule):
        def forward(self, x):
            mu, logvar = self.encode(x)
            while torch.rand(()) > 0.4:
                pass
            return self.decode(mu), mu, logvar

    outcome = audit(RejectionSampler(), first(binary_digits))[BATCH_SIZE]
    assert outcome.passed is None
    assert "as a rejection sampler may" in outcome.evidence
