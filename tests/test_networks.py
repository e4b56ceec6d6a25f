"""Networks for any shape: what goes in, what comes out, and what must not be seen in it."""

import math
import pickle

import pytest
import torch
from torch import nn

import elbowroom as er
from elbowroom import serialization
from elbowroom.families import LIKELIHOODS
from elbowroom.networks import NETWORKS, SIZES, CellEncoder, Pyramid, Residual
from elbowroom.table_shape import TableShape

#: Pictures grey and in colour, oblong, odd, of four channels; a table; series of one channel and of three.
SHAPES = [(1, 28, 28), (3, 32, 32), (3, 64, 48), (1, 45, 37), (4, 16, 16), (9,), (1, 200), (3, 200)]
#: Columns of numbers (1) beside categories of so many values.
MIXED = TableShape((1, 1, 2, 3, 1, 5, 2, 1, 4))
VALUES = [*LIKELIHOODS, "gaussian:optimal", "laplace:optimal", "logistic-mixture:2"]
EVERY = [*((shape, likelihood) for shape in SHAPES for likelihood in VALUES), (MIXED, "columns")]
ODD = [(1, 1, 1), (3, 1, 5), (2, 3, 3), (1, 7, 1), (1, 1), (2, 3), (1,)]


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


def names(shape):
    return (
        "mixed"
        if isinstance(shape, TableShape)
        else "x".join(map(str, shape))
        if isinstance(shape, tuple)
        else str(shape)
    )


def examples(n, shape):
    """Values in [0, 1]; of a table numbers, classes and empty cells, a row of which has nothing else."""
    if not isinstance(shape, TableShape):
        return torch.rand(n, *shape)
    columns = [torch.randn(n) if size == 1 else torch.randint(size, (n,)).float() for size in shape.sizes]
    x = torch.stack(columns, 1).masked_fill(torch.rand(n, len(columns)) < 0.3, torch.nan)
    return torch.cat((x[:-1], torch.full_like(x[-1:], torch.nan)))


def vae(network, shape, likelihood, **rest):
    if network == "mlp":
        return er.recipes.vae(shape, latent=2, hidden=(4,), activation="silu", likelihood=likelihood, **rest)
    # A bottleneck has a quarter of the channels, and a single one is normalised to nothing where there is no space.
    widths = (16, 16) if network == "deep" else (4, 8)
    return er.recipes.conv_vae(shape, latent=2, widths=widths, network=network, likelihood=likelihood, **rest)


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


@pytest.mark.parametrize("network", ["mlp", *NETWORKS])
@pytest.mark.parametrize(("shape", "likelihood"), EVERY, ids=names)
def test_every_network_with_every_likelihood_at_every_shape(network, shape, likelihood):
    """Finite losses, a gradient in every parameter, shapes of everything asked for, samples in range."""
    model, objective = vae(network, shape, likelihood)
    n = 6 if isinstance(shape, TableShape) else 1
    x = examples(n, shape)
    draw = model.draw(x, k=2)
    assert draw.log_w.shape == (2, n)
    loss = objective(draw, torch.tensor(0))
    assert loss.isfinite()
    loss.backward()
    silent = [
        n for n, p in model.named_parameters() if p.grad is None or not p.grad.isfinite().all() or not p.grad.any()
    ]
    assert not silent
    model.eval()
    again = model.reconstruct(x)
    assert again.shape == x.shape
    assert again.isfinite().all()
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


@pytest.mark.parametrize("network", ["mlp", *NETWORKS])
@pytest.mark.parametrize("shape", [*SHAPES, MIXED], ids=names)
def test_every_network_is_the_same_when_saved_and_made_again(network, shape, tmp_path):
    """From the plain shape and the arguments on record, which is what a run keeps."""
    likelihood = "columns" if isinstance(shape, TableShape) else "gaussian:optimal"
    model, objective = vae(network, shape, likelihood)
    x = examples(4, shape)
    objective(model.draw(x), torch.tensor(0)).backward()  # a scale that follows the values has to be kept as well
    serialization.save(tmp_path / "w.safetensors", serialization.named_tensors(model))
    origin = model.recipe_call
    assert type(origin.shape) is tuple
    again, _ = er.recipes.RECIPES[origin.recipe](origin.shape, **origin.arguments)
    serialization.load_into(again, serialization.read(tmp_path / "w.safetensors")[0], tmp_path)
    model.eval(), again.eval()
    with torch.no_grad(), er.noise.zero_noise():
        assert torch.equal(again.draw(x).elbo, model.draw(x).elbo)
    assert torch.equal(again.reconstruct(x), model.reconstruct(x))


def test_a_networks_first_layer_may_be_taken_apart():
    """Inputs that are repeated for each other are multiplied before they are: the same numbers."""
    for hidden in ((8,), ()):
        for activation in ("silu", "gated"):
            net = er.MLP((2, 3), 4, size=5, hidden=hidden, activation=activation)
            x, y = torch.rand(7, 1, 2, 3), torch.rand(3, 4)
            whole = torch.cat((x.flatten(2).expand(7, 3, 6), y.expand(7, 3, 4)), -1)
            torch.testing.assert_close(net(x, y), net.layers(whole))


class TestCells:
    def test_categories_are_one_hot_and_what_is_missing_is_nothing(self):
        x = examples(50, MIXED)
        out, begin = CellEncoder(MIXED)(x), 0
        for place, size in enumerate(MIXED.sizes):
            mine, there = out[:, begin : begin + size], ~x[:, place].isnan()
            begin += size
            assert (mine[~there] == 0).all()
            column = x[there, place]
            expected = column[:, None] if size == 1 else nn.functional.one_hot(column.long(), size).float()
            assert torch.equal(mine[there], expected)
        assert begin == out.shape[1]

    def test_gradients_pass_between_categories(self):
        x = torch.tensor([[0.25]], requires_grad=True)
        out = CellEncoder(TableShape((3,)))(x)
        assert out.tolist() == [[0.75, 0.25, 0.0]]
        out[0, 1].backward()
        assert x.grad == 1

    @pytest.mark.parametrize("network", ["mlp", *NETWORKS])
    def test_a_missing_number_is_the_mean_to_an_encoder_and_a_missing_category_none(self, network):
        model, _ = vae(network, TableShape((1, 3)), "columns")
        z = model.encode(torch.tensor([[torch.nan, 1.0], [0.0, 1.0], [0.0, 0.0], [0.0, torch.nan]]))
        assert torch.equal(z[0], z[1])
        assert not torch.allclose(z[2], z[3])


def test_a_row_names_its_likelihood_and_is_made_again_from_it():
    model, _ = er.recipes.vae(MIXED, latent=2)
    assert model.recipe_call.arguments["likelihood"] == "columns:1,1,2,3,1,5,2,1,4" == MIXED.likelihood
    assert [type(column).__name__ for column in model.decoder.family.columns[:4]] == ["Gaussian"] * 2 + ["Classes"] * 2
    assert er.recipes.vae(MIXED, likelihood="laplace")[0].decoder.family.shape == (9,)
    assert pickle.loads(pickle.dumps(MIXED)).sizes == MIXED.sizes
    assert MIXED == (9,)


@pytest.mark.parametrize(
    ("shape", "likelihood", "words"),
    [
        ((1, 8, 8), "columns", "likelihood 'columns' is for tables, and examples of 1x8x8 are none: give the shape"),
        ((3,), "columns:1,2", "likelihood 'columns:1,2' has 2 columns, and the examples are 3: spell out as many"),
        ((2,), "columns:1,x", "write columns:1,3 for a number and a category of 3 values"),
        ((2,), "columns:1,0", "each 1 for numbers or the number of its categories"),
        ((2,), "colums", "did you mean 'columns'"),
    ],
)
def test_rows_are_checked(shape, likelihood, words):
    with pytest.raises(ValueError, match=words) as error:
        er.recipes.vae(shape, likelihood=likelihood)
    assert "\n" not in str(error.value)


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
        h = er.networks.blocks.upsample_and_convolve(conv, h, size)
    inside = h[(..., *[slice(4, -4)] * (len(shape) - 1))]
    assert inside.std() < 1e-6 * h.abs().max()
    # A transposed convolution, which is what would otherwise stand there, does leave one.
    transposed = nn.ConvTranspose2d(1, 1, 3, stride=2, padding=1)(torch.ones(1, 1, 9, 9))
    assert transposed[..., 4:-4, 4:-4].std() > 0.01


@pytest.mark.parametrize(("half", "size"), [((5,), (10,)), ((5,), (9,)), ((4, 3), (8, 6)), ((4, 3), (8, 5))], ids=names)
def test_growing_is_repeating_and_convolving(half, size):
    layer = er.networks.blocks.convolution(6, 4, len(half)).double()
    x = torch.randn(2, 6, *half, dtype=torch.double, requires_grad=True)
    both = er.networks.blocks.upsample_and_convolve(layer, x, size), layer(er.networks.blocks.upsample(x, size))
    torch.testing.assert_close(*both)
    weights = torch.randn_like(both[0])
    torch.testing.assert_close(*(torch.autograd.grad((y * weights).sum(), (x, *layer.parameters())) for y in both))


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
    for family in (er.DiagonalNormal(shape), er.DiscretizedLogistic(shape), er.Categorical(shape)):
        each = family.size // math.prod(shape)
        phi = torch.randn(2, each, *shape)
        torch.testing.assert_close(family.split_parameters(phi.flatten(1)), phi.transpose(0, 1))


def test_weights_and_outputs_survive_saving(tmp_path):
    made = [er.recipes.conv_vae((3, 20, 12), latent=3, widths=(8, 16), network="deep")[0].eval() for _ in range(2)]
    serialization.save(tmp_path / "w.safetensors", serialization.named_tensors(made[0]))
    serialization.load_into(made[1], serialization.read(tmp_path / "w.safetensors")[0], tmp_path)
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
