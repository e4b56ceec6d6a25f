"""Frozen features by name and from files: the distance LPIPS, hashes, and what is said where they are missing."""

import sys
from types import SimpleNamespace

import pytest
import torch
from torch import nn

import elbowroom as er
from elbowroom import serialization
from elbowroom.networks.feature_layers import FeatureLayers, FeatureNetwork, StageOutputs
from elbowroom.networks.features import MissingFeatures, find_features, random_features

SHAPE = (3, 12, 10)


def lpips_by_hand(maps_x, maps_y, weights):
    """Zhang et al. 2018, equation 1, position by position."""
    total = 0.0
    for phi, psi, w in zip(maps_x, maps_y, weights, strict=True):
        units = [(m.flatten(1) / m.flatten(1).norm(dim=0)).T for m in (phi, psi)]
        total += sum((w * (a - b) ** 2).sum() for a, b in zip(*units, strict=True)) / len(units[0])
    return total


@pytest.mark.parametrize("is_weighted", [False, True])
def test_the_squared_distance_of_layers_is_lpips(is_weighted):
    torch.manual_seed(0)
    stages = StageOutputs(nn.Conv2d(3, 4, 3), nn.Conv2d(4, 6, 3, stride=2))
    weights = [torch.rand(4), torch.rand(6)]
    layers = FeatureLayers(stages, weights if is_weighted else None)
    x, y = torch.rand(2, *SHAPE), torch.rand(2, *SHAPE)
    distance = (layers(x) - layers(y)).square().sum(1)
    used = weights if is_weighted else [torch.full((4,), 0.5), torch.full((6,), 0.5)]
    for i in range(2):
        maps_x, maps_y = ([phi[i] for phi in stages(images)] for images in (x, y))
        torch.testing.assert_close(distance[i], lpips_by_hand(maps_x, maps_y, used))


def test_the_gradient_is_finite_where_images_are_equal_or_black():
    features = find_features("random", SHAPE).network
    for x in (torch.zeros(1, *SHAPE), torch.rand(1, *SHAPE)):
        y = x.clone().requires_grad_()
        (features(y) - features(x)).square().sum().backward()
        assert y.grad.isfinite().all()


@pytest.mark.parametrize("shape", [SHAPE, (2, 30)])
def test_random_features_are_the_same_for_a_seed_and_draw_nothing(shape):
    before = torch.get_rng_state()
    first = find_features("random", shape)
    assert torch.equal(before, torch.get_rng_state())
    assert first.hash == find_features("random", shape).hash != random_features(shape, seed=1).hash
    assert first([torch.rand(2, *shape)]).square().sum(1).sqrt().mean() == pytest.approx(1, rel=0.1)


#: Of the random features of images of one channel, of three, and of series of two.
HASHES = ["6b920ba12fdf080b", "29a79cd46a5aab50", "22146e80efeb7a65"]


def test_random_features_are_the_same_on_every_machine():
    """Whatever it rounds and however many threads it has: a resumed training compares their hash."""
    assert [random_features(shape).hash for shape in ((1, 8, 8), (3, 64, 64), (2, 30))] == HASHES


@pytest.fixture
def features_in_file(tmp_path):
    torch.manual_seed(0)
    features = er.Features(FeatureNetwork(3, 5), "a classifier")
    return features, features.save(tmp_path / "features.safetensors")


def test_features_in_a_file_are_those_that_were_saved(features_in_file):
    features, path = features_in_file
    found = find_features(str(path), SHAPE)
    assert str(found) == str(features.layers)
    x = torch.rand(4, *SHAPE)
    assert torch.equal(found([x]), features.layers([x]))
    assert found([x]).shape == (4, 32 * 30 + 64 * 9 + 64 * 9)


def test_what_cannot_be_read_is_said_when_it_is_needed(features_in_file, tmp_path):
    _, path = features_in_file
    weights, metadata = serialization.read(path)
    serialization.save(tmp_path / "other.safetensors", {"weight": torch.zeros(3)}, {})
    serialization.save(tmp_path / "damaged.safetensors", weights | {"body.0.bias": torch.ones(32)}, metadata)
    for name, shape, reason in [
        ("randm", SHAPE, "there are no features 'randm': give random, a file that 'elbowroom fit-features' wrote"),
        (tmp_path / "other.safetensors", SHAPE, "holds no features"),
        (tmp_path / "damaged.safetensors", SHAPE, "is damaged"),
        (path, (1, 12, 10), "are of images of 3 channels, these are"),
        ("lpips:resnet", SHAPE, "unknown backbone of lpips 'resnet'"),
        ("lpips", SHAPE, "pip install lpips"),
    ]:
        found = find_features(str(name), shape)
        assert isinstance(found.network, MissingFeatures)
        with pytest.raises(ValueError, match=reason):
            found([torch.rand(2, *shape)])
    with pytest.raises(ValueError, match="features are of images"):
        find_features("random", (9,))
    with pytest.raises(ValueError, match="cannot be kept in a file"):
        er.Features(nn.Flatten()).save(tmp_path / "flat.safetensors")


class FakeLPIPS(nn.Module):
    """The parts of the package's module that are read: scaling layer, backbone, and a linear layer for each depth."""

    def __init__(self, net, verbose):
        super().__init__()
        self.scaling_layer, self.net = nn.Identity(), StageOutputs(nn.Conv2d(3, 4, 3), nn.Conv2d(4, 6, 3))
        self.lins = [SimpleNamespace(model=[nn.Dropout(), nn.Conv2d(n, 1, 1, bias=False)]) for n in (4, 6)]
        for lin in self.lins:
            nn.init.uniform_(lin.model[-1].weight)


def test_lpips_is_taken_where_package_and_weights_are_there_and_never_downloaded(monkeypatch, tmp_path):
    torch.manual_seed(0)
    monkeypatch.setitem(sys.modules, "lpips", SimpleNamespace(LPIPS=FakeLPIPS))
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    with pytest.raises(ValueError, match=r"need vgg16-\*.pth in .*nothing is downloaded"):
        find_features("lpips", SHAPE)([torch.rand(1, *SHAPE)])
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "vgg16-397923af.pth").touch()
    found = find_features("lpips", SHAPE)
    x, y = torch.rand(1, *SHAPE), torch.rand(1, *SHAPE)
    net = found.network.network.net
    weights = list(found.network.weights)
    expected = lpips_by_hand([m[0] for m in net(2 * x - 1)], [m[0] for m in net(2 * y - 1)], weights)
    torch.testing.assert_close((found([x]) - found([y])).square().sum().float(), expected.detach())
