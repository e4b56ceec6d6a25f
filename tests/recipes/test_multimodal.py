"""Recipes of several views: what each is a case of, and that any of them may be missing."""

import pytest
import torch

import elbowroom as er
from elbowroom.objectives.views import mask_views
from tests.tiny_recipes import make_tiny
from tests.views import VIEWS, image_and_digit, random_views

RECIPES = ("jmvae", "telbo", "jnf", "mvae", "dmvae", "mmvae", "mmvae_plus", "mopoe_vae", "mvtcae", "crmvae")


@pytest.fixture(params=RECIPES)
def name(request):
    return request.param


def make(name, **arguments):
    return make_tiny(name, (65,), likelihood=VIEWS, **arguments)


def test_it_learns_and_is_asked_with_views_missing(name):
    model, objective = make(name)
    x = random_views(6)
    loss = objective(model.draw(x, k=objective.k), torch.tensor(0))
    loss.backward()
    assert all(p.grad is not None and p.grad.isfinite().all() and p.grad.abs().sum() > 0 for p in model.parameters())
    assert model.views == image_and_digit()
    assert model.views.names == ("image", "digit")
    whole = model.views.split(model.reconstruct(x))
    assert whole["image"].shape == (6, 1, 8, 8)
    assert not whole["digit"].isnan().any()
    of_image = model.encode(model.views.keep(x, ["image"]))
    torch.testing.assert_close(of_image[2], model.encode(x)[2])
    torch.testing.assert_close(of_image[1], torch.zeros_like(of_image[1]))  # nothing is known of it
    assert not model.encode(x[:1]).allclose(of_image[:1])


def test_where_an_example_is_one_view_it_is_the_vae(name):
    model, objective = make_tiny(name, k=2)
    vae, elbo = make_tiny("vae", k=2)
    assert all(a.equal(b) for a, b in zip(model.state_dict().values(), vae.state_dict().values(), strict=True))
    x, losses = torch.rand(4, 1, 8, 8), []
    for one, score in ((model, objective), (vae, elbo)):
        torch.manual_seed(1)
        losses.append(score(one.draw(x, k=2), torch.tensor(0)))
    torch.testing.assert_close(losses[0], losses[1])


@pytest.mark.parametrize("network", ["auto", "conv"])
def test_each_view_has_a_network_of_its_own_shape(network):
    model, _ = make("mvae", network=network, hidden=(16,) if network == "auto" else (400,), widths=(4, 8))
    assert type(model.encoder.net.encoders[0]).__name__ == "Down"
    assert model.sample(2).shape == (2, 65)


def test_any_other_recipe_takes_the_views_as_one_vector():
    model, _ = make("vae")
    assert model.views == image_and_digit()
    assert not model.encode(random_views(4)).isnan().any()


def test_the_subset_elbo_is_the_sum_of_the_elbos_of_masked_examples():
    model, _ = make("mvae")
    x, term = random_views(6), er.SubsetELBO()
    draw = model.draw(x)
    torch.manual_seed(3)
    loss = term(draw, torch.tensor(0))
    torch.manual_seed(3)
    elbos = [model.draw(mask_views(x, model.views, mask)).elbo.mean() for mask in torch.eye(2)]
    torch.testing.assert_close(loss, -sum(elbos))


@pytest.mark.parametrize(("name", "trains_decoders"), [("mvae", True), ("telbo", False)])
def test_elbos_of_single_views_teach_the_encoders_of_telbo_alone(name, trains_decoders):
    """The gradient by an encoder is the same, whether the decoders are constants or not."""
    model, objective = make(name)
    draw = model.draw(random_views(6))
    gradients = []
    own = next(module for module in objective.modules() if isinstance(module, er.SubsetELBO))
    for term in (own, er.SubsetELBO()):
        torch.manual_seed(3)
        model.zero_grad()
        term(draw, torch.tensor(0)).backward(retain_graph=True)
        gradients.append({n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None})
    found, whole = gradients
    assert any(n.startswith("decoder.") for n in found) == trains_decoders
    encoders = [n for n in whole if n.startswith("encoder.")]
    assert encoders
    for n in encoders:
        torch.testing.assert_close(found[n], whole[n])


@pytest.mark.parametrize("name", ["jmvae", "mvtcae", "crmvae", "telbo", "mvae", "dmvae"])
def test_a_warm_up_weighs_every_kl(name):
    """At the weight 0 no prior and no posterior of a view matters, only what is decoded."""
    model, objective = make(name)
    losses = []
    for weight in (0.0, 0.5, 1.0):
        torch.manual_seed(1)
        draw = model.draw(random_views(6))
        draw.kl_weight = weight
        losses.append(objective(draw, torch.tensor(0)))
    torch.testing.assert_close(losses[1], (losses[0] + losses[2]) / 2)
    if name in ("jmvae", "mvtcae"):
        torch.manual_seed(1)
        torch.testing.assert_close(losses[0], -model.draw(random_views(6)).log_px.mean())


def test_the_kl_of_views_is_that_of_their_posteriors():
    model, _ = make("mvtcae")
    x = random_views(6)
    views = [model.posterior(model.views.keep(x, [name])) for name in model.views.names]
    kl = torch.stack([torch.distributions.kl_divergence(model.posterior(x), q) for q in views])
    kl[0, 1] = kl[1, 2] = 0  # a view that is missing teaches nothing
    torch.testing.assert_close(er.ViewKL()(model.draw(x), torch.tensor(0)), kl.sum(0).mean())


@pytest.mark.parametrize("beta", [1.0, 2.5])
def test_mvtcae_is_its_objective_divided_by_the_weight_of_the_reconstruction(beta):
    alpha, n = 0.7, 2
    model, objective = make("mvtcae", alpha=alpha, beta=beta)
    draw = model.draw(random_views(6))
    step = torch.tensor(0)
    losses = [term(draw, step) for term in (er.Reconstruction(), er.KL(), er.ViewKL())]
    published = (n - alpha) / n * losses[0] + beta * ((1 - alpha) * losses[1] + alpha / n * losses[2])
    torch.testing.assert_close(objective(draw, step) * (n - alpha) / n, published)


@pytest.mark.parametrize("beta", [1.0, 2.5])
def test_crmvae_is_its_mean_over_views_and_all_of_them(beta):
    """Reconstructions from all views and from each itself, and all KLs, each divided by the number of posteriors."""
    n = 2
    model, objective = make("crmvae", beta=beta)
    x = random_views(6)
    draw = model.draw(x)
    torch.manual_seed(3)
    loss = objective(draw, torch.tensor(0))
    torch.manual_seed(3)
    alone = [-model.draw(mask_views(x, model.views, mask)).log_px.mean() for mask in torch.eye(n)]
    reconstruction, kl, view_kl = (t(draw, torch.tensor(0)) for t in (er.Reconstruction(), er.KL(), er.ViewKL()))
    published = (reconstruction + sum(alone)) / (2 * (n + 1)) + beta * (kl + view_kl) / (n + 1)
    torch.testing.assert_close(loss / (2 * (n + 1)), published)


@pytest.mark.parametrize("name", ["mvae", "telbo", "dmvae"])
def test_a_beta_weighs_the_kl_of_every_bound(name):
    losses = []
    for beta in (1.0, 2.0, 3.0):
        model, objective = make(name, beta=beta)
        torch.manual_seed(1)
        losses.append(objective(model.draw(random_views(6)), torch.tensor(0)))
    kl = losses[1] - losses[0]
    torch.testing.assert_close(losses[2] - losses[1], kl, atol=1e-3, rtol=0)
    model, _ = make(name)
    assert kl > 1.1 * model.draw(random_views(6)).kl.mean()  # of all views together, and of each


def test_the_importance_bound_is_the_mean_of_those_of_each_expert():
    model, objective = make("mmvae", bound="importance", k=6)
    draw = model.draw(random_views(4), k=6)
    by_hand = torch.stack([draw.log_w[:3], draw.log_w[3:]]).exp().mean(1).log().mean()
    torch.testing.assert_close(objective(draw, torch.tensor(0)), -by_hand)


@pytest.mark.parametrize(
    ("name", "arguments", "words"),
    [
        ("mvtcae", {"alpha": 1.5}, "alpha=1.5: expected a number from 0 to 1"),
        ("mmvae", {"bound": "importance", "beta": 4.0}, "no KL to weigh by beta=4: take the bound elbo"),
    ],
)
def test_settings_without_a_meaning_are_refused(name, arguments, words):
    with pytest.raises(ValueError, match=words):
        make(name, **arguments)


def test_the_importance_bound_of_a_mixture_is_no_less_than_its_elbo():
    model, _ = make("mmvae")
    draw = model.draw(random_views(50), k=200)
    bound = -er.ImportanceBound(200)(draw, torch.tensor(0))
    assert bound >= draw.elbo.mean()


def test_a_mixture_has_no_kl_in_closed_form():
    model, _ = make("mmvae")
    with pytest.raises(ValueError, match=r"ViewKL\(\) is for posteriors that are one normal"):
        er.ViewKL()(model.draw(random_views(4)), torch.tensor(0))


def test_own_latents_are_of_the_own_view_alone():
    model, _ = make("dmvae")
    x = random_views(6)
    family, image = model.encoder.family, model.views.keep(x, ["image"])
    assert (family.shared, family.private, model.latent_shape) == (3, 2, (7,))
    assert family.dimensions_of(1) == [0, 1, 2, 5, 6]
    whole, of_image = model.infer(x), model.infer(image)
    torch.testing.assert_close(of_image.mean[:, 3:5], whole.mean[:, 3:5])
    assert torch.equal(of_image.mean[:, 5:], torch.zeros(6, 2))
    assert torch.equal(of_image.variance[:, 5:], torch.ones(6, 2))
    z = torch.randn(4, 7)
    other = torch.cat((z[:, :3], torch.randn(4, 2), z[:, 5:]), 1)
    decoded, changed = (model.views.split(model.decode(one).mean) for one in (z, other))
    assert torch.equal(decoded["digit"], changed["digit"])
    assert not torch.equal(decoded["image"], changed["image"])


def test_without_own_latents_the_mixture_is_that_of_mmvae():
    plus, plain = make("mmvae_plus", private=0)[0], make("mmvae")[0]
    x = random_views(4)
    assert torch.equal(plus.encode(x), plain.encode(x))


def test_crossed_bounds_are_elbos_where_one_view_knows_nothing_more():
    """With one view observed, the crossed posterior is the joint one without the prior's part: the same ELBO."""
    model, _ = make("dmvae")
    x = model.views.keep(random_views(6), ["digit"])[3:].repeat(500, 1)
    crossed = er.CrossELBO()(model.draw(x), torch.tensor(0))
    assert crossed.item() == pytest.approx(-model.draw(x).elbo.mean().item(), rel=0.03)


@pytest.mark.parametrize(
    ("names", "words"), [((), "no view was given"), (("",), "unknown view ''"), (("imag",), "did you mean 'image'")]
)
def test_views_to_keep_are_those_there_are(names, words):
    with pytest.raises(ValueError, match=words):
        image_and_digit().keep(random_views(4), names)


@pytest.mark.parametrize("recipe", ["vae", "mvae", "m2"])
@pytest.mark.parametrize("likelihood", ["gaussian", "bernoulli", "columns", "tokens"])
def test_a_likelihood_of_one_part_is_refused_where_examples_have_views(recipe, likelihood):
    words = f"have the views image, digit: name the view, as views:image={likelihood}, or leave it out"
    with pytest.raises(ValueError, match=words):
        er.recipes.RECIPES[recipe](image_and_digit(), likelihood=likelihood)
