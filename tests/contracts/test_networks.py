"""The contract of every network: with every likelihood, at every shape."""

import pytest
import torch

import elbowroom as er
from elbowroom import serialization
from elbowroom.families import LIKELIHOODS
from elbowroom.table_shape import TableShape
from tests.networks.shapes import MIXED, SHAPES, SPATIAL, random_examples, shape_id, vae

#: Those of examples of their own kinds, which have their own shapes.
STRUCTURED = ("columns", "bins", "modes", "binned-columns", "tokens", "views")
PLAIN = [name for name in LIKELIHOODS if name not in STRUCTURED]
VALUES = [*PLAIN, "gaussian:optimal", "laplace:optimal", "logistic-mixture:2"]


OF_TABLES = ("columns", "bins", "modes", "binned-columns")
CASES = [*((shape, name) for shape in SHAPES for name in VALUES), *((MIXED, name) for name in OF_TABLES)]


def together(network, shape, likelihood):
    """A case: every network meets every likelihood at one shape, and every shape with one likelihood."""
    is_fast = shape in (SHAPES[0], MIXED) or likelihood == "gaussian:optimal"
    name = f"{network}-{shape_id(shape)}-{likelihood}"
    return pytest.param(network, shape, likelihood, marks=[] if is_fast else pytest.mark.exhaustive, id=name)


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


@pytest.mark.parametrize("network", SPATIAL)
@pytest.mark.parametrize("shape", SHAPES, ids=shape_id)
def test_defaults_fit_every_shape_and_every_parameter_learns(shape, network):
    model, objective = er.recipes.conv_vae(shape, latent=4, size="s", network=network, likelihood="gaussian:1")
    objective(model.draw(torch.rand(4, *shape)), torch.tensor(0)).backward()
    without_gradient = [
        n for n, p in model.named_parameters() if p.grad is None or not p.grad.isfinite().all() or not p.grad.any()
    ]
    assert not without_gradient


@pytest.mark.parametrize(
    ("network", "shape", "likelihood"), [together(network, *case) for network in ["mlp", *SPATIAL] for case in CASES]
)
def test_every_network_with_every_likelihood_at_every_shape(network, shape, likelihood):
    """Finite losses, a gradient in every parameter, shapes of every output, samples in range."""
    model, objective = vae(network, shape, likelihood)
    n = 6 if isinstance(shape, TableShape) else 1
    x = random_examples(n, shape)
    draw = model.draw(x, k=2)
    assert draw.log_w.shape == (2, n)
    loss = objective(draw, torch.tensor(0))
    assert loss.isfinite()
    loss.backward()
    without_gradient = [
        n for n, p in model.named_parameters() if p.grad is None or not p.grad.isfinite().all() or not p.grad.any()
    ]
    assert not without_gradient
    model.eval()
    reconstruction = model.reconstruct(x)
    assert reconstruction.shape == x.shape
    assert reconstruction.isfinite().all()
    assert model.sample(2).shape == (2, *shape)
    with torch.no_grad():
        p = model.decode(model.draw_prior(1))
        drawn = p.sample()
        assert drawn.shape == (1, *shape)
        assert p.log_prob(drawn).isfinite().all()
    families = getattr(model.decoder.family, "columns", [model.decoder.family])
    for family, values in zip(families, drawn.split(1, -1) if len(families) > 1 else [drawn], strict=True):
        low, high = family.support
        assert ((values >= low) & (values <= high)).all()


@pytest.mark.parametrize("network", ["mlp", *SPATIAL])
@pytest.mark.parametrize("shape", [*SHAPES, MIXED], ids=shape_id)
def test_every_network_is_the_same_when_saved_and_rebuilt(network, shape, tmp_path):
    """From the plain shape and the arguments on record, which is what a run keeps."""
    likelihood = "columns" if isinstance(shape, TableShape) else "gaussian:optimal"
    model, objective = vae(network, shape, likelihood)
    x = random_examples(4, shape)
    objective(model.draw(x), torch.tensor(0)).backward()  # a scale that follows the values has to be kept as well
    serialization.save(tmp_path / "w.safetensors", serialization.named_tensors(model))
    call = model.recipe_call
    assert type(call.shape) is tuple
    again, _ = er.recipes.RECIPES[call.recipe](call.shape, **call.arguments)
    serialization.load_into(again, serialization.read(tmp_path / "w.safetensors")[0], tmp_path)
    model.eval(), again.eval()
    with torch.no_grad(), er.noise.zero_noise():
        assert torch.equal(again.draw(x).elbo, model.draw(x).elbo)
    assert torch.equal(again.reconstruct(x), model.reconstruct(x))


@pytest.mark.parametrize("network", SPATIAL)
def test_a_large_rate_and_large_values_do_not_break_it(network):
    """Stable from the defaults and well beyond: thirty steps at ten times the rate, on values far too large."""
    model, objective = er.recipes.conv_vae((1, 12, 10), latent=8, widths=(8, 16), network=network)
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    x = 1000 * torch.rand(32, 1, 12, 10)
    for step in range(30):
        loss = objective(model.draw(x), torch.tensor(step))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        assert loss.isfinite()
