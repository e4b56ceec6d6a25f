"""AAE, WAE-GAN, VAE-GAN, IntroVAE and Soft-IntroVAE: without their weights they are what they extend."""

import pytest
import torch
from torch import nn

import elbowroom as er
from elbowroom.data import Batch
from elbowroom.training.backward import EagerStep
from elbowroom.training.step import Step

SHAPE = (1, 8, 8)
STEP = torch.tensor(0)
CPU = torch.device("cpu")


def gradients(model, objective):
    torch.manual_seed(1)
    EagerStep(Step(model, objective), CPU)(Batch(torch.rand(6, *SHAPE), None, torch.arange(6)), STEP)
    return {name: parameter.grad for name, parameter in model.named_parameters()}


def assert_same_gradients(a, b):
    assert list(a) == list(b)
    for name in a:
        torch.testing.assert_close(a[name], b[name], atol=1e-4, rtol=1e-4, msg=name)


@pytest.mark.parametrize("name", ["aae", "wae_gan"])
def test_without_its_weight_it_is_the_autoencoder(name):
    settings = {"latent": 3, "likelihood": "gaussian:1", "seed": 0}
    model, objective = er.recipes.find(name)(SHAPE, weight=0, critic=(8,), **settings)
    assert_same_gradients(gradients(model, objective), gradients(*er.recipes.autoencoder(SHAPE, **settings)))
    assert model.sample(4).shape == (4, *SHAPE)


def test_wae_gan_is_aae_with_other_weights():
    settings = {"latent": 3, "critic": (8,), "weight": 2.0, "likelihood": "gaussian:1", "seed": 0}
    assert_same_gradients(*(gradients(*er.recipes.find(name)(SHAPE, **settings)) for name in ("aae", "wae_gan")))


def test_without_what_they_do_against_each_other_soft_intro_vae_is_the_vae():
    settings = {"latent": 3, "size": "s", "likelihood": "gaussian:1", "seed": 0}
    soft = er.recipes.soft_intro_vae(SHAPE, weight=0, beta_rec=1, beta_kl=3, **settings)
    assert_same_gradients(gradients(*soft), gradients(*er.recipes.conv_vae(SHAPE, beta=3, **settings)))


def test_without_what_they_do_against_each_other_intro_vae_is_the_vae():
    settings = {"latent": 3, "size": "s", "likelihood": "gaussian:1", "seed": 0}
    intro = er.recipes.intro_vae(SHAPE, alpha=0, beta_rec=1, **settings)
    assert_same_gradients(gradients(*intro), gradients(*er.recipes.conv_vae(SHAPE, **settings)))


def test_the_players_of_intro_vae_have_the_papers_losses():
    model, objective = er.recipes.intro_vae(SHAPE, alpha=0.25, margin=50, beta_rec=3, latent=3, size="s")
    losses = Step(model, objective)(Batch(torch.rand(6, *SHAPE), None, torch.arange(6)), STEP)
    assert list(losses.players) == ["encoder", "decoder"]
    terms = losses.terms
    encoder = 3 * terms["reconstruction"] + terms["kl"] + 0.5 * terms["fake_kl_hinge"]
    torch.testing.assert_close(terms["encoder"], encoder)
    torch.testing.assert_close(terms["decoder"], 3 * terms["reconstruction"] + 0.5 * terms["fake_kl"])


def test_vae_gan_in_pixels_instead_of_features_is_the_vae():
    """With the example as the critic's features, a weight of one, and a critic that sees no difference."""

    class Blind(nn.Module):
        def features(self, x):
            return [x]

        def forward(self, x):
            return 0 * x.flatten(1).sum(1)

    settings = {"latent": 3, "size": "s", "likelihood": "gaussian:1", "seed": 0}
    model, objective = er.recipes.vae_gan(SHAPE, similarity=1, gamma=1, critic=4, **settings)
    for module in objective.modules():
        if isinstance(module, er.objectives.Adversarial):
            module.critic = Blind()
    assert_same_gradients(gradients(model, objective), gradients(*er.recipes.conv_vae(SHAPE, **settings)))


def test_vae_gan_has_three_players():
    model, objective = er.recipes.vae_gan(SHAPE, critic=4, size="s")
    losses = Step(model, objective).eval()(Batch(torch.rand(6, *SHAPE), None, torch.arange(6)), STEP)
    assert list(losses.players) == ["encoder", "decoder", "critic"]
    terms = losses.terms
    torch.testing.assert_close(terms["encoder"], terms["kl"] + 300 * terms["critic_similarity"])
    torch.testing.assert_close(terms["decoder"], 30 * terms["critic_similarity"] + terms["adversarial"])


def test_without_its_weights_vqgan_is_the_vq_vae():
    settings = {"network": "conv", "widths": (8, 16), "codes": 8, "dim": 3, "likelihood": "laplace:0.5", "seed": 0}
    vqgan = er.recipes.vqgan(SHAPE, perceptual=0, adversarial=0, **settings)
    assert_same_gradients(gradients(*vqgan), gradients(*er.recipes.vq_vae(SHAPE, **settings)))


def test_vqgan_is_the_vq_vae_before_its_critic_starts_and_balanced_from_then_on():
    settings = {"network": "conv", "widths": (8, 16), "codes": 8, "dim": 3, "seed": 0}
    model, objective = er.recipes.vqgan(SHAPE, perceptual=0, critic=4, start=5, **settings)
    draw = model.draw(torch.rand(6, *SHAPE))
    _, plain = er.recipes.vq_vae(SHAPE, likelihood="laplace:0.5", **settings)
    torch.testing.assert_close(objective(draw, torch.tensor(4)), plain(draw, STEP))
    extra = objective(draw, torch.tensor(5)) - plain(draw, STEP)
    torch.testing.assert_close(
        extra, 0.8 * draw.terms["adversarial_weight"] * draw.terms["adversarial"], rtol=0.01, atol=1e-3
    )
    assert model.latents["z"] == (4, 3)
    assert model.quantizer.space == (2, 2)
