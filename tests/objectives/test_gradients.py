"""Gradient estimators of the bounds: values, expectations, variances."""

import pytest
import torch

import elbowroom as er
from elbowroom.distributions import Normal
from elbowroom.objectives.gradients import GRADIENTS

STEP = torch.tensor(0)
X = torch.tensor([[0.3, -1.0]])
N = 30_000


class FreePosterior(torch.nn.Module):
    """q(z|x) of one normal for all x, whose mean and log-variance are the parameters."""

    def __init__(self, loc, log_var):
        super().__init__()
        self.family = er.DiagonalNormal(2)
        self.loc, self.log_var = torch.nn.Parameter(torch.tensor(loc)), torch.nn.Parameter(torch.tensor(log_var))

    def forward(self, x):
        return Normal(self.loc.expand(len(x), 2), self.log_var.expand(len(x), 2))


def make_model(loc=(0.4, 0.1), log_var=(-0.5, 0.3)):
    """p(z) p(x|z) = N(z; 0, I) N(x; z, I): the exact posterior is N(x / 2, I / 2), log p(x) that of N(x; 0, 2 I)."""
    torch.manual_seed(0)
    decoder = er.Conditional(torch.nn.Linear(2, 2), er.Gaussian(2, 1.0))
    with torch.no_grad():
        decoder.net.weight.copy_(torch.eye(2))
        decoder.net.bias.zero_()
    return er.Model(FreePosterior(loc, log_var), decoder, er.StandardNormal(2))


def sample_gradients(term, model=None, kl_weight=1.0):
    """N gradients of a bound by the posterior's parameters, each from draws of its own, (N, 4), and by the decoder's.

    Every example has a posterior of its own, so that one backward pass gives all gradients.
    """
    model = model or make_model()
    q = model.encoder
    loc, log_var = (p.detach().expand(N, 2).clone().requires_grad_() for p in (q.loc, q.log_var))
    torch.manual_seed(1)
    posterior = Normal(loc, log_var)
    z = posterior.rsample((term.k,))
    draw = er.Draw(X.expand(N, 2), model.decode(z), er.Latent(z, posterior, model.prior()))
    draw.kl_weight = kl_weight
    bias = model.decoder.net.bias
    of_q = torch.autograd.grad(N * term(draw, STEP), (loc, log_var, bias))
    return torch.cat(of_q[:2], 1), of_q[2] / N


BOUNDS = {
    "iwae": lambda gradient: er.ImportanceBound(4, gradient=gradient),
    "miwae": lambda gradient: er.ImportanceBound(3, 2, gradient),
    "renyi": lambda gradient: er.RenyiBound(0.4, 4, gradient),
    "renyi below 0": lambda gradient: er.RenyiBound(-1.0, 4, gradient),
}


@pytest.mark.parametrize("bound", BOUNDS)
def test_the_value_and_the_gradient_of_the_decoder_are_those_of_the_bound(bound):
    model = make_model()
    torch.manual_seed(1)
    draw = model.draw(X, k=6)
    plain, *others = (BOUNDS[bound](gradient)(draw, STEP) for gradient in GRADIENTS)
    for other in others:
        torch.testing.assert_close(other, plain)
        for a, b in zip(
            *(torch.autograd.grad(v, list(model.decoder.parameters()), retain_graph=True) for v in (plain, other)),
            strict=True,
        ):
            torch.testing.assert_close(a, b)


@pytest.mark.parametrize("kl_weight", [1.0, 0.5])
@pytest.mark.parametrize("bound", BOUNDS)
def test_doubly_reparameterized_gradients_have_the_plain_ones_for_a_mean(bound, kl_weight):
    (plain, _), (dreg, _) = (sample_gradients(BOUNDS[bound](name), kl_weight=kl_weight) for name in ("plain", "dreg"))
    error = ((plain - dreg).var(0) / N).sqrt()
    assert ((plain - dreg).mean(0).abs() < 4 * error).all()
    assert (dreg - plain).abs().max() > 0.1  # they are others, draw for draw


def test_sticking_the_landing_is_unbiased_with_one_sample_and_biased_with_several():
    for groups, k, is_biased in ((3, 1, False), (1, 4, True)):
        plain, stl = (sample_gradients(er.ImportanceBound(k, groups, name))[0] for name in ("plain", "stl"))
        error = ((plain - stl).var(0) / N).sqrt()
        assert ((plain - stl).mean(0).abs() > 6 * error).any() == is_biased
    one = [sample_gradients(er.ImportanceBound(1, 3, name))[0] for name in ("stl", "dreg")]
    torch.testing.assert_close(*one)


@pytest.mark.parametrize("gradient", ["stl", "dreg"])
def test_at_the_exact_posterior_the_gradient_is_zero_draw_for_draw(gradient):
    model = make_model(loc=(0.15, -0.5), log_var=(-0.6931472, -0.6931472))
    plain, _ = sample_gradients(er.ImportanceBound(4), model)
    found, _ = sample_gradients(er.ImportanceBound(4, gradient=gradient), model)
    assert found.abs().max() < 1e-5
    assert plain.std(0).min() > 0.1


def test_near_the_posterior_there_is_less_noise():
    model = make_model(loc=(0.2, -0.4), log_var=(-0.6, -0.8))
    plain, dreg = (
        sample_gradients(er.ImportanceBound(8, gradient=name), model)[0].var(0) for name in ("plain", "dreg")
    )
    assert (dreg < 0.2 * plain).all()


def test_a_posterior_of_several_components_and_priors_that_learn_have_them():
    """A mixture prior trains as under the plain bound; the encoder's gradient is finite."""
    model, _ = er.recipes.vae((1, 8, 8), latent=2, hidden=(8,), prior="mixture:3", seed=0)
    torch.manual_seed(1)
    draw = model.draw(torch.rand(5, 1, 8, 8), k=4)
    plain, dreg = (er.ImportanceBound(4, gradient=name)(draw, STEP) for name in ("plain", "dreg"))
    of_prior = [torch.autograd.grad(v, list(model.prior.parameters()), retain_graph=True) for v in (plain, dreg)]
    torch.testing.assert_close(*of_prior)
    assert all(g.isfinite().all() for g in torch.autograd.grad(dreg, list(model.encoder.parameters())))


@pytest.mark.parametrize(
    ("recipe", "words"), [("ladder_vae", "models with one latent"), ("vq_vae", "posterior has none")]
)
def test_models_without_such_a_gradient_say_so(recipe, words):
    from tests.tiny_recipes import make_tiny

    model, _ = make_tiny(recipe)
    draw = model.draw(torch.rand(5, 1, 8, 8), k=2)
    with pytest.raises(ValueError, match=words):
        er.ImportanceBound(2, gradient="dreg")(draw, STEP)
    with torch.no_grad():
        assert er.ImportanceBound(2)(draw, STEP).isfinite()


def test_an_unknown_gradient_is_refused():
    with pytest.raises(ValueError, match="unknown gradient 'dregs': did you mean 'dreg'"):
        er.ImportanceBound(2, gradient="dregs")


@pytest.mark.parametrize("settings", [{"posterior": "iaf:1"}, {"posterior": "planar:2"}])
def test_posteriors_that_score_a_given_z_have_them_without_bias(settings):
    """Of a flow, whose map is inverted for it: the means of many gradients of one example agree."""
    model, _ = er.recipes.vae((1, 8, 8), latent=2, hidden=(8,), seed=0, **settings)
    x = torch.rand(1, 1, 8, 8, generator=torch.Generator().manual_seed(0)).expand(4000, 1, 8, 8)
    torch.manual_seed(1)
    draw = model.draw(x, k=2)
    weight = model.encoder.output_weight
    found = [
        torch.autograd.grad(er.ImportanceBound(2, gradient=name)(draw, STEP), weight, retain_graph=True)[0]
        for name in ("plain", "dreg")
    ]
    assert (found[0] - found[1]).abs().max() > 1e-6
    assert (found[0] - found[1]).norm() < 0.2 * found[0].norm()
