"""The network is an argument of every recipe that extends ``vae``: each recipe trains with each network."""

import pytest
import torch

import elbowroom as er
from elbowroom.networks import NETWORKS

SHAPES = {"image": (3, 9, 16), "series": (2, 24), "vector": (7,)}
EXTENDING = {
    "vae": {},
    "conv_vae": {},
    "beta_vae": {},
    "factor_vae": {"critic": (8,)},
    "iwae": {"k": 3},
    "vamp_vae": {"components": 4},
}
OTHERS = {"autoencoder": {}, "vq_vae": {"codes": 8, "dim": 4}, "cvae": {"labels": 3}, "m2": {"labels": 3}}


def make(recipe, shape, network, **arguments):
    recipe = er.recipes.find(recipe)
    sizes = {"hidden": (8,)} if network == "mlp" and "hidden" in recipe.arguments else {}
    sizes |= {} if network == "mlp" else {"widths": (4, 8, 8) if network == "kl" else (4, 8)}
    return recipe(shape, latent=3, network=network, seed=0, **sizes, **arguments)


def labels(model, n):
    return torch.arange(n) % 3 if model.is_conditional else None


@pytest.mark.parametrize("network", list(NETWORKS))
@pytest.mark.parametrize("recipe", [*EXTENDING, *OTHERS])
def test_every_recipe_trains_with_every_network(recipe, network):
    for shape in SHAPES.values():
        model, objective = make(recipe, shape, network, **(EXTENDING | OTHERS)[recipe])
        draw = model.draw(torch.rand(5, *shape), labels(model, 5), objective.k)
        loss = objective(draw, torch.tensor(0))
        assert loss.isfinite()
        loss.backward()
        gradients = [p.grad for name, p in model.named_parameters() if "critic" not in name]
        assert all(gradient is not None and gradient.isfinite().all() for gradient in gradients)


def is_equal(a, b):
    pairs = zip(a.state_dict().items(), b.state_dict().items(), strict=True)
    return all(name == other and tensor.equal(value) for (name, tensor), (other, value) in pairs)


def test_conv_vae_is_vae_with_convolutions():
    shape, sizes = (3, 16, 16), {"size": "s", "seed": 0}
    by_name, objective = er.recipes.conv_vae(shape, latent=64, likelihood="gaussian", **sizes)
    by_argument, other = er.recipes.vae(shape, latent=64, likelihood="gaussian", network="conv", **sizes)
    assert is_equal(by_name, by_argument)
    assert repr(objective) == repr(other)


def test_beta_and_prior_are_arguments():
    assert repr(er.recipes.vae((4,), beta=3)[1]) == repr(er.recipes.beta_vae((4,), beta=3)[1])
    assert repr(er.recipes.vae((4,))[1]) == repr(er.ELBO())
    mixture, _ = er.recipes.vae((4,), latent=2, prior="mixture:5")
    assert isinstance(mixture.prior, er.Mixture)
    assert mixture.prior.loc.shape == (5, 2)
    vamp, _ = er.recipes.vae((4,), latent=2, prior="vamp:7", seed=0)
    assert is_equal(vamp, er.recipes.vamp_vae((4,), latent=2, components=7, seed=0)[0])
    assert "beta" not in er.recipes.iwae.arguments
    assert "prior" not in er.recipes.vamp_vae.arguments


@pytest.mark.parametrize(("shape", "network"), [((3, 8, 8), "conv"), ((2, 24), "conv"), ((7,), "mlp")])
def test_auto_chooses_from_the_shape(shape, network):
    auto, chosen = (er.recipes.vae(shape, latent=2, network=name, seed=0)[0] for name in ("auto", network))
    assert is_equal(auto, chosen)


def test_auto_is_perceptrons_for_a_table():
    table = er.load_data({"a": [0.0, 1, 2, 3] * 5, "b": ["x", "y"] * 10})
    assert isinstance(er.recipes.vae(table.shape, network="auto")[0].encoder.net, er.MLP)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"network": "convolutional"}, "unknown network 'convolutional'"),
        ({"network": "conv", "hidden": (8,)}, "hidden has no meaning for the network 'conv'.*it takes size and widths"),
        ({"widths": (8,)}, "widths has no meaning for the network 'mlp'.*it takes hidden and activation"),
        ({"prior": "mixtur"}, "unknown prior 'mixtur': did you mean 'mixture'"),
        ({"prior": "mixture:ten"}, "prior 'mixture:ten': write mixture:COMPONENTS; a whole number is expected"),
        ({"prior": "standard:2"}, "prior 'standard:2': write standard"),
        ({"prior": "mixture:0"}, "at least 1 component"),
    ],
)
def test_what_it_cannot_be(arguments, error):
    with pytest.raises(ValueError, match=error):
        er.recipes.vae((1, 8, 8), **arguments)


def test_a_size_that_the_recipe_sets_gives_way_as_the_error_says():
    """The size s is of faces, and nobody gave it."""
    with pytest.raises(ValueError, match="size has no meaning for the network 'mlp': leave it at m, or take another"):
        er.recipes.faces((1, 8, 8), network="mlp")
    assert isinstance(er.recipes.faces((1, 8, 8), latent=2, network="mlp", size="m")[0].encoder.net, er.MLP)


def test_the_name_of_before_works_with_a_warning():
    with pytest.warns(DeprecationWarning, match="'plain' is now called 'conv'"):
        plain, _ = er.recipes.conv_vae((3, 16, 16), network="plain", size="s", seed=0)
    assert is_equal(plain, er.recipes.conv_vae((3, 16, 16), size="s", seed=0)[0])
