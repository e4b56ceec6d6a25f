"""Contract of samplers of vectors: they fit latents, are priors in every respect, and draw functions of normals."""

import functools
import math

import pytest
import torch

import elbowroom as er
from elbowroom import noise
from elbowroom.samplers import SAMPLERS, fit_to_model, full_name, parse
from elbowroom.samplers.base import TrainingLatents, VectorSampler
from tests.tiny_recipes import make_tiny

#: Every sampler that is fitted to latents as vectors, with every option, and what makes its fit cheap.
CASES = {
    "standard": {},
    "gaussian": {},
    "mixture:5": {},
    "flow:maf": {"hidden": 32, "steps": 200},
    "flow:iaf": {"hidden": 32, "steps": 150},
    "flow:nsf": {"hidden": 32, "steps": 80},
    "flow-matching:500": {"hidden": 64, "steps": 300},
    "two-stage": {"hidden": 64, "steps": 250},
    "contrastive:20": {"hidden": 32, "steps": 250},
    "neighbors:3": {},
}
FITTED = [name for name in CASES if parse(name)[0].requires_fit]
DENSITIES = [name for name in CASES if parse(name)[0].has_density]
LEARNED = [name for name in DENSITIES if name not in ("standard", "gaussian", "two-stage")]
#: Recipes whose uppermost latent is of numbers.
RECIPES = [
    "vae",
    "autoencoder",
    "iwae",
    "cvae",
    "m2",
    "beta_vae",
    "factor_vae",
    "vamp_vae",
    "ladder_vae",
    "hierarchical_vae",
]


def fit(name, latents, **options):
    sampler, named = parse(name)
    return sampler.fit(latents, **(named | CASES[name] | options)).eval()


def few_steps(name, steps=5):
    """Options of few steps, for a sampler that is fitted by steps."""
    return {"steps": steps} if "steps" in parse(name)[1] | CASES[name] else {}


def quick(name, latents):
    """Fit with few steps, where what it has learned does not matter."""
    return fit(name, latents, **few_steps(name))


def normals(n, size, seed=0):
    return torch.randn(n, size, generator=torch.Generator().manual_seed(seed))


def correlated_latents(n=800, seed=0):
    return normals(n, 3, seed) @ torch.tensor([[1.0, 0, 0], [0.5, 2, 0], [-1, 0.3, 0.1]]) + 1


def ring(n, seed=0):
    """Points near a circle of radius 3."""
    angle = torch.rand(n, 1, generator=torch.Generator().manual_seed(seed)) * 2 * math.pi
    return 3 * torch.cat((angle.cos(), angle.sin()), 1) + 0.3 * normals(n, 2, seed + 1)


@functools.cache
def fitted_ring(name):
    return fit(name, ring(1000))


def draw(density, n, seed=0):
    with noise.seeded_rng(seed), torch.no_grad():
        return density.sample((n,))


@torch.no_grad()
def mean_log_density(sampler, z):
    with noise.seeded_rng(0):
        return sampler().log_prob(z).mean().item()


def test_the_cases_are_all_samplers():
    assert {name.partition(":")[0] for name in CASES} == {n for n in SAMPLERS if issubclass(SAMPLERS[n], VectorSampler)}


@pytest.mark.parametrize("name", FITTED)
def test_draws_have_the_mean_and_the_covariance_of_the_latents(name):
    z = correlated_latents()
    sampler = fit(name, z, **few_steps(name, 80))
    drawn = draw(sampler(), 5000)
    torch.testing.assert_close(drawn.mean(0), z.mean(0), atol=0.15, rtol=0)
    torch.testing.assert_close(sampler().mean, z.mean(0), atol=0.05, rtol=0)  # a mixture holds a tenth out
    torch.testing.assert_close(drawn.T.cov(), z.T.cov(), atol=0.2, rtol=0.15)


@pytest.mark.parametrize("name", DENSITIES)
def test_standard_normal_latents_give_the_prior_back(name):
    z, held_out = normals(800, 3), normals(1000, 3, seed=1)
    expected = mean_log_density(SAMPLERS["standard"](3), held_out)
    assert mean_log_density(fit(name, z, **few_steps(name, 80)), held_out) == pytest.approx(expected, abs=0.06)


@pytest.mark.parametrize("name", DENSITIES)
def test_the_density_integrates_to_one(name):
    """Whatever it has learned: a density that is half way to a ring, and has mass far from it."""
    sampler = fit(name, ring(300), **few_steps(name, 20))
    axis = torch.linspace(-9, 9, 61)
    grid = torch.cartesian_prod(axis, axis)
    with torch.no_grad(), noise.seeded_rng(0):
        total = sampler().log_prob(grid).exp().sum() * (axis[1] - axis[0]) ** 2
    assert total.item() == pytest.approx(1, abs=0.03)


def test_a_mixture_of_few_latents_in_many_dimensions_does_not_overfit():
    z, held_out = normals(600, 32), normals(600, 32, seed=1)
    sampler = SAMPLERS["mixture"].fit(z)
    assert mean_log_density(sampler, held_out) > mean_log_density(SAMPLERS["standard"](32), held_out) - 2


@pytest.mark.parametrize("name", LEARNED)
def test_a_ring_has_a_higher_density_than_under_a_normal(name):
    held_out = ring(1000, seed=5)
    assert mean_log_density(fitted_ring(name), held_out) > mean_log_density(fitted_ring("gaussian"), held_out) + 0.3


@pytest.mark.parametrize("name", FITTED)
def test_the_same_latents_give_the_same_fit(name):
    first, second = (quick(name, correlated_latents(200)).state_dict() for _ in range(2))
    for key in first:
        torch.testing.assert_close(first[key], second[key], rtol=0, atol=0)


@pytest.mark.parametrize("name", FITTED)
def test_a_fit_leaves_the_global_generator_as_it_was(name):
    torch.manual_seed(3)
    quick(name, correlated_latents(200))
    after = torch.rand(1)
    torch.manual_seed(3)
    assert torch.equal(after, torch.rand(1))


@pytest.mark.parametrize("name", CASES)
def test_draws_are_a_function_of_the_noise_source(name):
    sampler = quick(name, correlated_latents(200))
    with torch.no_grad():
        with noise.keyed_noise(0, torch.arange(4)):
            first = sampler().sample((1, 4))
        with noise.keyed_noise(0, torch.arange(4)):
            torch.testing.assert_close(sampler().sample((1, 4)), first, rtol=0, atol=0)
        with noise.keyed_noise(0, torch.tensor([2])):
            torch.testing.assert_close(sampler().sample((1, 1))[0, 0], first[0, 2], rtol=1e-4, atol=1e-4)
        eps = normals(5, sampler.noise_size)
        with noise.explicit_noise([eps]):
            torch.testing.assert_close(sampler().sample((5,)), sampler.transform_noise(eps), rtol=0, atol=0)


@pytest.mark.parametrize("name", DENSITIES)
def test_a_density_takes_latents_of_any_batch(name):
    density, z = quick(name, correlated_latents(200))(), correlated_latents(6).reshape(2, 3, 3)
    with torch.no_grad(), noise.zero_noise():
        values = density.log_prob(z)
        assert values.shape == (2, 3)
        torch.testing.assert_close(density.log_prob(z[1]), values[1], rtol=1e-3, atol=1e-3)
        torch.testing.assert_close(density.log_prob(z[0, 1]), values[0, 1], rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("name", FITTED)
def test_unused_dimensions_leave_it_finite(name):
    z = torch.cat((normals(200, 2), torch.zeros(200, 1)), 1)
    sampler = quick(name, z)
    drawn = draw(sampler(), 50)
    assert drawn.isfinite().all()
    assert drawn[:, 2].abs().max() < 0.1
    if sampler.has_density:
        assert math.isfinite(mean_log_density(sampler, z))


def fit_classes(name, condition):
    """Fit to latents of four classes, whose means and scales differ, given the condition."""
    y = torch.arange(800) % 4
    z = (correlated_latents(800) - 1) * (1 + y[:, None]) / 2 + 3.0 * y[:, None]
    sampler, named = parse(name)
    options = named | few_steps(name)
    return y, z, sampler.fit_to(TrainingLatents(z, condition(y)), **options).eval()


@pytest.mark.parametrize("name", [name for name in FITTED if name != "flow-matching:500"])
def test_its_mean_and_scale_given_a_class_are_those_of_the_class(name):
    y, z, sampler = fit_classes(name, lambda y: torch.eye(4)[y])
    density = sampler(torch.eye(4))
    expected = torch.stack([z[y == c].mean(0) for c in range(4)])
    torch.testing.assert_close(density.mean, expected, atol=0.2, rtol=0)
    drawn = draw(density, 4000)
    assert drawn.shape == (4000, 4, 3)
    torch.testing.assert_close(drawn.std(0), torch.stack([z[y == c].std(0) for c in range(4)]), atol=0.1, rtol=0.2)


def test_the_density_given_a_class_is_that_of_a_normal_of_its_own():
    y, z, sampler = fit_classes("gaussian", lambda y: torch.eye(4)[y])
    with torch.no_grad():
        given = sampler(torch.eye(4)[y]).log_prob(z.expand(2, -1, -1))
    for c in range(4):
        own = SAMPLERS["gaussian"].fit(z[y == c])().log_prob(z[y == c])
        # The covariance of a class is shrunk to that of all, by 3 examples in 203.
        assert given[1, y == c].mean().item() == pytest.approx(own.mean().item(), abs=0.15)


def test_attributes_move_its_mean():
    y, z, sampler = fit_classes("gaussian", lambda y: torch.stack((y.float(), (y > 1).float()), 1))
    assert sampler.condition_scale is None
    expected = z[y == 3].mean(0) - z[y == 0].mean(0)
    moved = sampler(torch.tensor([[0.0, 0], [3, 1]])).mean
    torch.testing.assert_close(moved[1] - moved[0], expected, atol=0.3, rtol=0)


def test_a_class_without_examples_has_the_density_of_all():
    *_, sampler = fit_classes("gaussian", lambda y: torch.eye(5)[y])
    assert sampler(torch.eye(5)).log_prob(torch.zeros(5, 3)).isfinite().all()


def test_neighbors_interpolates_between_latents():
    z = normals(50, 4)
    sampler = fit("neighbors:3", z)
    drawn = draw(sampler(), 200)
    assert not (drawn[:, None] == z).all(-1).any()
    # At u = 0 it is a latent; Φ(-20) is 0.
    start = sampler.transform_noise(torch.tensor([0.3, 0.1, -20.0]))
    assert (z == start).all(1).any()
    with pytest.raises(ValueError, match="has no density: take another sampler"):
        sampler().log_prob(z)


@pytest.mark.parametrize("recipe", RECIPES)
def test_every_sampler_with_every_recipe(recipe):
    digits = er.load_data("digits")
    model, _ = make_tiny(recipe, digits.shape)
    c = torch.arange(10) if model.requires_labels else None
    for name in ("standard", "gaussian", "mixture:2", "neighbors"):
        model.sampler = fit_to_model(model, digits.train, name, max_examples=200)
        assert model.sample(10, c).isfinite().all()
        assert (model.sampler.n_latents == 200) == model.sampler.requires_fit
    if model.requires_labels:
        means = model.sampling_density(c).mean
        assert torch.pdist(means).min() > 0


@pytest.mark.parametrize("name", FITTED)
def test_maps_are_latents(name):
    z = normals(300, 32).reshape(300, 2, 4, 4)
    sampler, named = parse(name)
    options = named | few_steps(name)
    fitted = sampler.for_latents((2, 4, 4)).fit_to(TrainingLatents(z), **options).eval()
    assert draw(fitted(), 5).shape == (5, 2, 4, 4)
    assert fitted().mean.shape == (2, 4, 4)
    if fitted.has_density:
        with noise.zero_noise():
            assert fitted().log_prob(z[:6].reshape(2, 3, 2, 4, 4)).shape == (2, 3)


def test_labels_may_be_missing():
    digits = er.load_data("digits", labeled=50)
    model, _ = er.recipes.m2(digits.shape, latent=2)
    model.sampler = fit_to_model(model, digits.train, "gaussian")
    assert model.sample(20).shape == (20, *digits.shape)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("mixtur", "unknown sampler 'mixtur': did you mean 'mixture'"),
        ("mixture:ten", "sampler 'mixture:ten': components='ten': expected a whole number, at least 1"),
        ("mixture:0", "at least 1"),
        ("mixture:", "expected a whole number"),
        ("flow:nfs", "sampler 'flow:nfs': unknown kind 'nfs': did you mean 'nsf'"),
        ("gaussian:3", "gaussian takes no option: write 'gaussian' alone"),
    ],
)
def test_an_error_says_what_a_name_may_be(name, message):
    with pytest.raises(ValueError, match=message):
        parse(name)


def test_full_names_have_the_option():
    assert [full_name(name) for name in ("mixture", "flow", "neighbors", "gaussian", "prior")] == [
        "mixture:10",
        "flow:maf",
        "neighbors:5",
        "gaussian",
        "prior",
    ]


@pytest.mark.parametrize("name", FITTED)
def test_what_it_cannot_be_fitted_to(name):
    with pytest.raises(ValueError, match=r"needs at least .* examples"):
        quick(name, correlated_latents(3))
    z = correlated_latents(100)
    z[3] = torch.nan
    with pytest.raises(ValueError, match="not finite"):
        quick(name, z)
