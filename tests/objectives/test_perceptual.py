"""The perceptual loss, whose features stay frozen."""

import json

import pytest
import torch
from torch import nn

import elbowroom as er
from elbowroom.networks import FeatureNetwork
from elbowroom.training import Step


@pytest.fixture
def recipes():
    """The registry of recipes, restored afterwards."""
    before = dict(er.recipes.RECIPES)
    yield er.recipes.RECIPES
    er.recipes.RECIPES.clear()
    er.recipes.RECIPES.update(before)


@pytest.fixture
def features():
    torch.manual_seed(1)
    return er.Features(nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten()), "corners")


def draw_at(x, mean):
    return er.Draw(x, er.Gaussian(x.shape[1:], 1.0)(mean.flatten(2)))


def test_it_is_half_the_squared_distance_of_features(features):
    torch.manual_seed(0)
    x, mean = torch.rand(5, 1, 8, 8), torch.rand(3, 5, 1, 8, 8)
    term = er.Perceptual(features)
    f = features.network
    expected = torch.stack([0.5 * (f(m) - f(x)).square().sum(1).mean() for m in mean]).mean()
    torch.testing.assert_close(term(draw_at(x, mean), torch.tensor(0)), expected)
    assert term(draw_at(x, x[None]), torch.tensor(0)) == 0


def test_the_model_learns_from_it_and_the_features_do_not(features, digits):
    torch.manual_seed(0)
    model, elbo = er.recipes.conv_vae((1, 8, 8), latent=4, widths=(8,))
    objective = elbo + 3 * er.Perceptual(features)
    before = [t.clone() for t in features.network.state_dict().values()]
    step = Step(model, objective).train()
    (player,) = step.players
    assert len(player.parameters) == len(list(model.parameters()))
    losses = step(digits.train.first(16), torch.tensor(0))
    losses.players["model"].backward(inputs=player.parameters)
    assert all(p.grad is not None for p in model.parameters())
    after = objective.right.right.network.state_dict().values()
    # In training mode batch normalisation would have moved its averages.
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))
    assert losses.terms["perceptual"] > 0


def test_it_brings_reconstructions_nearer_and_is_recorded(features, digits, tmp_path):
    losses = []
    for weight in (0.0, 300.0):
        torch.manual_seed(0)
        model, elbo = er.recipes.vae((1, 8, 8), latent=4, hidden=(64,), likelihood="gaussian:0.3")
        run = er.fit(
            model, elbo + weight * er.Perceptual(features), digits, steps=60, lr=3e-3, out=tmp_path / str(weight)
        )
        losses.append(run.metrics("test")[-1]["perceptual"])
        assert f"corners, hash {features.hash}" in json.loads((run.path / "recipe.json").read_text())["objective"]
    assert losses[1] < 0.9 * losses[0]


def test_its_gradient_reaches_decoder_and_encoder(digits):
    """A copied training script computes the distance without gradient, and so adds a number that trains nothing."""
    torch.manual_seed(0)
    model, _ = er.recipes.vae((1, 8, 8), latent=2, hidden=(16,), likelihood="gaussian:1")
    term = er.Perceptual(er.find_features("random", (1, 8, 8)))
    term(model.draw(digits.train.first(8).x), torch.tensor(0)).backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.parameters())
    assert all(p.grad is None for p in term.parameters())


@pytest.fixture
def run_with_features(recipes, digits, tmp_path):
    """A run whose recipe compares in the features of a file, with that file."""

    @er.recipe("Example 2026", extends=er.recipes.vae)
    def felt_vae(shape, features: str = "random", **rest):
        """The VAE with a perceptual loss."""
        model, elbo = er.recipes.vae(shape, **rest)
        return model, elbo + er.Perceptual(er.find_features(features, shape))

    file = er.Features(FeatureNetwork(1, 3)).save(tmp_path / "features.safetensors")
    model, objective = felt_vae((1, 8, 8), latent=2, hidden=(16,), features=str(file))
    return er.fit(model, objective, digits, steps=3, checkpoint_every=1, out=tmp_path / "run"), file


def test_a_run_samples_without_the_features_and_goes_on_with_the_same_alone(run_with_features, recipes, digits):
    run, file = run_with_features
    content = file.read_bytes()
    assert er.resume(run.path, steps=4).metrics()[-1]["step"] == 4
    er.Features(FeatureNetwork(1, 3)).save(file)
    with pytest.raises(ValueError, match=r"was started with features of hash .*put the file of those back"):
        er.resume(run.path, steps=5)
    file.unlink()
    assert er.load(run.path).sample(2).shape == (2, 1, 8, 8)
    with pytest.raises(ValueError, match=r"there are no features '.*features.safetensors'"):
        er.resume(run.path, steps=5)
    with pytest.raises(ValueError, match="there are no features"):
        er.fit(*recipes["felt_vae"]((1, 8, 8), features=str(file)), digits, steps=5, out=file.parent / "new")
    assert not (file.parent / "new").exists()
    file.write_bytes(content)
    assert er.resume(run.path, steps=5).metrics()[-1]["step"] == 5


def test_features_have_to_be_a_module():
    with pytest.raises(ValueError, match="needs a module from examples to features"):
        er.Perceptual("inception")
