"""A joint posterior with a flow of each view: products of flows against closed forms and integrals on a grid."""

import math

import pytest
import torch

import elbowroom as er
from elbowroom.distributions import Normal, ViewFlows, kl_divergence
from elbowroom.noise import keyed_noise, zero_noise
from elbowroom.objectives.views import mask_views
from elbowroom.view_shape import View, ViewShape
from tests.tiny_recipes import make_tiny
from tests.views import VIEWS, random_views

THREE = ViewShape([View(name, (2,), "gaussian") for name in "abc"])
#: Which of three views an example has: each number of them.
OBSERVED = torch.tensor([[1.0, 1.0, 1.0], [0.0, 1.0, 0.0], [1.0, 0.0, 1.0], [0.0, 0.0, 0.0]])


def make_family(n_views=3, latent=2, scale=0.0):
    """Flows whose networks' weights have this scale: with 0 they are the identity."""
    torch.manual_seed(0)
    family = er.FlowExperts(latent, n_views)
    with torch.no_grad():
        for weight in family.parameters():
            weight.copy_(scale * torch.randn_like(weight) / weight.shape[-1] ** 0.5)
    return family


def make_posterior(family, observed=OBSERVED, like=False):
    """The posterior of examples with these views; all examples alike but for their views, or not."""
    torch.manual_seed(1)
    numbers = family.size - family.n_views
    phi = 0.5 * torch.randn(1 if like else len(observed), numbers).expand(len(observed), -1)
    return family(torch.cat([phi, observed], -1))


def exact_products(q):
    """The products of normals, where the flows are the identity."""
    precision = (q.observed[..., None] / torch.stack([view.base.variance for view in q.views], -2)).sum(-2)
    weighted = sum(q.observed[:, [i]] / view.base.variance * view.base.mean for i, view in enumerate(q.views))
    total = precision + 1 - q.observed.sum(-1, keepdim=True)
    return Normal(weighted / total, -total.log())


def test_without_layers_it_is_the_product_of_normals_over_the_prior():
    q = make_posterior(make_family())
    exact = exact_products(q)
    z = 0.5 * torch.randn(5, 4, 2)
    expected = exact.log_prob(z).where(q.observed.sum(-1) < 3, q.joint.log_prob(z))
    torch.testing.assert_close(q.log_prob(z), expected, atol=0.02, rtol=0)
    torch.testing.assert_close(q.mean[2], exact.mean[2], atol=0.1, rtol=0)
    torch.testing.assert_close(q.variance[1:], exact.variance[1:], atol=0.2, rtol=0)


def test_draws_of_some_views_are_those_of_an_integral_on_a_grid():
    q = make_posterior(make_family(scale=1.0), OBSERVED[2:3])
    line = torch.linspace(-6, 6, 121)  # wide flows have products without an integral; these fall off
    points = torch.cartesian_prod(line, line)
    with torch.no_grad():
        scores = q.view_log_probs(points[:, None])[:, 0]
        log_p = scores[:, 0] + scores[:, 2] + math.log(2 * math.pi) + 0.5 * points.square().sum(-1)
        constant = (log_p.logsumexp(0) + 2 * (line[1] - line[0]).log()).item()
        density = q.log_prob(points[:1, None]).item()
        torch.manual_seed(0)
        drawn = q.rsample((1500,))[:, 0]
    weights = log_p.softmax(0)
    mean = weights @ points
    covariance = (weights[:, None] * (points - mean)).T @ (points - mean)
    normal = q.views[0].base
    assert (normal.log_prob(points) - scores[:, 0]).abs().max() > 0.3  # the flows are no normals
    assert density == pytest.approx(log_p[0].item() - constant, abs=0.05)
    torch.testing.assert_close(drawn.mean(0), mean, atol=0.06, rtol=0)
    torch.testing.assert_close(drawn.T.cov(), covariance, atol=0.08, rtol=0)
    torch.testing.assert_close(q.mean[0], mean, atol=0.1, rtol=0)
    for angle in (torch.tensor([1.0, 0.0]), torch.tensor([0.6, -0.8])):
        below = (points - mean) @ angle < 0.3
        share = ((drawn - mean) @ angle < 0.3).float().mean()
        assert share.item() == pytest.approx(weights[below].sum().item(), abs=0.04)


def test_a_single_view_is_its_flow_and_none_the_standard_normal():
    q = make_posterior(make_family(scale=1.0))
    torch.manual_seed(3)
    z = q.rsample((6,))
    torch.manual_seed(3)
    eps = torch.randn(6, 4, 2)
    flow = q.views[1]
    torch.testing.assert_close(z[:, 0], q.joint.from_noise(eps)[:, 0])
    torch.testing.assert_close(z[:, 1], flow.from_noise(eps)[:, 1])
    torch.testing.assert_close(z[:, 3], eps[:, 3])
    value = torch.randn(6, 4, 2)
    torch.testing.assert_close(q.log_prob(value)[:, 1], flow.log_prob(value)[:, 1])
    torch.testing.assert_close(q.log_prob(value)[:, 3], Normal(torch.zeros(2), torch.zeros(2)).log_prob(value[:, 3]))
    torch.testing.assert_close(q.mean[1], flow.mean[1])
    with zero_noise():
        torch.testing.assert_close(q.rsample((2,)), q.mean.expand(2, 4, 2))


def test_draws_depend_neither_on_their_number_nor_on_other_examples():
    family, index = make_family(scale=1.0), torch.arange(4)
    q, pair = make_posterior(family, like=True), make_posterior(family, OBSERVED[2:], like=True)
    with keyed_noise(0, index):
        together = q.rsample((4,))
    with keyed_noise(0, index[2:], first_sample=2):
        torch.testing.assert_close(pair.rsample((2,)), together[2:, 2:])
    torch.testing.assert_close(pair.log_prob(together[:, 2:]), q.log_prob(together)[:, 2:])
    torch.testing.assert_close(pair.variance, q.variance[2:])


def test_where_no_value_can_be_read_every_case_is_computed_to_the_same_numbers(monkeypatch):
    family, prior, numbers = make_family(scale=1.0), Normal(torch.zeros(2), torch.zeros(2)), []
    for reads in (True, False):
        if not reads:  # as while a CUDA graph is captured
            monkeypatch.setattr("elbowroom.distributions.view_flows._holds", lambda condition: False)
        for observed in (OBSERVED, OBSERVED[:1]):
            torch.manual_seed(5)
            q = make_posterior(family, observed)
            torch.manual_seed(6)
            z = q.rsample((3,))
            kl = kl_divergence(q, prior).expand(3, -1)
            numbers.append(torch.cat([value.flatten() for value in (z, q.log_prob(z), kl, q.mean, q.variance)]))
    for read, computed in zip(numbers[:2], numbers[2:], strict=True):
        torch.testing.assert_close(read, computed)


def test_the_kl_is_exact_with_all_views_and_an_estimate_without_a_gradient_else():
    q, p = make_posterior(make_family(scale=1.0)), Normal(torch.zeros(2), torch.zeros(2))
    q.joint.loc.requires_grad_()
    z = q.rsample((5,))
    kl = kl_divergence(q, p)
    torch.testing.assert_close(kl[:, 0], kl_divergence(q.joint, p)[0].expand(5))
    torch.testing.assert_close(kl[:, 1:], (q.log_prob(z) - p.log_prob(z))[:, 1:])
    torch.testing.assert_close(kl[:, 3], torch.zeros(5))
    kl.sum().backward()
    assert q.joint.loc.grad[0].abs().sum() > 0
    assert q.joint.loc.grad[1:].abs().sum() == 0
    whole = make_posterior(make_family(), torch.ones(2, 3))
    torch.testing.assert_close(kl_divergence(whole, p), kl_divergence(whole.joint, p))


def test_with_identity_flows_the_term_is_the_cross_entropy_of_normals():
    model, _ = make_tiny("jnf", (65,), likelihood=VIEWS)
    with torch.no_grad():
        for weight in model.encoder.family.parameters():
            weight.zero_()
    x = random_views(6)
    torch.manual_seed(0)
    draw = model.draw(x, k=2000)
    q = draw.q
    assert isinstance(q, ViewFlows)
    exact = torch.zeros(6)
    for view in q.views:
        p = view.base
        squares = (q.joint.variance + (q.joint.mean - p.mean) ** 2) / p.variance
        exact += 0.5 * (squares + p.log_var + math.log(2 * math.pi)).sum(-1)
    exact[1] = exact[2] = 0  # examples that lack a view teach nothing
    torch.testing.assert_close(er.ViewCrossEntropy()(draw, torch.tensor(0)), exact.mean(), atol=0.05, rtol=0)


def test_the_term_reaches_the_posteriors_of_single_views_alone():
    model, objective = make_tiny("jnf", (65,), likelihood=VIEWS)
    x = random_views(6)
    er.ViewCrossEntropy()(model.draw(x), torch.tensor(0)).backward()
    of_views = [*model.encoder.net.encoders.parameters(), *model.encoder.family.parameters()]
    taught = {id(weight) for weight in of_views}
    for weight in model.parameters():
        assert (weight.grad is not None and bool(weight.grad.abs().sum() > 0)) == (id(weight) in taught)
    # So encoder of all views and decoders learn as from the ELBO, which teaches those of single views nothing.
    gradients = []
    for term in (objective, er.ELBO()):
        torch.manual_seed(1)
        loss = term(model.draw(x), torch.tensor(0))
        gradients.append(torch.autograd.grad(loss, list(model.parameters()), allow_unused=True, materialize_grads=True))
    for weight, both, elbo in zip(model.parameters(), *gradients, strict=True):
        assert torch.equal(elbo, torch.zeros_like(elbo) if id(weight) in taught else both)


def test_three_views_of_which_some_are_missing_are_trained_and_asked():
    model, objective = make_tiny("jnf", THREE)
    x = torch.randn(1, 6).repeat(4, 1)
    for i, mask in enumerate(OBSERVED):
        x[i] = mask_views(x[i : i + 1], THREE, mask)[0]
    loss = objective(model.draw(x), torch.tensor(0))
    loss.backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())
    draw = model.draw(x, k=5)
    assert draw.log_w.shape == (5, 4)
    assert draw.log_w.isfinite().all()
    for i in range(4):  # whatever other examples lack
        torch.testing.assert_close(model.encode(x[i : i + 1]), model.encode(x)[i : i + 1])
    torch.testing.assert_close(model.encode(x)[3], torch.zeros(3))


def test_posteriors_without_flows_are_refused():
    model, _ = make_tiny("jmvae", (65,), likelihood=VIEWS)
    with pytest.raises(ValueError, match=r"this is a Normal: take er.FlowExperts\(latent, n_views\), or ViewKL"):
        er.ViewCrossEntropy()(model.draw(random_views(4)), torch.tensor(0))
    with pytest.raises(ValueError, match="unknown flow 'mav': did you mean 'maf'"):
        er.FlowExperts(2, 2, "mav")
