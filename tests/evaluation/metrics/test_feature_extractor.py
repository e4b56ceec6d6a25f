"""Feature extractors: cached, identified by their hash, normalised."""

import math

import numpy as np
import pytest
import torch

import elbowroom as er
from elbowroom import serialization
from elbowroom.evaluation.metrics import feature_extractor


def test_the_classifier_is_cached_and_trained_again_when_damaged(digits):
    features = feature_extractor.default_features(digits)
    path = feature_extractor._cache_path(digits, 0)
    assert path.is_file()
    assert "right on held-out images" in str(features)
    assert float(str(features).split(" % ")[0].split()[-1]) > 90
    before = path.stat().st_mtime_ns
    assert str(feature_extractor.default_features(digits)) == str(features)
    assert path.stat().st_mtime_ns == before
    tensors, metadata = serialization.read(path)
    tensors["body.0.weight"] = tensors["body.0.weight"] + 1e-3
    serialization.save(path, tensors, metadata)
    assert feature_extractor.default_features(digits).hash == features.hash
    assert serialization.read(path)[0]["body.0.weight"].equal(features.network.body[0].weight)


def test_features_have_mean_zero_and_variance_one_over_the_training_images(digits):
    values = feature_extractor.default_features(digits)([digits.train.first(2000).x])
    assert values.mean(0).abs().max() < 0.15
    assert values.var(0).mean() == pytest.approx(1, abs=0.1)


def test_without_labels_the_convolutions_are_random(digits):
    data = er.load_data(digits.train.x.numpy())
    features = feature_extractor.default_features(data)
    assert "random convolutions" in str(features)
    assert features.hash != feature_extractor.default_features(data, seed=1).hash
    values = features([data.train.first(1000).x])
    assert values.var(0).mean() == pytest.approx(1, abs=0.15)


def test_attributes_are_learned_all_at_once(digits):
    """Attributes of a digit: whether it is even, and whether it is below five."""
    y = digits.train.y
    attributes = torch.stack([y % 2 == 0, y < 5], 1).float()
    data = er.load_data((digits.train.x.numpy(), attributes.numpy()))
    features = str(feature_extractor.default_features(data))
    assert "classifier of 2 attributes of the training images" in features
    assert float(features.split(" % ")[0].split()[-1]) > 90


def test_large_and_color_images_go_through_the_same_network():
    network = feature_extractor.FeatureNetwork(3, 4).eval()
    assert network(torch.rand(2, 3, 90, 40)).shape == (2, 64)


def test_features_that_are_not_finite_vectors_are_errors():
    with pytest.raises(ValueError, match="expected one vector each"):
        feature_extractor.Features(torch.nn.Flatten(0))([torch.zeros(2, 1, 4, 4)])
    with pytest.raises(ValueError, match="not all finite"):
        feature_extractor.Features(torch.nn.Identity())([torch.full((2, 3), math.nan)])
    with pytest.raises(ValueError, match="not images"):
        feature_extractor.default_features(er.load_data(np.zeros((50, 9))))
