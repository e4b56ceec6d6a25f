"""The contract of every recipe in the registry."""

import math
import re

import pytest
import torch

import elbowroom as er
from elbowroom import serialization
from elbowroom.data import Batch
from elbowroom.recipes import RECIPES
from elbowroom.table_shape import TableShape
from elbowroom.training import Step
from elbowroom.training.loop import measure
from tests.tiny_recipes import distinct_recipes, make_tiny

CASES = [
    ((1, 8, 8), "bernoulli"),
    ((3, 5, 7), "discretized-logistic"),
    ((9,), "gaussian:optimal"),
    ((9,), "columns:1,1,2,3,1,5,2,1,4"),
]

#: What the paragraph after a recipe's summary begins with.
EQUATION = re.compile(r"Minimized: ``[^`]+``")

#: Recipes for sequences, whose steps have one likelihood.
NOT_FOR_TABLES = {"text_vae"}


@pytest.fixture(params=list(RECIPES))
def recipe(request):
    return RECIPES[request.param]


@pytest.fixture(params=distinct_recipes())
def model_recipe(request):
    """A recipe of each structure of model: for what asks the model alone, of which equal ones are the same numbers."""
    return RECIPES[request.param]


#: Steps and examples a step by which a loss falls by a tenth at least.
STEPS, BATCH_SIZE = 16, 32


@pytest.fixture(scope="module")
def few_digits(digits):
    """Digits for one epoch, and sixty held out, which is enough to tell a loss that falls from one that does not."""
    x, y, _ = digits.train.first(STEPS * BATCH_SIZE)
    test = digits.test.first(60)
    return er.load_data((x, y), test=(test.x, test.y), validation=0)


def make_model(recipe, shape=(1, 8, 8), likelihood="bernoulli"):
    if not recipe.takes(shape):
        with pytest.raises(ValueError, match=r"it takes images \(C, H, W\)|it takes series \(C, T\)"):
            recipe(shape)
        pytest.skip(f"{recipe.name} is not for examples of {len(shape)} dimensions, and says so")
    if recipe.name in NOT_FOR_TABLES and likelihood.startswith("columns"):
        with pytest.raises(ValueError, match="these examples are a table or several views: train vae"):
            make_tiny(recipe.name, shape, likelihood=likelihood)
        pytest.skip(f"{recipe.name} is not for tables, and says so")
    if "likelihood" not in recipe.arguments and likelihood.startswith("columns"):
        with pytest.raises(ValueError, match="this table has columns of categories"):
            make_tiny(recipe.name, TableShape(map(int, likelihood.partition(":")[2].split(","))))
        pytest.skip(f"{recipe.name} is not for categories, and says so")
    return make_tiny(recipe.name, shape, likelihood=likelihood)


def make_batch(shape, likelihood, n=16):
    return Batch(random_values(n, shape, likelihood), make_labels(n), torch.arange(n))


def random_values(n, shape, likelihood):
    """Examples that the likelihood takes; of columns, some cells are empty."""
    kind, _, sizes = likelihood.partition(":")
    if kind != "columns":
        return torch.rand(n, *shape)
    whole = torch.stack([(int(size) * torch.rand(n)).floor() for size in sizes.split(",")], 1)
    return whole.masked_fill(torch.rand(n, *shape) < 0.2, torch.nan)


def make_labels(n):
    """For conditional models; the others ignore them."""
    return torch.arange(n) % 10


@pytest.mark.parametrize(("shape", "likelihood"), CASES)
def test_losses_are_finite_and_reach_every_parameter(recipe, shape, likelihood):
    model, objective = make_model(recipe, shape, likelihood)
    step = Step(model, objective)
    # Past any warm-up, so that no weight is zero.
    losses = step(make_batch(shape, likelihood), torch.tensor(10**6))
    assert all(math.isfinite(value) for value in losses.terms.values())
    for player in step.players:
        losses.players[player.name].backward(inputs=player.parameters, retain_graph=True)
    trained = {name: p for name, p in step.named_parameters() if p.requires_grad}  # features of a distance are frozen
    without_gradient = [name for name, p in trained.items() if p.grad is None or not p.grad.abs().sum() > 0]
    assert not without_gradient


@pytest.mark.parametrize(("shape", "likelihood"), CASES)
def test_shapes(recipe, shape, likelihood):
    model, _ = make_model(recipe, shape, likelihood)
    x = random_values(6, shape, likelihood)
    c = make_labels(6)
    draw = model.draw(x, c, k=4)
    assert draw.log_px.isfinite().all()
    assert draw.log_px.shape == (4, 6)
    if draw.is_probabilistic:
        assert draw.log_w.shape == (4, 6)
        assert draw.kl.shape == (6,)
        for latent in draw.latents:
            if (elements := latent.kl_elements) is not None:
                torch.testing.assert_close(elements.flatten(1).sum(1), latent.kl)
    if model.has_prior:
        assert model.sample(3, model.as_condition(c[:3])).shape == (3, *shape)
    else:
        with pytest.raises(ValueError, match="no prior to sample from: give latents"):
            model.sample(3)
    assert model.reconstruct(x, c).shape == (6, *shape)
    z = model.encode(x, c)
    assert z.shape == (6, *model.latent_shape)
    assert model.sample(z=z, c=model.as_condition(c)).shape == (6, *shape)
    with pytest.raises(ValueError, match="this model's latents have"):
        model.sample(z=torch.zeros(1, 99))


def test_a_few_steps_lower_the_loss_and_are_loaded_as_they_were(recipe, few_digits, tmp_path):
    # A sum of squares falls in any few steps; a recipe whose weights change with the step is judged at the last.
    model, objective = make_model(recipe)
    step, last = Step(model, objective), torch.tensor(STEPS)
    # What encoder and decoder do against each other need not fall.
    is_game = sum(player.trains_model for player in step.players) > 1
    before = measure(step, few_digits.test, last, 128).means()[1]
    settings = {"steps": STEPS, "batch_size": BATCH_SIZE, "lr": 1e-3 if is_game else 1e-2, "watch": ()}
    run = er.fit(model, objective, few_digits, out=tmp_path / "run", device="cpu", **settings)
    after = measure(step, few_digits.test, last, 128).means()[1]
    assert is_game or after["loss"] < 0.9 * before["loss"]
    assert after["reconstruction"] < before["reconstruction"]
    loaded = er.load(run.path)
    assert loaded.recipe_call == model.recipe_call
    x, y, _ = few_digits.test.first(5)
    assert torch.equal(loaded.reconstruct(x, y), model.reconstruct(x, y))
    tensors = serialization.named_tensors(loaded)
    for name, tensor in serialization.named_tensors(model).items():
        assert torch.equal(tensors[name], tensor), name
    assert not loaded.training


def test_evaluation_is_the_same_in_any_batch_size(model_recipe, few_digits):
    model, _ = make_model(model_recipe)
    n = len(few_digits.test)
    a, b = (er.evaluate(model, few_digits, samples=3, batch_size=size) for size in (n, 25))
    assert list(a) == list(b)
    for name in a:
        if a[name].value is not None:
            assert a[name].value == pytest.approx(b[name].value, abs=1e-4), name


def test_bounds_order_themselves(model_recipe, few_digits):
    model, _ = make_model(model_recipe)
    metrics = er.evaluate(model, few_digits, samples=20)
    if metrics["elbo"].value is None:
        assert "undefined" in metrics["elbo"].note
        return
    assert metrics["elbo"].value == pytest.approx(-metrics["reconstruction"].value - metrics["kl"].value, abs=1e-6)
    assert metrics["importance_bound"].value >= metrics["elbo"].value - 0.05
    assert 1 <= metrics["effective_sample_size"].value <= 20.001


def test_arguments_are_checked(recipe):
    latent = next(name for name in ("latent", "channels", "dim") if name in recipe.arguments)
    with pytest.raises(ValueError, match=f"did you mean '{latent}'"):
        recipe((1, 8, 8), **{latent[:-1]: 3})
    with pytest.raises(ValueError, match=r"at least \d+"):
        recipe((1, 8, 8), **{latent: (0,) if recipe.name in ("ladder_vae", "biva") else 0})
    assert recipe.paper
    assert recipe.summary.endswith(".")
    assert all(argument.help for argument in recipe.arguments.values())


def test_the_equation_of_what_is_minimized_follows_the_summary(recipe):
    assert EQUATION.match(recipe.equation)
    assert recipe.__doc__.startswith(f"{recipe.summary}\n\n{recipe.equation}\n\n")
    formulas, rest = re.findall("``([^`]+)``", recipe.equation), re.sub("``[^`]+``", "", recipe.equation)
    assert "`" not in rest
    for opening, closing in ("()", "[]"):
        assert all(formula.count(opening) == formula.count(closing) for formula in formulas)


def test_every_recipe_of_the_registry_is_a_public_name():
    public = [name for name in er.recipes.__all__ if isinstance(getattr(er.recipes, name), er.recipes.Recipe)]
    # Only the package's own: other tests and users register more.
    registered = [name for name, entry in RECIPES.items() if entry.__module__.startswith("elbowroom.recipes.")]
    assert public == registered
