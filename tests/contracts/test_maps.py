"""The contract of every network that makes maps: latents (C, *space) of images of any size and of series."""

import pytest
import torch

import elbowroom as er
from elbowroom import serialization
from tests.networks.shapes import SPATIAL, shape_id

SHAPES = {(3, 13, 10): (4, 4, 3), (2, 27): (4, 7)}


@pytest.fixture(autouse=True)
def fix_seed():
    torch.manual_seed(0)


def architecture(network, shape, **settings):
    return er.Architecture(shape, network, widths=(8, 16, 16)[: 3 if network == "kl" else 2], **settings)


def make(network, shape, labels=0, family=er.DiagonalNormal):
    parts = architecture(network, shape)
    latent = family(parts.map_shape(4))
    conditions = (labels,) if labels else ()
    encoder, decoder = parts.encoder(latent, *conditions), parts.decoder(latent, er.Gaussian(shape), *conditions)
    return er.Model(encoder, decoder, er.StandardNormal(latent.shape), er.LabelEncoder(labels) if labels else None)


def dense_layers(net):
    return [name for name, module in net.named_modules() if type(module) is torch.nn.Linear and "attention" not in name]


@pytest.mark.parametrize("labels", [0, 3], ids=["alone", "labels"])
@pytest.mark.parametrize("shape", SHAPES, ids=shape_id)
@pytest.mark.parametrize("network", SPATIAL)
def test_a_model_with_a_map_as_latent(network, shape, labels):
    """Shapes of everything, sums over the whole map, a gradient in every parameter, and no dense layer."""
    model, x = make(network, shape, labels), torch.rand(5, *shape)
    c = torch.arange(5) % 3 if labels else None
    assert model.latent_shape == SHAPES[shape]
    assert not dense_layers(model)
    draw = model.draw(x, c, k=2)
    assert draw.z.shape == (2, 5, *SHAPES[shape])
    assert draw.kl.shape == (5,)
    torch.testing.assert_close(draw.kl, er.distributions.kl_elements(draw.q, draw.prior).flatten(1).sum(1))
    er.ELBO(2)(draw, torch.tensor(0)).backward()
    assert not [
        n for n, p in model.named_parameters() if p.grad is None or not p.grad.isfinite().all() or not p.grad.any()
    ]
    z = model.encode(x, c)
    assert z.shape == (5, *SHAPES[shape])
    torch.testing.assert_close(model.sample(c=c, z=z, draw=False), model.reconstruct(x, c))
    assert model.sample(5, c).shape == x.shape
    with pytest.raises(ValueError, match="z is one latent"):
        model.sample(z=z[0])


@pytest.mark.parametrize("shape", SHAPES, ids=shape_id)
@pytest.mark.parametrize("network", SPATIAL)
def test_it_is_the_same_when_saved_and_rebuilt_and_when_upsampling_is_fused(network, shape, tmp_path):
    model, again, x = make(network, shape).eval(), make(network, shape).eval(), torch.rand(2, *shape)
    serialization.save(tmp_path / "w.safetensors", serialization.named_tensors(model))
    serialization.load_into(again, serialization.read(tmp_path / "w.safetensors")[0], tmp_path)
    assert torch.equal(again.reconstruct(x), model.reconstruct(x))
    er.networks.fuse_upsampling(again)
    torch.testing.assert_close(again.reconstruct(x), model.reconstruct(x))
    assert any(hasattr(module, "fused_kernel") for module in again.modules())


@pytest.mark.parametrize("network", SPATIAL)
def test_a_label_reaches_every_position_and_an_example_is_alone_in_its_batch(network):
    model, x = make(network, (3, 13, 10), labels=3).eval(), torch.rand(3, 3, 13, 10)
    one, other = (model.encode(x, torch.tensor([label] * 3)) for label in (0, 2))
    assert ((one - other).abs() > 0).all()
    z = torch.randn(1, 4, 4, 3).expand(3, -1, -1, -1)
    images = model.decode(z, torch.arange(3)).mean
    assert ((images[0] - images[1]).abs() > 0).all()
    torch.testing.assert_close(model.decode(z[:1], torch.tensor([1])).mean[0], images[1])


@pytest.mark.parametrize("network", SPATIAL)
def test_a_quantizer_with_space_has_its_positions_in_raster_order(network):
    """Position p = (row, column) of the latent is what the network computes and takes at that place."""
    parts = architecture(network, (3, 16, 12))
    book = er.Codebook(parts.map_shape(1)[1:], 5, codes=8)
    encoder, decoder = parts.encoder(book), parts.decoder(book, er.Gaussian((3, 16, 12)))
    x = torch.rand(2, 3, 16, 12)
    as_map = encoder.net.net(x).reshape(2, 5, 4, 3)
    positions = encoder.net(x).reshape(2, 12, 5)
    torch.testing.assert_close(positions[:, 1 * 3 + 2], as_map[:, :, 1, 2])
    z = torch.randn(4, 2, 12, 5)
    torch.testing.assert_close(decoder(z).mean.flatten(2), decoder.net.net(z.mT.reshape(4, 2, 5, 4, 3)))
    model = er.Model(encoder, decoder, er.CodePrior(book))
    assert model.draw(x).log_w.shape == (1, 2)
    flat = er.Codebook(6, 5, codes=8)  # without space: a vector, as ever
    assert parts.encoder(flat)(x).mean.shape == (2, 6, 5)
    assert dense_layers(parts.encoder(flat))


@pytest.mark.parametrize("network", SPATIAL)
def test_levels_say_how_often_sides_halve(network):
    for levels in (1, 2, 3):
        parts = er.Architecture((1, 24, 17), network, size="s", levels=levels)
        side = 2**levels
        assert parts.has_maps
        assert parts.map_shape(6) == (6, 24 // side, -(-17 // side))


@pytest.mark.parametrize(
    ("arguments", "use", "words"),
    [
        (((3, 32, 32), "mlp"), "map", "the network 'mlp' makes no maps of examples of 3x32x32: take a network of conv"),
        (((9,), "conv"), "map", "makes no maps of examples of 9.*or a vector as latent"),
        (((9,), "kl"), "map", "makes no maps of examples of 9"),
        (((3, 32, 32), "conv"), (4, 4, 4), r"a latent of 4x4x4 for .*'conv' has maps of 4x8x8; Architecture.map_shape"),
        (((3, 32, 32), "mlp"), (4, 8, 8), "the network 'mlp' makes no maps"),
    ],
)
def test_where_there_are_no_maps(arguments, use, words):
    parts = er.Architecture(*arguments)
    with pytest.raises(ValueError, match=words) as error:
        parts.map_shape(4) if use == "map" else parts.encoder(er.DiagonalNormal(use))
    assert "\n" not in str(error.value)
    assert parts.has_maps == (use == (4, 4, 4))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"network": "mlp", "levels": 3}, "levels has no meaning for the network 'mlp'"),
        ({"network": "conv", "layers": 3}, "layers has no meaning for the network 'conv'.*it takes size and widths"),
        ({"network": "conv", "levels": 0}, "at least once, got 0"),
        ({"network": "conv", "widths": (8, 8, 8)}, "one for each level, 2 here"),
        (
            {"network": "kl", "widths": (8, 8)},
            "has 3 sizes where sides halve 2 times: give as many widths, or levels=1",
        ),
        ({"network": "kl", "groups": 5}, r"5 groups do not divide the channels \(32, 64, 128\)"),
    ],
)
def test_settings_are_checked(arguments, words):
    with pytest.raises(ValueError, match=words):
        er.Architecture((3, 32, 32), **arguments).map_shape(4)
