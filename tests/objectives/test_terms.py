"""Errors of the common terms, and the classification loss."""

import math

import pytest
import torch

import elbowroom as er

SHAPE = (1, 8, 8)


STEP = torch.tensor(0)


@pytest.mark.parametrize("term", [er.Reconstruction, er.ImportanceBound])
def test_no_sample_is_refused(term):
    with pytest.raises(ValueError, match="at least 1, got 0"):
        term(k=0)


def test_a_point_posterior_has_no_kl_and_the_error_names_the_remedy():
    model, _ = er.recipes.autoencoder(SHAPE)
    with torch.no_grad():
        draw = model.draw(torch.rand(4, *SHAPE))
    with pytest.raises(ValueError, match=r"KL and ELBO are undefined: use .*MMD\(\) or LatentL2\(\)"):
        er.KL()(draw, STEP)
    assert er.LatentL2()(draw, STEP) == pytest.approx(0.5 * draw.z.square().sum(-1).mean().item(), rel=1e-5)


def test_commitment_needs_a_codebook(draw):
    with pytest.raises(ValueError, match=r"Commitment\(\) needs a quantized posterior"):
        er.Commitment()(draw, STEP)


@pytest.fixture
def semi_supervised():
    torch.manual_seed(0)
    return er.recipes.m2((9,), latent=2, hidden=(16,), labels=3)[0]


def test_classification_counts_the_known_alone(semi_supervised):
    x, c = torch.rand(5, 9), torch.tensor([0, 2, -1, -1, 1])
    cost = er.Classification()(semi_supervised.draw(x, c), torch.tensor(0))
    known = c >= 0
    expected = torch.nn.functional.cross_entropy(semi_supervised.classifier(x[known]), c[known])
    torch.testing.assert_close(cost, expected)
    assert er.Classification()(semi_supervised.draw(x, None), torch.tensor(0)) == 0
    with pytest.raises(ValueError, match="for a SemiSupervised model"):
        er.Classification()(er.recipes.vae((9,))[0].draw(x), torch.tensor(0))


def test_a_class_costs_what_it_lies_below_the_floor(semi_supervised):
    class Given(torch.nn.Module):
        def forward(self, x):
            return torch.tensor([[0.5, 0.3, 0.2], [0.98, 0.01, 0.01], [0.9, 0.095, 0.005]]).log()

    semi_supervised.classifier = Given()
    draw = semi_supervised.draw(torch.rand(3, 9), torch.tensor([0, -1, -1]))
    torch.testing.assert_close(er.ClassFloor(0.02)(draw, STEP), torch.tensor((2 * math.log(2) + math.log(4)) / 3))
    assert er.ClassFloor(0.005)(draw, STEP).abs() < 1e-6
    with pytest.raises(ValueError, match="for a SemiSupervised model"):
        er.ClassFloor()(er.recipes.vae((9,))[0].draw(torch.rand(3, 9)), STEP)
    with pytest.raises(ValueError, match="between 0 and 1, got 1"):
        er.ClassFloor(1)
