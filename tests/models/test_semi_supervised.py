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


@pytest.mark.parametrize("is_stacked", [False, True])
def test_the_classes_of_an_example_share_their_noise_and_nothing_else_does(model, is_stacked):
    model = make_stacked()[0] if is_stacked else model
    draw = model.draw(torch.rand(5, 9), None, k=4)
    latent = draw.class_posterior.latent
    eps = (latent.z - latent.q.mean) / latent.q.stddev
    assert eps.shape == (4, 5, 3, 2)
    torch.testing.assert_close(eps, eps[:, :, :1].expand_as(eps), atol=1e-4, rtol=1e-4)
    assert torch.pdist(eps[:, :, 0].reshape(20, 2)).min() > 1e-4


def test_differences_between_classes_have_less_variance_than_with_noise_of_their_own(model):
    """The bound of each class has the same mean either way."""
    x = torch.rand(1, 9)
    with torch.no_grad():
        classes = torch.eye(3)
        q = model.encoder(x[:, None], classes)
        own = model.decoder(q.rsample((20_000,)), classes).log_prob(x[:, None])
        shared = model.draw(x, None, k=20_000).class_posterior.log_px
    torch.testing.assert_close(own.mean(0), shared.mean(0), atol=0.05, rtol=0)
    own, shared = ((one[..., 0] - one[..., 1]).var() for one in (own, shared))
    assert shared < 0.8 * own


def test_the_weight_of_the_kl_of_z_falls_to_one(model):
    objective = er.SemiSupervisedELBO(0.5, er.ramp(5, 1, 100))
    draw = model.draw(torch.rand(4, 9), torch.tensor([0, -1, 2, -1]))
    torch.testing.assert_close(draw.kl_within_class + draw.class_kl, draw.kl)
    torch.testing.assert_close(draw.class_kl[[0, 2]], torch.full((2,), math.log(3)))
    assert (draw.class_kl[[1, 3]] < math.log(3)).all()
    for step, beta in ((0, 5), (50, 3), (100, 1), (1000, 1)):
        expected = -draw.elbo.mean() + (beta - 1) * draw.kl_within_class.mean()
        torch.testing.assert_close(objective(draw, torch.tensor(float(step))), expected)
    draw.kl_weight = 0.5
    expected = -(draw.log_px.mean(0) - 0.5 * draw.kl).mean()
    torch.testing.assert_close(er.SemiSupervisedELBO(0.5)(draw, torch.tensor(0)), expected)


@pytest.mark.parametrize("weight", [0.0, 0.5])
def test_a_warm_up_weighs_the_kl_of_both_stages(weight):
    model, _ = make_stacked()
    draw = model.draw(torch.rand(6, 9), None)
    draw.kl_weight = weight
    expected = -sum((one.log_px.mean(0) - weight * one.kl).mean() for one in (draw.features, draw.classes))
    torch.testing.assert_close(er.SemiSupervisedELBO(0)(draw, torch.tensor(0)), expected)


@pytest.mark.parametrize("m1_beta", [0.0, 0.25, 1.0])
def test_the_kl_of_m1_has_a_weight_of_its_own(model, m1_beta):
    """The reconstruction of m1, its KL in part, and the bound of m2 of its latents."""
    stacked, _ = make_stacked()
    draw = stacked.draw(torch.rand(6, 9), None)
    expected = -(draw.features.log_px.mean(0) - m1_beta * draw.features.kl + draw.classes.elbo).mean()
    torch.testing.assert_close(er.StackedELBO(0, m1_beta)(draw, torch.tensor(0)), expected)
    torch.testing.assert_close(
        er.StackedELBO(0)(draw, torch.tensor(0)), er.SemiSupervisedELBO(0)(draw, torch.tensor(0))
    )
    with pytest.raises(ValueError, match=r"for a StackedSemiSupervised model: use SemiSupervisedELBO\(\)"):
        er.StackedELBO(0)(model.draw(torch.rand(2, 9), None), torch.tensor(0))


def make_stacked():
    torch.manual_seed(0)
    sizes = {"latent": 2, "hidden": (16,), "m1_latent": 3, "m2_hidden": (16,)}
    return er.recipes.m1_m2((9,), **sizes, labels=3, share=0.25, m1_beta=1.0)


@pytest.mark.parametrize("is_stacked", [False, True])
def test_the_bound_closes_to_the_same_likelihood_with_and_without_the_class(model, is_stacked):
    """log p(x) = log Σ_y p(x, y): the importance bounds of the classes add up to that of the sum."""
    model = make_stacked()[0] if is_stacked else model
    torch.manual_seed(1)
    x = torch.rand(4, 9)
    with torch.no_grad():
        k = 20_000 if is_stacked else 4000  # more latents, more variance
        whole = model.draw(x, None, k).log_w.logsumexp(0) - math.log(k)
        joint = [model.draw(x, torch.full((4,), y), k).log_w.logsumexp(0) - math.log(k) for y in range(3)]
    torch.testing.assert_close(whole, torch.stack(joint).logsumexp(0), atol=0.03, rtol=0)


def test_the_unknown_bound_is_below_the_likelihood_and_above_any_other_class_posterior(model):
    """q(y|x) sharpened towards the posterior of the classes raises the bound."""
    x = torch.rand(50, 9)
    with torch.no_grad():
        draw = model.draw(x, None, 200)
        assert (draw.elbo <= draw.log_w.logsumexp(0) - math.log(200) + 0.05).all()


def test_the_stacked_bound_is_that_of_m2_for_the_latents_of_m1():
    model, _ = make_stacked()
    x, c = torch.rand(5, 9), torch.tensor([0, 2, -1, -1, 1])
    draw = model.draw(x, c, k=4)
    z1, q1 = draw.features.z, model.features.posterior(x)
    bounds = draw.classes.log_px - draw.classes.kl  # of each of the K draws, less the mean of the KL
    expected = (model.decoder(z1).log_prob(x) - q1.log_prob(z1) + bounds).mean(0)
    torch.testing.assert_close(draw.elbo, expected)
    assert (draw.elbo <= draw.log_w.logsumexp(0)).all()
    torch.testing.assert_close(model.classify(x).exp().log(), model.classes.classify(q1.mean))


def test_each_stage_has_its_own_gradient():
    """The bound of M2 and the labels move M2 alone; M1 learns as a VAE of its own."""
    model, objective = make_stacked()
    x, c = torch.rand(6, 9), torch.tensor([0, 2, -1, -1, 1, -1])
    draw = model.draw(x, c)
    (draw.classes.elbo.mean() + er.Classification()(draw, torch.tensor(0))).backward(retain_graph=True)
    assert all(p.grad is None for p in model.features.parameters())
    objective(draw, torch.tensor(0)).backward(retain_graph=True)
    weight = torch.where(c >= 0, 2 * 0.25, 2 * 0.75) / 6
    expected = torch.autograd.grad(-(draw.features.elbo * weight).sum(), [*model.features.parameters()])
    for parameter, gradient in zip(model.features.parameters(), expected, strict=True):
        torch.testing.assert_close(parameter.grad, gradient)


@pytest.mark.parametrize(("labels", "weights"), [([0, -1, -1, -1], [0.1, 0.3, 0.3, 0.3]), ([0, 1], [0.5, 0.5])])
def test_labelled_examples_count_by_their_share(model, labels, weights):
    draw = model.draw(torch.rand(len(labels), 9), torch.tensor(labels))
    loss = er.SemiSupervisedELBO(0.1)(draw, torch.tensor(0))
    torch.testing.assert_close(loss, -(draw.elbo * torch.tensor(weights)).sum())
    with pytest.raises(ValueError, match="from 0 to 1, got 2"):
        er.SemiSupervisedELBO(2)


def test_unknown_labels_are_no_class(model):
    """As training examples have them: decoded they show the classes in turn, as without labels."""
    z = torch.randn(6, *model.latent_shape)
    in_turn = model.decode(z).mean
    torch.testing.assert_close(model.decode(z, torch.full((6,), -1)).mean, in_turn)
    some = model.decode(z, torch.tensor([2, -1, -1, 2, -1, -1])).mean
    torch.testing.assert_close(some[[1, 2, 4, 5]], in_turn[[1, 2, 4, 5]])
    torch.testing.assert_close(some[[0, 3]], model.decode(z, torch.full((6,), 2)).mean[[0, 3]])


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
        model, objective, data, epochs=12, batch_size=64, lr=3e-3, out=tmp_path / "run", device="cpu", watch=()
    )
    x, truth, _ = data.test.first(359)
    error = (model.classify(x).argmax(-1) != truth).float().mean().item()
    assert error < 0.2
    metric = er.evaluate(run, samples=1, metrics="reconstruction")["class_error"]
    assert (metric.value, metric.examples) == (pytest.approx(error, abs=1e-6), 359)
