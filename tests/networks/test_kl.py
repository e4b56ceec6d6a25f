"""The network of latent diffusion: the same as diffusers', tensor by tensor."""

import pytest
import torch

import elbowroom as er
from elbowroom.networks import KLDecoder, KLEncoder, KLStructure

CASES = {
    "default": ((3, 16, 8), KLStructure((8, 16)), 4),
    "one layer, deep, grey": ((1, 24, 16), KLStructure((16, 16, 32), layers=1, groups=8), 3),
    "one size": ((2, 5, 7), KLStructure((8,)), 4),
    "no attention, no quant_conv": ((4, 8, 8), KLStructure((8, 16), attention=False, quant_conv=False), 16),
}


def make(shape, structure, channels):
    positions = torch.zeros(structure.sizes(shape[1:])[-1]).numel()
    encoder = KLEncoder(shape, numbers=2 * channels * positions, structure=structure)
    decoder = KLDecoder(channels, shape=shape, numbers=torch.zeros(shape).numel(), structure=structure)
    return encoder.eval(), decoder.eval()


def in_diffusers(encoder, decoder, shape, structure, channels):
    """Return diffusers' model with the weights of ours, whose names are the same but for the two at the latent."""
    diffusers = pytest.importorskip("diffusers")
    sizes = len(structure.widths)
    theirs = diffusers.AutoencoderKL(
        in_channels=shape[0],
        out_channels=shape[0],
        down_block_types=("DownEncoderBlock2D",) * sizes,
        up_block_types=("UpDecoderBlock2D",) * sizes,
        block_out_channels=structure.widths,
        layers_per_block=structure.layers,
        latent_channels=channels,
        norm_num_groups=structure.norm_groups,
        use_quant_conv=structure.quant_conv,
        use_post_quant_conv=structure.quant_conv,
        mid_block_add_attention=structure.attention,
    )
    parts = {"encoder.": encoder, "decoder.": decoder}
    weights = {part + name: tensor for part, net in parts.items() for name, tensor in net.state_dict().items()}
    theirs.load_state_dict({name.partition(".")[2] if "quant_conv" in name else name: t for name, t in weights.items()})
    return theirs.eval()


@pytest.mark.parametrize("case", CASES)
@torch.no_grad()
def test_diffusers_computes_the_same_moments_and_images(case):
    shape, structure, channels = CASES[case]
    encoder, decoder = make(shape, structure, channels)
    theirs = in_diffusers(encoder, decoder, shape, structure, channels)
    x, z = torch.rand(2, *shape), torch.randn(2, channels, *structure.sizes(shape[1:])[-1])
    posterior = theirs.encode(2 * x - 1).latent_dist
    q = er.DiagonalNormal(posterior.mean.shape[1:])(encoder(x))
    torch.testing.assert_close(q.mean, posterior.mean, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(q.log_var, posterior.logvar, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(decoder(z).reshape(2, *shape), theirs.decode(z).sample, atol=1e-5, rtol=1e-5)


def test_log_variances_are_not_clamped():
    """diffusers clamps them to [-30, 20]; here the likelihood and the KL are those of the network's output."""
    q = er.DiagonalNormal((1, 2, 2))(torch.cat((torch.zeros(1, 4), torch.full((1, 4), 25.0)), 1))
    assert (q.log_var == 25).all()


def test_groups_are_those_of_stable_diffusion_at_its_widths_and_fewer_for_small_ones():
    assert KLStructure((128, 256, 512, 512)).norm_groups == 32
    assert KLStructure((16, 32, 64)).norm_groups == 4
    assert KLStructure((6, 8)).norm_groups == 1
    assert KLStructure((6, 8), groups=2).norm_groups == 2


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"widths": (8, 12), "groups": 8}, "8 groups do not divide the channels"),
        ({"widths": ()}, "at least 1"),
        ({"widths": (8,), "layers": 0}, "at least 1"),
    ],
)
def test_structures_are_checked(settings, words):
    with pytest.raises(ValueError, match=words):
        KLStructure(**settings)


def test_attention_sees_all_positions():
    encoder, _ = make((1, 16, 16), KLStructure((8, 8, 8), layers=1), 1)
    x = torch.rand(1, 1, 16, 16, requires_grad=True)
    encoder(x).reshape(1, 2, 4, 4)[0, 0, 0, 0].backward()
    assert (x.grad[0, 0, -1] != 0).any()
