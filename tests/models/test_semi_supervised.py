"""The class marginalized out: against the same sums written down, and trained with few labels."""

import math

import pytest
import torch

import elbowroom as er
from elbowroom.distributions import kl_divergence


@pytest.fixture
def model():
    torch.manual_seed(0)
    return er.recipes.m2((9,), latent=2, hidden=(16,), labels=3)[0]


def test_the_bounds_are_those_of_the_paper(model):
    """Known, unknown and no labels; each class's bound written down from its own networks."""
    x, c = torch.rand(5, 9), torch.tensor([0, 2, -1, -1, 1])
    draw = model.draw(x, c, k=4)
    log_qy = model.log_qy(x)
    for i in range(5):
        class_bounds = []
        for y in range(3):
            one_hot = torch.eye(3)[y : y + 1]
            q = model.encoder(x[i : i + 1], one_hot)
            log_px = model.decoder(draw.class_posterior.latent.z[:, i : i + 1, y], one_hot).log_prob(x[i : i + 1])
            class_bounds.append(log_px.mean() - math.log(3) - kl_divergence(q, model.prior())[0])
        bounds, weight = torch.stack(class_bounds), log_qy[i].exp()
        expected = bounds[c[i]] if c[i] >= 0 else (weight * (bounds - log_qy[i])).sum()
        torch.testing.assert_close(draw.elbo[i], expected, atol=1e-4, rtol=1e-4)
    unlabeled = model.draw(x, None, k=4)
    assert (unlabeled.class_posterior.label == -1).all()


def test_the_bound_closes_to_the_same_likelihood_with_and_without_the_class(model):
    """log p(x) = log Σ_y p(x, y): the importance bounds of the classes add up to that of the sum."""
    torch.manual_seed(1)
    x = torch.rand(4, 9)
    with torch.no_grad():
        whole = model.draw(x, None, 4000).log_w.logsumexp(0) - math.log(4000)
        joint = [model.draw(x, torch.full((4,), y), 4000).log_w.logsumexp(0) - math.log(4000) for y in range(3)]
    torch.testing.assert_close(whole, torch.stack(joint).logsumexp(0), atol=0.03, rtol=0)


def test_the_unknown_bound_is_below_the_likelihood_and_above_any_other_class_posterior(model):
    """q(y|x) sharpened towards the posterior of the classes raises the bound."""
    x = torch.rand(50, 9)
    with torch.no_grad():
        draw = model.draw(x, None, 200)
        assert (draw.elbo <= draw.log_w.logsumexp(0) - math.log(200) + 0.05).all()


def test_samples_show_the_classes_in_turn_or_the_given_one(model):
    model.eval()
    z = torch.zeros(6, 2)
    turns, zeros = (model.sample(z=z, c=c, draw=False) for c in (None, torch.zeros(6, dtype=torch.long)))
    torch.testing.assert_close(turns[0], turns[3])
    assert not torch.equal(turns[0], turns[1])
    torch.testing.assert_close(zeros, zeros[:1].expand(6, -1))


def test_a_few_labels_suffice_for_classification(tmp_path):
    """Digits with 100 labels, which are half of every epoch: one in ten would be right by chance."""
    data = er.load_data("digits", labeled=100)
    torch.manual_seed(0)
    model, objective = er.recipes.m2(data.shape, latent=10, hidden=(100,))
    run = er.fit(
        model, objective, data, epochs=40, batch_size=64, lr=3e-3, out=tmp_path / "run", device="cpu", watch=()
    )
    x, truth, _ = data.test.first(359)
    error = (model.classify(x).argmax(-1) != truth).float().mean().item()
    assert error < 0.2
    metric = er.evaluate(run, samples=1, metrics="reconstruction")["class_error"]
    assert (metric.value, metric.examples) == (pytest.approx(error, abs=1e-6), 359)
