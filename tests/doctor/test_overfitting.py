"""Diagnoses of the fit."""

import pytest
import torch
from torch import nn

import elbowroom as er
from elbowroom.data import Batch
from elbowroom.doctor import examine
from elbowroom.doctor.amortization_gap import measure_amortization_gap
from tests.doctor.runs import events, get_finding, make, repeat_first, titles, train


def test_decoder_that_over_fits(digits, tmp_path):
    data = repeat_first(digits)
    run = train(data, tmp_path / "run", *make(hidden=(400,)), watch=())
    finding = get_finding(examine(run, data), "over-fitting of the decoder")
    assert finding.severity == "warning"
    assert "of the gap is the encoder's" in finding.evidence
    assert "stop earlier" in finding.advice


def test_encoder_that_over_fits(digits, tmp_path):
    """The decoder is trained on all examples; then the encoder alone on thirty."""
    model, objective = make(hidden=(200,), latent=16, likelihood="gaussian:0.1")
    train(digits, tmp_path / "whole", model, objective, steps=600, watch=(), callbacks=[])
    model.train().decoder.requires_grad_(False)
    data = repeat_first(digits, 30)
    run = train(data, tmp_path / "run", model, objective, steps=400, watch=())
    finding = get_finding(examine(run, data), "over-fitting of the encoder")
    assert finding.severity == "warning"
    assert "regularize the encoder alone" in finding.advice


def test_refining_finds_the_true_posterior_of_a_linear_model():
    """The posterior fitted to each example is the true one, and its ELBO is log p(x)."""
    torch.manual_seed(0)
    columns, _ = torch.linalg.qr(torch.randn(6, 2))
    decoder = er.Conditional(nn.Linear(2, 6), er.Gaussian(6, 0.5))
    with torch.no_grad():
        decoder.net.weight.copy_(columns)
        decoder.net.bias.zero_()
    model = er.Model(er.Conditional.mlp(6, er.DiagonalNormal(2), (16,)), decoder, er.StandardNormal(2))
    covariance = columns @ columns.T + 0.25 * torch.eye(6)
    marginal = torch.distributions.MultivariateNormal(torch.zeros(6), covariance)
    x = marginal.sample((40,))
    before = {name: t.clone() for name, t in model.state_dict().items()}
    result = measure_amortization_gap(model, Batch(x, None, torch.arange(40)), 16)
    gap = (marginal.log_prob(x) - result.refined).mean()
    # 64 samples leave an error of some hundredths, and the maximum of two estimates is biased upwards.
    assert abs(gap) < 0.1
    assert result.gap.mean() > 0.5
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, before[name])
    assert all(p.requires_grad and p.grad is None for p in model.parameters())


@pytest.mark.parametrize("point", [False, True])
def test_posteriors_of_maps_are_refined(point):
    """Of sides that differ: a map is one event, whose KL is a number for each example."""
    architecture = er.Architecture((1, 6, 4), "conv", widths=(8,), levels=1)
    family = (er.Point if point else er.DiagonalNormal)(architecture.map_shape(2))
    decoder = architecture.decoder(family, er.Gaussian((1, 6, 4)))
    model = er.Model(architecture.encoder(family), decoder, None if point else er.StandardNormal(family.shape))
    result = measure_amortization_gap(model, Batch(torch.rand(3, 1, 6, 4), None, torch.arange(3)), 2)
    assert result.gap.shape == (3,)
    assert result.gap.mean() > 0


def test_decoder_variance_that_runs_away(digits, tmp_path):
    """A variance for each pixel goes to zero where pixels are always black."""
    run = train(digits, tmp_path / "run", *make(likelihood="diagonal-normal"), lr=1e-2, batch_size=128)
    finding = get_finding(examine(run), "decoder variance running away")
    assert finding.severity == "fault"
    assert "of some values" in finding.evidence
    assert "decoder variance running away" in {row["title"] for row in events(run, "finding")}


def test_decoder_scale_that_goes_to_zero(digits, tmp_path):
    """With as many dimensions as pixels and no KL the error goes to zero, and the scale with it."""
    model, _ = make("autoencoder", latent=64, hidden=(), likelihood="gaussian")
    run = train(digits, tmp_path / "run", model, er.Reconstruction(), batch_size=128, watch=())
    finding = get_finding(examine(run), "decoder variance running away")
    assert "the standard deviation of every value is 0.0" in finding.evidence
    assert "below 0.029, half the distance of the data's values" in finding.evidence


def test_few_labels_in_training_and_all_held_out_are_no_over_fitting(tmp_path):
    """A bound of log p(x, y) is about log 10 nats below one of log p(x)."""
    data = er.load_data("digits", labeled=50, labeled_share=0.125)
    run = train(data, tmp_path / "run", *er.recipes.m2(data.shape, latent=2, hidden=(16,)), steps=60)
    assert not [title for title in titles(examine(run, data), "note") if title.startswith("over-fitting")]
