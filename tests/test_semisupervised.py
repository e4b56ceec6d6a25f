"""Classes summed out: against the same sums written down, and what a few labels teach."""

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
        of_class = []
        for y in range(3):
            given = torch.eye(3)[y : y + 1]
            q = model.encoder(x[i : i + 1], given)
            log_px = model.decoder(draw.classes.latent.z[:, i : i + 1, y], given).log_prob(x[i : i + 1])
            of_class.append(log_px.mean() - math.log(3) - kl_divergence(q, model.prior())[0])
        bounds, weight = torch.stack(of_class), log_qy[i].exp()
        expected = bounds[c[i]] if c[i] >= 0 else (weight * (bounds - log_qy[i])).sum()
        torch.testing.assert_close(draw.elbo[i], expected, atol=1e-4, rtol=1e-4)
    nobody = model.draw(x, None, k=4)
    assert (nobody.classes.label == -1).all()


def test_the_bound_closes_to_the_same_likelihood_with_and_without_the_class(model):
    """log p(x) = log Σ_y p(x, y): the importance bounds of the classes add up to that of the sum."""
    torch.manual_seed(1)
    x = torch.rand(4, 9)
    with torch.no_grad():
        whole = model.draw(x, None, 4000).log_w.logsumexp(0) - math.log(4000)
        joint = [model.draw(x, torch.full((4,), y), 4000).log_w.logsumexp(0) - math.log(4000) for y in range(3)]
    torch.testing.assert_close(whole, torch.stack(joint).logsumexp(0), atol=0.03, rtol=0)


def test_the_unknown_bound_is_below_the_likelihood_and_above_any_other_guess(model):
    """q(y|x) sharpened towards the posterior of the classes raises the bound."""
    x = torch.rand(50, 9)
    with torch.no_grad():
        draw = model.draw(x, None, 200)
        assert (draw.elbo <= draw.log_w.logsumexp(0) - math.log(200) + 0.05).all()


def test_classification_counts_the_known_alone(model):
    x, c = torch.rand(5, 9), torch.tensor([0, 2, -1, -1, 1])
    cost = er.Classification()(model.draw(x, c), torch.tensor(0))
    known = c >= 0
    expected = torch.nn.functional.cross_entropy(model.classifier(x[known]), c[known])
    torch.testing.assert_close(cost, expected)
    assert er.Classification()(model.draw(x, None), torch.tensor(0)) == 0
    with pytest.raises(ValueError, match="for a SemiSupervised model"):
        er.Classification()(er.recipes.vae((9,))[0].draw(x), torch.tensor(0))


def test_samples_show_the_classes_in_turn_or_the_one_asked_for(model):
    model.eval()
    z = torch.zeros(6, 2)
    turns, zeros = model.sample(z=z), model.sample(z=z, c=torch.zeros(6, dtype=torch.long))
    torch.testing.assert_close(turns[0], turns[3])
    assert not torch.equal(turns[0], turns[1])
    torch.testing.assert_close(zeros, zeros[:1].expand(6, -1))


def test_a_few_labels_teach(tmp_path):
    """Digits with 100 labels, repeated until they are half of an epoch: one in ten would be right by chance."""
    data = er.load_data("digits")
    y = torch.full_like(data.train.y, -1)
    keep = torch.cat([(data.train.y == k).nonzero()[:10, 0] for k in range(10)])
    y[keep] = data.train.y[keep]
    rows = torch.cat([torch.arange(len(y)), keep.repeat(12)])
    few = er.load_data((data.train.x[rows].numpy(), y[rows].numpy()), validation=0, test=0)
    torch.manual_seed(0)
    model, objective = er.recipes.m2(data.shape, latent=10, hidden=(100,))
    er.fit(model, objective, few, epochs=20, batch_size=64, lr=3e-3, out=tmp_path / "run", device="cpu", watch=())
    x, truth, _ = data.test.first(359)
    error = (model.classify(x).argmax(-1) != truth).float().mean()
    assert error < 0.25


@pytest.mark.parametrize(
    ("c", "words"),
    [
        (torch.tensor([0, 12]), "the labels run from 0 to 12, and the model was made for 0 to 9"),
        (torch.rand(2, 4), "4 attributes were given to a model made for 10"),
    ],
)
def test_labels_that_do_not_fit(c, words):
    model, _ = er.recipes.cvae((9,))
    with pytest.raises(ValueError, match=words):
        model.draw(torch.rand(2, 9), c)


def test_a_conditional_model_takes_attributes():
    torch.manual_seed(0)
    model, _ = er.recipes.cvae((9,), labels=4, prior="learned")
    c = torch.rand(6, 4)
    assert model.draw(torch.rand(6, 9), c, k=2).log_w.shape == (2, 6)
    assert model.sample(6, c).shape == (6, 9)
