"""Clusters of a model against classes."""

import dataclasses

import numpy as np
import pytest
import torch

import elbowroom as er
from elbowroom.data.splits.memory import InMemorySplit


@pytest.fixture(scope="module")
def separated_clusters():
    """Three far clusters in the plane, an encoder that leaves them where they are, and a prior at their centers."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 600)
    centers = np.array([[0.0, 0], [9, 0], [0, 9]])
    data = er.load_data(((centers[y] + rng.normal(size=(600, 2))).astype(np.float32), y))
    encoder = er.Conditional(torch.nn.Linear(2, 4), er.DiagonalNormal(2))
    model = er.ClusteringModel(encoder, er.Conditional.mlp(2, er.Gaussian(2)), er.Mixture(2, 3), pretraining=0)
    with torch.no_grad():
        encoder.net.weight.copy_(torch.eye(4, 2))
        encoder.net.bias.zero_()
        model.prior.loc.copy_(torch.as_tensor(centers[[2, 0, 1]]))
    return model, data


def test_clusters_in_another_order_agree_wholly(separated_clusters):
    metrics = er.evaluate(*separated_clusters, metrics="clusters")
    assert {name: metric.value for name, metric in metrics.items()} == pytest.approx(
        {"cluster_nmi": 1, "cluster_ari": 1, "cluster_accuracy": 1}
    )
    assert metrics["cluster_accuracy"].examples == len(separated_clusters[1].test)


def test_without_clusters_or_classes_the_reason_is_told(separated_clusters):
    model, data = separated_clusters
    plain = er.Model(model.encoder, model.decoder, er.StandardNormal(2))
    assert "train vade" in er.evaluate(plain, data, metrics="clusters")["cluster_nmi"].note
    unlabeled = er.load_data(data.train.x.numpy())
    assert "no classes" in er.evaluate(model, unlabeled, metrics="clusters")["cluster_nmi"].note


def test_examples_whose_class_is_not_known_are_left_out(separated_clusters):
    model, data = separated_clusters
    y = data.test.y.clone()
    y[::2] = -1
    metrics = er.evaluate(model, dataclasses.replace(data, test=InMemorySplit(data.test.x, y)), metrics="clusters")
    assert (metrics["cluster_nmi"].value, metrics["cluster_nmi"].examples) == (pytest.approx(1), int((y >= 0).sum()))
    none = dataclasses.replace(data, test=InMemorySplit(data.test.x, torch.full_like(y, -1)))
    assert er.evaluate(model, none, metrics="clusters")["cluster_nmi"].note == "no label is known"
