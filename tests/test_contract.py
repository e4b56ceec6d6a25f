"""One contract for every recipe: it is tested by being in the table."""

import math

import pytest
import torch

import elbowroom as er
from elbowroom import serialization
from elbowroom.data import Batch
from elbowroom.recipes import RECIPES
from elbowroom.training import Step

CASES = [
    ((1, 8, 8), "bernoulli"),
    ((3, 5, 7), "discretized-logistic"),
    ((9,), "gaussian:optimal"),
    ((9,), "columns:1,1,2,3,1,5,2,1,4"),
]
#: Smaller than the papers', where those are large for a test.
SMALL = {"factor_vae": {"critic": (32, 32)}, "vamp_vae": {"components": 20}, "iwae": {"k": 5}}


@pytest.fixture(params=list(RECIPES))
def recipe(request):
    return RECIPES[request.param]


def make(recipe, shape=(1, 8, 8), likelihood="bernoulli"):
    torch.manual_seed(0)
    return recipe(shape, likelihood=likelihood, **SMALL.get(recipe.name, {}))


def batch(shape, likelihood, n=16):
    return Batch(values(n, shape, likelihood), labels(n), torch.arange(n))


def values(n, shape, likelihood):
    """Examples that the likelihood takes; of columns, some cells are empty."""
    kind, _, sizes = likelihood.partition(":")
    if kind != "columns":
        return torch.rand(n, *shape)
    whole = torch.stack([(int(size) * torch.rand(n)).floor() for size in sizes.split(",")], 1)
    return whole.masked_fill(torch.rand(n, *shape) < 0.2, torch.nan)


def labels(n):
    """For those that ask; the others pass them over."""
    return torch.arange(n) % 10


@pytest.mark.parametrize(("shape", "likelihood"), CASES)
def test_losses_are_finite_and_reach_every_parameter(recipe, shape, likelihood):
    model, objective = make(recipe, shape, likelihood)
    step = Step(model, objective)
    # Past any warm-up, so that no weight is zero.
    losses = step(batch(shape, likelihood), torch.tensor(10**6))
    assert all(math.isfinite(value) for value in losses.terms.values())
    for player in step.players:
        losses.players[player.name].backward(inputs=player.parameters, retain_graph=True)
    silent = [name for name, p in step.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert not silent


@pytest.mark.parametrize(("shape", "likelihood"), CASES)
def test_shapes(recipe, shape, likelihood):
    model, _ = make(recipe, shape, likelihood)
    x = values(6, shape, likelihood)
    c = labels(6)
    draw = model.draw(x, c, k=4)
    assert draw.log_px.isfinite().all()
    assert draw.log_px.shape == (4, 6)
    if draw.is_probabilistic:
        assert draw.log_w.shape == (4, 6)
        assert draw.kl.shape == (6,)
        assert model.sample(3, c[:3]).shape == (3, *shape)
    else:
        with pytest.raises(ValueError, match="no prior to sample from: give latents"):
            model.sample(3)
    assert model.reconstruct(x, c).shape == (6, *shape)
    z = model.encode(x, c)
    assert z.shape == (6, *model.latent_shape)
    assert model.sample(z=z, c=c).shape == (6, *shape)
    with pytest.raises(ValueError, match="this model's latents have"):
        model.sample(z=torch.zeros(1, 99))


def test_saved_and_loaded_it_is_the_same(recipe, tmp_path):
    data = er.load_data("digits")
    model, objective = make(recipe)
    run = er.fit(model, objective, data, steps=3, out=tmp_path / "run", device="cpu")
    again = er.load(run.path)
    assert again.recipe_call == model.recipe_call
    x, y, _ = data.test.first(5)
    assert torch.equal(again.reconstruct(x, y), model.reconstruct(x, y))
    for name, tensor in serialization.named_tensors(model).items():
        assert torch.equal(serialization.named_tensors(again)[name], tensor), name
    assert not again.training


def test_thirty_steps_lower_the_loss(recipe, tmp_path):
    # A sum of squares falls in any thirty steps; a recipe whose weights change with the step is judged at the last.
    data = er.load_data("digits")
    model, objective = make(recipe)
    step, now = Step(model, objective), torch.tensor(30)
    from elbowroom.training.loop import measure

    before = measure(step, data.train, now, 128).means()[1]
    er.fit(model, objective, data, steps=30, out=tmp_path / "run", device="cpu")
    after = measure(step, data.train, now, 128).means()[1]
    assert after["loss"] < 0.9 * before["loss"]
    assert after["reconstruction"] < before["reconstruction"]


def test_evaluation_is_the_same_in_any_batch_size(recipe):
    data = er.load_data("digits")
    model, _ = make(recipe)
    a, b = (er.evaluate(model, data, samples=7, batch_size=size) for size in (359, 8))
    assert list(a) == list(b)
    for name in a:
        if a[name].value is not None:
            assert a[name].value == pytest.approx(b[name].value, abs=1e-4), name


def test_bounds_order_themselves(recipe):
    data = er.load_data("digits")
    model, _ = make(recipe)
    figures = er.evaluate(model, data, samples=20)
    if figures["elbo"].value is None:
        assert "undefined" in figures["elbo"].note
        return
    assert figures["elbo"].value == pytest.approx(-figures["reconstruction"].value - figures["kl"].value, abs=1e-6)
    assert figures["importance_bound"].value >= figures["elbo"].value - 0.05
    assert 1 <= figures["effective_sample_size"].value <= 20.001


def test_arguments_are_checked(recipe):
    with pytest.raises(ValueError, match="did you mean 'latent'"):
        recipe((1, 8, 8), laten=3)
    with pytest.raises(ValueError, match="at least 1, got"):
        recipe((1, 8, 8), latent=(0,) if recipe.name == "ladder_vae" else 0)
    assert recipe.paper
    assert recipe.summary.endswith(".")
    assert all(field.help for field in recipe.arguments.values())


def test_a_ladder_of_one_rung_is_a_vae():
    """One latent, its posterior from the upward pass alone: the draw's terms are those of the plain model."""
    torch.manual_seed(0)
    model, _ = er.recipes.ladder_vae((1, 8, 8), latent=(5,), hidden=(30,))
    x = torch.rand(6, 1, 8, 8)
    draw = model.draw(x, k=3)
    q = model.read[0](model.climb[0](x))
    torch.testing.assert_close(draw.kl, torch.distributions.kl_divergence(q, model.prior()))
    torch.testing.assert_close(draw.log_pz, model.prior().log_prob(draw.z))


def test_a_ladder_rung_merges_precisions():
    from elbowroom.distributions import Normal
    from elbowroom.models.ladder import _multiply_normals

    up, down = (Normal(*torch.randn(2, 4, 3).double()) for _ in range(2))
    merged = _multiply_normals(up, down)
    z = torch.randn(5, 1, 3).double()
    product = up.log_prob(z) + down.log_prob(z) - merged.log_prob(z)
    # A product of normals is a normal, up to a constant in z.
    torch.testing.assert_close(product, product[:1].expand_as(product))


def test_vamp_prior_mixes_the_posteriors_at_its_pseudo_inputs():
    torch.manual_seed(0)
    model, _ = er.recipes.vamp_vae((1, 8, 8), latent=3, components=7)
    z = torch.randn(11, 3)
    q = model.encoder(model.prior.pseudo_inputs)
    expected = q.log_prob(z[:, None]).logsumexp(1) - math.log(7)
    torch.testing.assert_close(model.prior().log_prob(z), expected)


class OneHot(torch.nn.Module):
    def forward(self, c):
        return torch.nn.functional.one_hot(c, 10).float()


def test_a_model_may_be_conditional_throughout(tmp_path):
    """Encoder, decoder and prior all take the condition as a second input."""
    torch.manual_seed(0)
    encoder = er.Conditional(er.MLP((1, 8, 8), 10, size=4), er.DiagonalNormal(2))
    decoder = er.Conditional(er.MLP(2, 10, size=64), er.Bernoulli((1, 8, 8)))
    prior = er.Conditional(er.MLP(10, size=4), er.DiagonalNormal(2))
    model = er.Model(encoder, decoder, prior, OneHot())
    c = torch.tensor([3, 7])
    draw = model.draw(torch.rand(2, 1, 8, 8), c, k=5)
    assert draw.log_w.shape == (5, 2)
    assert model.sample(2, c).shape == (2, 1, 8, 8)
    with pytest.raises(ValueError, match="this model is conditional: give it labels"):
        model.sample(2)
    # The labels come with the batches; the same loop, evaluation and pictures.
    data = er.load_data("digits")
    run = er.fit(model, er.ELBO(), data, steps=12, out=tmp_path / "run", device="cpu")
    assert run.metrics("test")[-1]["elbo"] < 0
    assert er.evaluate(model, data, samples=3)["elbo"].value < 0


def test_a_hierarchy_begins_with_posteriors_next_to_its_priors():
    """Whatever the depth, a fresh model's KL is small: what makes the first steps stable."""
    torch.manual_seed(0)
    model, _ = er.recipes.hierarchical_vae((1, 28, 28), latents=(6, 6, 6))
    with torch.no_grad():
        draw = model.draw(torch.rand(4, 1, 28, 28))
    assert len(draw.latents) == 18
    assert draw.kl.max() < 0.05 * sum(latent.z[0, 0].numel() for latent in draw.latents)
    figures = draw.metrics()
    assert sum(figures[f"kl_z{i}"] for i in range(1, 19)) == pytest.approx(figures["kl"].item(), rel=1e-4)


def test_a_hierarchys_log_variances_stay_within_bounds():
    from elbowroom.models.hierarchical import LOG_VAR_BOUND, _bound_log_var

    far = torch.tensor([-1e6, -3.0, 0.0, 3.0, 1e6], requires_grad=True)
    bounded = _bound_log_var(far)
    assert bounded.abs().max() <= LOG_VAR_BOUND
    assert _bound_log_var(torch.tensor(0.1)).item() == pytest.approx(0.1, abs=1e-3)
    bounded.sum().backward()
    assert (far.grad[1:4] > 0.1).all()
