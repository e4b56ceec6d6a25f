"""Networks for any shape: what goes in, what comes out, and what must not be seen in it."""

import math

import pytest
import torch
from torch import nn

import elbowroom as er
from elbowroom import weights
from elbowroom.families import LIKELIHOODS
from elbowroom.networks import NETWORKS, SIZES, Pyramid, Residual

#: Pictures grey and in colour, oblong, odd, of four channels; a table; series of one channel and of three.
SHAPES = [(1, 28, 28), (3, 32, 32), (3, 64, 48), (1, 45, 37), (4, 16, 16), (9,), (1, 200), (3, 200)]
ODD = [(1, 1, 1), (3, 1, 5), (2, 3, 3), (1, 7, 1), (1, 1), (2, 3), (1,)]


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


def names(shape):
    return "x".join(map(str, shape))


def down(shape, network="plain", numbers=6, **rest):
    return er.Down(shape, numbers=numbers, network=network, widths=(8, 16), **rest)


def up(shape, network="plain", each=1, inputs=(3,), **rest):
    return er.Up(*inputs, shape=shape, numbers=each * math.prod(shape), network=network, widths=(8, 16), **rest)


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("shape", SHAPES + ODD, ids=names)
def test_any_shape_goes_down_and_comes_up(shape, network):
    to, back = down(shape, network), up(shape, network, each=2)
    for lead in ((5,), (2, 3), ()):
        assert to(torch.rand(*lead, *shape)).shape == (*lead, 6)
        assert back(torch.randn(*lead, 3)).shape == (*lead, 2 * math.prod(shape))


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("shape", SHAPES, ids=names)
def test_defaults_fit_every_shape_and_every_parameter_learns(shape, network):
    model, objective = er.recipes.conv_vae(shape, latent=4, size="s", network=network, likelihood="gaussian:1")
    objective(model.draw(torch.rand(4, *shape)), torch.tensor(0)).backward()
    silent = [
        n for n, p in model.named_parameters() if p.grad is None or not p.grad.isfinite().all() or not p.grad.any()
    ]
    assert not silent


@pytest.mark.parametrize("likelihood", [*LIKELIHOODS, "gaussian:optimal", "laplace:optimal", "logistic-mixture:2"])
@pytest.mark.parametrize("shape", SHAPES, ids=names)
def test_every_likelihood_at_every_shape(shape, likelihood):
    """The contract of recipes, for convolutions: finite losses and gradients, shapes of everything asked for."""
    model, objective = er.recipes.conv_vae(shape, latent=2, widths=(4, 8), likelihood=likelihood)
    x = torch.rand(3, *shape)
    draw = model.draw(x, k=2)
    assert draw.log_w.shape == (2, 3)
    objective(draw, torch.tensor(0)).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())
    model.eval()
    assert model.reconstruct(x).shape == x.shape
    assert model.sample(2).shape == (2, *shape)
    p = model.decode(model.draw_prior(2))
    low, high = model.decoder.family.support
    assert p.sample().shape == (2, *shape)
    assert ((p.sample() >= low) & (p.sample() <= high)).all()
    assert p.log_prob(p.sample()).isfinite().all()


def test_nine_mixed_columns_are_fed_by_networks():
    numbers = [er.Gaussian(1), er.Gaussian(1), er.Laplace(1), er.DiagonalNormal(1)]
    family = er.Columns(*numbers, er.Bernoulli(1), er.Bernoulli(1), er.Classes(2), er.Classes(7), er.Classes(3))
    assert family.shape == (9,)
    decoder = er.Conditional.up(4, family, "s")
    x = decoder(torch.randn(5, 4)).sample()
    model = er.Model(er.Conditional.down((9,), er.DiagonalNormal(4), "s"), decoder, er.StandardNormal(4))
    assert model.draw(x, k=2).log_w.shape == (2, 5)
    assert model.reconstruct(x).shape == (5, 9)


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


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("shape", [(3, 33, 20), (2, 50), (9,)], ids=names)
def test_an_example_is_the_same_in_any_company(shape, network):
    to, back = down(shape, network).eval(), up(shape, network).eval()
    x, z = torch.rand(7, *shape), torch.randn(7, 3)
    for net, given in ((to, x), (back, z)):
        together = net(given)
        torch.testing.assert_close(torch.cat([net(given[:2]), net(given[2:3]), net(given[3:])]), together)
        other = given.clone()
        other[1:] = 100 * torch.randn_like(other[1:])
        torch.testing.assert_close(net(other)[0], together[0])
        assert all(not isinstance(m, nn.BatchNorm1d | nn.BatchNorm2d) for m in net.modules())


@pytest.mark.parametrize("shape", [(1, 64, 64), (1, 45, 37), (1, 200)], ids=names)
def test_no_checkerboard(shape):
    """From constant features come constant pictures, away from the edge: every place is reached alike."""
    net = up(shape)
    *levels, out = [level[0] for level in net.levels] + [net.out]
    h = torch.rand(1, 16, 1).expand(1, 16, math.prod(net.pyramid.sizes[-1])).reshape(1, 16, *net.pyramid.sizes[-1])
    for conv, size in zip([*levels, out], net.pyramid.sizes[-2::-1], strict=True):
        h = conv(er.networks.blocks.enlarged(h, size))
    inside = h[(..., *[slice(4, -4)] * (len(shape) - 1))]
    assert inside.std() < 1e-6 * h.abs().max()
    # A transposed convolution, which is what would otherwise stand there, does leave one.
    transposed = nn.ConvTranspose2d(1, 1, 3, stride=2, padding=1)(torch.ones(1, 1, 9, 9))
    assert transposed[..., 4:-4, 4:-4].std() > 0.01


def test_pictures_shift_as_their_features_do():
    """By as many places as a level strides: what is seen does not depend on where, away from the edge."""
    net = down((1, 32, 32))
    first = nn.Sequential(*net.levels[0])
    x = torch.zeros(1, 1, 32, 32)
    x[..., 10:16, 10:16] = torch.rand(6, 6)
    shifted = first(torch.roll(x, (4, 2), (2, 3)))
    torch.testing.assert_close(shifted, torch.roll(first(x), (2, 1), (2, 3)))


def test_features_of_every_level_are_there_for_hierarchies():
    found = er.Down((3, 64, 48), numbers=1, widths=(8, 16, 24), network="deep").features(torch.rand(2, 3, 64, 48))
    assert [tuple(f.shape) for f in found] == [(2, 8, 32, 24), (2, 16, 16, 12), (2, 24, 8, 6)]


def test_further_inputs_join_and_leading_dimensions_broadcast():
    to = er.Down((1, 9, 7), 10, (2, 2), numbers=4, widths=(8,))
    assert to(torch.rand(5, 1, 1, 9, 7), torch.rand(3, 10), torch.rand(3, 2, 2)).shape == (5, 3, 4)
    back = er.Up(4, 10, shape=(1, 9, 7), numbers=63, widths=(8,))
    z, c = torch.randn(6, 5, 4), torch.rand(5, 10)
    assert back(z, c).shape == (6, 5, 63)
    assert not torch.allclose(back(z, c), back(z, c.flip(0)))
    torch.testing.assert_close(back(z, c)[2, 3], back(z[2, 3], c[3]))


def test_brightness_survives_the_encoder():
    """Normalisation by example takes a picture's level away; the first layer is free of it."""
    to = down((1, 16, 16), numbers=8)
    dark, bright = to(torch.full((1, 1, 16, 16), 0.1)), to(torch.full((1, 1, 16, 16), 0.9))
    assert (dark - bright).abs().max() > 0.01


def test_the_layout_is_what_every_family_reads():
    """Channel i of an element's numbers goes to the i-th of what the family takes."""
    shape = (3, 5, 4)
    for family in (er.DiagonalNormal(shape), er.DiscretisedLogistic(shape), er.Categorical(shape)):
        each = family.size // math.prod(shape)
        phi = torch.randn(2, each, *shape)
        torch.testing.assert_close(family.elements(phi.flatten(1)), phi.transpose(0, 1))


def test_weights_and_outputs_survive_saving(tmp_path):
    made = [er.recipes.conv_vae((3, 20, 12), latent=3, widths=(8, 16), network="deep")[0].eval() for _ in range(2)]
    weights.save(tmp_path / "w.safetensors", weights.of(made[0]))
    weights.fill(made[1], weights.read(tmp_path / "w.safetensors")[0], tmp_path)
    x = torch.rand(2, 3, 20, 12)
    assert torch.equal(made[0].reconstruct(x), made[1].reconstruct(x))


def test_residual_blocks_begin_as_little():
    x = torch.randn(4, 16, 9, 9)
    deep = nn.Sequential(*(Residual(16, 2, inner=4, gain=0.25) for _ in range(12)))
    assert 0.8 < deep(x).std() / x.std() < 1.5


@pytest.mark.parametrize("network", NETWORKS)
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
