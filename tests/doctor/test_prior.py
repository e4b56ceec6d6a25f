"""Diagnosis of latents that lie where the prior does not."""

import pytest
import torch

import elbowroom as er
from elbowroom.distributions import Normal
from elbowroom.doctor import examine
from elbowroom.doctor.prior_gap import measure_prior_gap
from elbowroom.doctor.registry import NotApplicableError
from elbowroom.samplers import fit_sampler
from tests.doctor.runs import get_finding, make, titles, train

TITLE = "latents off the prior"


@pytest.mark.parametrize("beta", [0.01, 1.0])
def test_a_training_without_weight_on_the_kl_is_found_and_a_usual_one_is_not(digits, tmp_path, beta):
    run = train(digits, tmp_path / "run", *make("beta_vae", latent=4, beta=beta))
    findings = examine(run)
    assert TITLE in findings.performed_names
    assert (TITLE in titles(findings)) == (beta == 0.01)
    if beta == 0.01:
        finding = get_finding(findings, TITLE)
        assert f"'elbowroom fit-sampler {run.path} mixture:10'" in finding.advice
        fit_sampler(run, "gaussian")
        advice = get_finding(examine(run), TITLE).advice
        assert advice == (
            f"sample from a density fitted to the latents: 'elbowroom sample {run.path} --sampler gaussian'"
        )


class Shifted(torch.nn.Module):
    """q(z|x) that does not depend on x: normal with this mean and standard deviation 1."""

    def __init__(self, mean):
        super().__init__()
        self.family, self.mean = er.DiagonalNormal(2), torch.nn.Parameter(torch.full((2,), float(mean)))

    def forward(self, x):
        return Normal(self.mean.expand(len(x), 2), torch.zeros(len(x), 2))


@pytest.mark.parametrize("mean", [0.0, 3.0])
def test_the_gap_is_the_kl_where_the_aggregate_posterior_is_a_normal(digits, mean):
    """KL(N(m, I) ‖ N(0, I)) = |m|² / 2."""
    decoder = er.Conditional.mlp(2, er.Bernoulli((1, 8, 8)))
    model = er.Model(Shifted(mean), decoder, er.StandardNormal(2))
    gap = measure_prior_gap(model, digits.train, digits.test.first(300))
    assert gap.nats == pytest.approx(mean**2, abs=4 * gap.standard_error + 0.02)
    assert gap.is_large == (mean > 0)


@pytest.mark.parametrize(
    ("recipe", "arguments", "reason"),
    [("autoencoder", {}, "no prior"), ("vq_vae", {}, "codes, not numbers"), ("vae", {"latent": 200}, "too few")],
)
def test_where_it_does_not_apply(digits, recipe, arguments, reason):
    with pytest.raises(NotApplicableError, match=reason):
        measure_prior_gap(make(recipe, **arguments)[0], digits.train, digits.test.first(10))
