"""Convolutional networks down and up: shapes, sizes and invariances."""

import math

import pytest
import torch
from torch import nn

import elbowroom as er
from elbowroom import serialization
from elbowroom.networks import BLOCKS, SIZES, Pyramid
from tests.networks.shapes import SHAPES, TINY_SHAPES, down, shape_id, up


@pytest.mark.parametrize("network", BLOCKS)
@pytest.mark.parametrize("shape", SHAPES + TINY_SHAPES, ids=shape_id)
def test_down_and_up_take_any_shape(shape, network):
    encoder, decoder = down(shape, network), up(shape, network, each=2)
    for lead in ((5,), (2, 3), ()):
        assert encoder(torch.rand(*lead, *shape)).shape == (*lead, 6)
        assert decoder(torch.randn(*lead, 3)).shape == (*lead, 2 * math.prod(shape))


def test_sizes_are_ordered():
    counts = {s: sum(p.numel() for p in er.Conditional.up(64, er.Gaussian((3, 64, 64)), s).parameters()) for s in SIZES}
    assert counts["s"] * 2 < counts["m"] < counts["l"] / 2


def test_pyramids_halve_rounding_up_until_the_longest_side_is_four():
    assert Pyramid((3, 64, 48)).sizes == [(64, 48), (32, 24), (16, 12), (8, 6), (4, 3)]
    assert Pyramid((3, 64, 48), "l").widths == (64, 128, 256, 512)
    assert Pyramid((1, 200), "s").sizes == [(200,), (100,), (50,), (25,), (13,), (7,), (4,)]
    assert Pyramid((1, 200), "s").widths == (16, 32, 64, 128, 128, 128)
    assert Pyramid((9,), "s").widths == (128, 128)
    assert Pyramid((1, 28, 28), widths=(5, 6)).sizes == [(28, 28), (14, 14), (7, 7)]


@pytest.mark.parametrize("network", BLOCKS)
@pytest.mark.parametrize("shape", [(3, 33, 20), (2, 50), (9,)], ids=shape_id)
def test_an_example_does_not_depend_on_the_rest_of_the_batch(shape, network):
    encoder, decoder = down(shape, network).eval(), up(shape, network).eval()
    x, z = torch.rand(7, *shape), torch.randn(7, 3)
    for net, inputs in ((encoder, x), (decoder, z)):
        batch_output = net(inputs)
        torch.testing.assert_close(torch.cat([net(inputs[:2]), net(inputs[2:3]), net(inputs[3:])]), batch_output)
        other = inputs.clone()
        other[1:] = 100 * torch.randn_like(other[1:])
        torch.testing.assert_close(net(other)[0], batch_output[0])
        assert all(not isinstance(m, nn.BatchNorm1d | nn.BatchNorm2d) for m in net.modules())


@pytest.mark.parametrize("shape", [(1, 64, 64), (1, 45, 37), (1, 200)], ids=shape_id)
def test_no_checkerboard(shape):
    """From constant features come constant images, away from the edge: every position is covered alike."""
    net = up(shape)
    *levels, out = [level[0] for level in net.levels] + [net.out]
    h = torch.rand(1, 16, 1).expand(1, 16, math.prod(net.pyramid.sizes[-1])).reshape(1, 16, *net.pyramid.sizes[-1])
    for conv, size in zip([*levels, out], net.pyramid.sizes[-2::-1], strict=True):
        h = er.networks.blocks.upsample_and_convolve(conv, h, size)
    inside = h[(..., *[slice(4, -4)] * (len(shape) - 1))]
    assert inside.std() < 1e-6 * h.abs().max()
    # A transposed convolution, the usual choice, does leave one.
    transposed = nn.ConvTranspose2d(1, 1, 3, stride=2, padding=1)(torch.ones(1, 1, 9, 9))
    assert transposed[..., 4:-4, 4:-4].std() > 0.01


def test_features_shift_with_the_image():
    """By the stride of a level: features do not depend on the position, away from the edge."""
    net = down((1, 32, 32))
    first = nn.Sequential(*net.levels[0])
    x = torch.zeros(1, 1, 32, 32)
    x[..., 10:16, 10:16] = torch.rand(6, 6)
    shifted = first(torch.roll(x, (4, 2), (2, 3)))
    torch.testing.assert_close(shifted, torch.roll(first(x), (2, 1), (2, 3)))


def test_features_of_every_level_are_there_for_hierarchies():
    features = er.Down((3, 64, 48), numbers=1, widths=(8, 16, 24), network="deep").features(torch.rand(2, 3, 64, 48))
    assert [tuple(f.shape) for f in features] == [(2, 8, 32, 24), (2, 16, 16, 12), (2, 24, 8, 6)]


def test_further_inputs_join_and_leading_dimensions_broadcast():
    encoder = er.Down((1, 9, 7), 10, (2, 2), numbers=4, widths=(8,))
    assert encoder(torch.rand(5, 1, 1, 9, 7), torch.rand(3, 10), torch.rand(3, 2, 2)).shape == (5, 3, 4)
    decoder = er.Up(4, 10, shape=(1, 9, 7), numbers=63, widths=(8,))
    z, c = torch.randn(6, 5, 4), torch.rand(5, 10)
    assert decoder(z, c).shape == (6, 5, 63)
    assert not torch.allclose(decoder(z, c), decoder(z, c.flip(0)))
    torch.testing.assert_close(decoder(z, c)[2, 3], decoder(z[2, 3], c[3]))


def test_brightness_survives_the_encoder():
    """Normalisation by example would remove an image's mean; the first layer has none."""
    encoder = down((1, 16, 16), numbers=8)
    dark, bright = encoder(torch.full((1, 1, 16, 16), 0.1)), encoder(torch.full((1, 1, 16, 16), 0.9))
    assert (dark - bright).abs().max() > 0.01


def test_the_layout_is_what_every_family_reads():
    """Channel i of an element's outputs is the i-th parameter of the family."""
    shape = (3, 5, 4)
    for family in (er.DiagonalNormal(shape), er.DiscretizedLogistic(shape), er.Categorical(shape)):
        each = family.size // math.prod(shape)
        phi = torch.randn(2, each, *shape)
        torch.testing.assert_close(family.split_parameters(phi.flatten(1)), phi.transpose(0, 1))


def test_weights_and_outputs_survive_saving(tmp_path):
    models = [er.recipes.conv_vae((3, 20, 12), latent=3, widths=(8, 16), network="deep")[0].eval() for _ in range(2)]
    serialization.save(tmp_path / "w.safetensors", serialization.named_tensors(models[0]))
    serialization.load_into(models[1], serialization.read(tmp_path / "w.safetensors")[0], tmp_path)
    x = torch.rand(2, 3, 20, 12)
    assert torch.equal(models[0].reconstruct(x), models[1].reconstruct(x))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"network": "residul"}, "did you mean 'residual'"),
        ({"size": "xl"}, "unknown size 'xl'"),
        ({"widths": ()}, "one for each level"),
        ({"widths": (8, 0)}, "at least 1"),
    ],
)
def test_arguments_are_checked(arguments, words):
    with pytest.raises(ValueError, match=words):
        er.Down((1, 8, 8), numbers=2, **arguments)


def test_shapes_are_checked():
    with pytest.raises(ValueError, match=r"expected \(C, H, W\), \(C, T\) or \(D,\)"):
        er.Down((1, 2, 3, 4), numbers=2)
