"""Equivariance: identities with the plain reconstruction loss, and an exactly equivariant decoder."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import elbowroom as er
from elbowroom.models import LabelEncoder

STEP = torch.tensor(0)


def make_model(shape, network="conv", labels=0, likelihood="gaussian:0.3"):
    torch.manual_seed(0)
    architecture = er.Architecture(shape, network, widths=(4, 8, 8) if network == "kl" else (4, 8), levels=2)
    latent = er.DiagonalNormal(architecture.map_shape(3))
    conditions = [labels] if labels else []
    return er.Model(
        architecture.encoder(latent, *conditions),
        architecture.decoder(latent, er.likelihood(likelihood, shape), *conditions),
        er.StandardNormal(latent.shape),
        LabelEncoder(labels) if labels else None,
    )


@pytest.mark.parametrize("network", ["conv", "residual", "deep", "kl"])
@pytest.mark.parametrize("shape", [(3, 16, 16), (1, 13, 10), (2, 21)])
def test_with_the_identity_it_is_the_reconstruction_loss(network, shape):
    draw = make_model(shape, network).draw(torch.rand(5, *shape), k=2)
    term = er.Equivariance(scales=(1, 1), turns=(0,))
    torch.testing.assert_close(term(draw, STEP), er.Reconstruction()(draw, STEP))


@pytest.mark.parametrize(
    "likelihood", ["bernoulli", "gaussian", "gaussian:optimal", "laplace:0.5", "discretized-logistic"]
)
def test_the_same_for_every_likelihood_and_the_averages_of_scales_are_left_alone(likelihood):
    model = make_model((1, 8, 8), likelihood=likelihood).train()
    draw = model.draw(torch.rand(4, 1, 8, 8))
    plain = er.Reconstruction()(draw, STEP)
    before = [b.clone() for b in model.buffers()]
    torch.testing.assert_close(er.Equivariance(scales=(1,), turns=(0,))(draw, STEP), plain)
    er.Equivariance()(draw, STEP)
    assert all(torch.equal(a, b) for a, b in zip(before, model.buffers(), strict=True))


def test_conditions_stay_with_their_examples():
    model = make_model((1, 8, 8), labels=10)
    draw = model.draw(torch.rand(6, 1, 8, 8), torch.arange(6))
    term = er.Equivariance(scales=(1, 1, 1), turns=(0,))
    torch.testing.assert_close(term(draw, STEP), er.Reconstruction()(draw, STEP))


class Repeat(nn.Module):
    """A decoder that is equivariant: it repeats every position twice; with an offset by position it is not."""

    def __init__(self, offset):
        super().__init__()
        self.offset = offset

    def forward(self, z):
        x = z.repeat_interleave(2, -1).repeat_interleave(2, -2)
        return (x + self.offset * torch.linspace(0, 1, x.shape[-1])).flatten(-3)


def loss_of_repeating(offset):
    torch.manual_seed(0)
    z = torch.rand(1, 16, 1, 2, 2).repeat_interleave(4, -1).repeat_interleave(4, -2)
    decoder = er.Conditional(Repeat(offset), er.Gaussian((1, 16, 16), 0.5))
    x = decoder(z).mean[0]
    bound = er.models.draw.BoundConditional(decoder)
    draw = er.Draw(x, decoder(z), er.Latent(z, torch.distributions.Normal(z, 1.0), None), decoder=bound)
    return er.Equivariance()(draw, STEP)


def test_an_equivariant_decoder_has_no_error_at_any_scale_and_turn():
    exact = 256 * math.log(0.5 * math.sqrt(2 * math.pi))
    assert loss_of_repeating(0.0).item() == pytest.approx(exact, rel=1e-5)
    assert loss_of_repeating(1.0).item() > exact + 10


def test_latents_and_images_are_scaled_by_averages_and_turned_alike():
    model = make_model((1, 8, 8))
    draw = model.draw(torch.rand(2, 1, 8, 8))
    value = er.Equivariance(scales=(0.5,), turns=(3,))(draw, STEP)
    z = torch.rot90(F.avg_pool2d(draw.z[0], 2), 3, (-2, -1))
    x = torch.rot90(F.avg_pool2d(draw.x, 2), 3, (-2, -1))
    p = er.Gaussian((1, 4, 4), 0.3)(model.decoder.net(z))
    torch.testing.assert_close(value, -4 * p.log_prob(x).mean())
    value.backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.parameters())


def test_every_scale_and_every_turn_is_used_in_a_small_batch(monkeypatch):
    turned = []
    rot90 = torch.rot90
    monkeypatch.setattr(
        torch, "rot90", lambda part, turn, dims: turned.append((len(part), turn)) or rot90(part, turn, dims)
    )
    er.Equivariance()(make_model((1, 16, 16)).draw(torch.rand(4, 1, 16, 16)), STEP)
    images = [turn for count, turn in turned if count]
    assert set(images) == {0, 1, 2, 3}


def test_it_says_what_it_is_for():
    model, _ = er.recipes.vae((1, 8, 8), latent=2)
    with pytest.raises(ValueError, match=r"latents that are maps, and these are \(2,\)"):
        er.Equivariance()(model.draw(torch.rand(4, 1, 8, 8)), STEP)
    for arguments, reason in [
        ({"scales": (2,)}, "at most 1"),
        ({"scales": ()}, "at most 1"),
        ({"turns": (4,)}, "from 0"),
    ]:
        with pytest.raises(ValueError, match=reason):
            er.Equivariance(**arguments)
