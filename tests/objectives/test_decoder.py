"""Terms that regularize the decoder: exact for an affine decoder, and refused where there is no single decoder."""

import pytest
import torch

import elbowroom as er

STEP = torch.tensor(0)


@pytest.fixture
def affine():
    torch.manual_seed(0)
    return er.Model(
        er.Conditional.mlp(9, er.Point(3), ()), er.Conditional.mlp(3, er.Gaussian(9), ()), er.StandardNormal(3)
    )


def weight_of(model):
    (weight,) = [p for name, p in model.decoder.named_parameters() if name.endswith("weight")]
    return weight


def test_the_gradient_penalty_of_an_affine_decoder_is_half_the_norm_of_its_matrix(affine):
    draw = affine.draw(torch.rand(20_000, 9))
    expected = 0.5 * weight_of(affine).square().sum()
    # One projection for each example has a relative standard deviation below sqrt(2).
    assert er.DecoderGradientPenalty()(draw, STEP).item() == pytest.approx(expected.item(), rel=0.04)


def test_its_gradient_is_that_of_the_norm_and_reaches_the_encoder_of_a_curved_decoder(affine):
    weight = weight_of(affine)
    penalty = er.DecoderGradientPenalty()(affine.draw(torch.rand(20_000, 9)), STEP)
    (gradient,) = torch.autograd.grad(penalty, weight)
    torch.testing.assert_close(gradient, weight, atol=0.05, rtol=0.05)
    curved, _ = er.recipes.autoencoder((1, 8, 8), latent=2)
    er.DecoderGradientPenalty()(curved.draw(torch.rand(5, 1, 8, 8)), STEP).backward()
    assert all(p.grad is not None for p in curved.encoder.parameters())


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_it_is_measured_where_no_gradients_are_kept(affine, mode):
    with mode():
        penalty = er.DecoderGradientPenalty()(affine.draw(torch.rand(4, 9)), STEP)
    assert penalty > 0
    assert not penalty.requires_grad


def test_the_weight_norm_is_that_of_the_decoder_alone(affine):
    draw = affine.draw(torch.rand(4, 9))
    expected = sum(p.square().sum().item() for p in affine.decoder.parameters())
    assert er.DecoderL2()(draw, STEP).item() == pytest.approx(expected, rel=1e-6)
    er.DecoderL2()(draw, STEP).backward()
    assert all(p.grad is None for p in affine.encoder.parameters())


def test_the_decoder_of_a_draw_takes_the_condition():
    model, _ = er.recipes.cvae((9,), latent=2, likelihood="gaussian", labels=3)
    draw = model.draw(torch.rand(3, 9), torch.arange(3))
    torch.testing.assert_close(draw.decoder(draw.z).mean, draw.p.mean)


@pytest.mark.parametrize("term", [er.DecoderGradientPenalty(), er.DecoderL2()])
def test_several_latents_are_refused_with_what_to_do(term):
    model, _ = er.recipes.ladder_vae((9,))
    with pytest.raises(ValueError, match=r"does not know its decoder, as those of er\.Model do: .* leave out"):
        term(model.draw(torch.rand(4, 9)), STEP)


def test_a_mean_without_gradient_is_refused():
    model, _ = er.recipes.autoencoder((2,), latent=2, likelihood="columns:3,4")
    with pytest.raises(ValueError, match="no gradient, as that of categories: choose another likelihood"):
        er.DecoderGradientPenalty()(model.draw(torch.ones(5, 2)), STEP)
