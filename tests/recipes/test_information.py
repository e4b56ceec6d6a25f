"""InfoVAE, capacity and denoising at the settings that make them other recipes."""

import pytest
import torch

import elbowroom as er
from elbowroom.networks import CorruptedInput

SHAPE = (1, 8, 8)


def loss(model_and_objective, x, step=0):
    model, objective = model_and_objective
    torch.manual_seed(1)
    return objective(model.draw(x), torch.tensor(step))


@pytest.mark.parametrize(
    "same",
    [er.recipes.info_vae(SHAPE, alpha=0, weight=1, seed=0), er.recipes.denoising_vae(SHAPE, masking=0, seed=0)],
    ids=["info_vae", "denoising_vae"],
)
def test_it_is_the_vae_where_its_weights_are_none(same):
    x = torch.rand(9, *SHAPE)
    torch.testing.assert_close(loss(same, x), loss(er.recipes.vae(SHAPE, seed=0), x))


@pytest.mark.parametrize(("alpha", "weight"), [(2.0, 100.0), (0.0, 0.5), (-3.0, 2.0)])
def test_info_vae_rewards_no_divergence(alpha, weight):
    with pytest.raises(ValueError, match=r"alpha is at most 1, and alpha \+ weight at least 1, got"):
        er.recipes.info_vae(SHAPE, alpha=alpha, weight=weight)


def test_info_vae_leaves_the_mmd_alone_with_the_reconstruction_at_alpha_1():
    model, objective = er.recipes.info_vae(SHAPE, alpha=1, weight=50)
    draw = model.draw(torch.rand(9, *SHAPE))
    torch.manual_seed(0)
    value = objective(draw, torch.tensor(0))
    torch.manual_seed(0)
    expected = er.Reconstruction()(draw, torch.tensor(0)) + 50 * er.MMD()(draw, torch.tensor(0))
    torch.testing.assert_close(value, expected)


def test_without_capacity_its_distance_is_the_kl_and_it_grows_to_the_capacity():
    model, objective = er.recipes.capacity_vae(SHAPE, gamma=4, capacity=25, warmup=100)
    draw = model.draw(torch.rand(9, *SHAPE))
    reconstruction, kl = -draw.log_px.mean(), draw.kl.mean()
    torch.testing.assert_close(objective(draw, torch.tensor(0)), reconstruction + 4 * kl)
    torch.testing.assert_close(objective(draw, torch.tensor(50)), reconstruction + 4 * (kl - 12.5).abs())
    torch.testing.assert_close(objective(draw, torch.tensor(10**6)), reconstruction + 4 * (kl - 25).abs())


def test_the_denoising_encoder_alone_sees_the_corruption_and_in_training_alone():
    model, _ = er.recipes.denoising_vae(SHAPE, masking=0.5)
    x = torch.rand(9, *SHAPE)
    draw = model.draw(x)
    assert torch.equal(draw.x, x)
    assert not torch.equal(draw.q.mean, model.draw(x).q.mean)
    model.eval()
    assert torch.equal(model.draw(x).q.mean, model.encoder.net.net(x).unflatten(-1, (-1, 20))[..., 0, :])


def test_the_corruption_is_what_it_says():
    x = torch.full((20_000,), 2.0)
    masked = CorruptedInput(torch.nn.Identity(), masking=0.3)(x)
    assert (masked == 0).float().mean().item() == pytest.approx(0.3, abs=0.02)
    assert set(masked.tolist()) == {0.0, 2.0}
    noisy = CorruptedInput(torch.nn.Identity(), noise=0.5)(x)
    assert noisy.mean().item() == pytest.approx(2, abs=0.02)
    assert noisy.std().item() == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize(("arguments", "message"), [({"masking": 1}, "below 1, not 1"), ({"noise": -1}, "at least 0")])
def test_corruption_is_checked(arguments, message):
    with pytest.raises(ValueError, match=message):
        er.recipes.denoising_vae(SHAPE, **arguments)
