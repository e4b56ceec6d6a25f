"""Probes of the latents against scikit-learn fitted by hand."""

import itertools
import math

import numpy as np
import pytest
import torch

import elbowroom as er
from elbowroom.evaluation.suites import probes
from tests.tiny_recipes import make_tiny


@pytest.fixture(scope="module")
def few_digits(digits):
    """Digits of which all probes are fitted in a moment."""
    train, test = digits.train.first(200), digits.test.first(80)
    return er.load_data((train.x, train.y), test=(test.x, test.y), validation=0)


@pytest.fixture(scope="module")
def clusters():
    """A model that encodes the first two of three numbers, and four classes, two of which overlap."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 4, 900)
    centers = np.array([[0, 0], [6, 0], [0, 6], [0.8, 6.8]])
    x = np.concatenate([centers[y] + 0.7 * rng.normal(size=(900, 2)), rng.normal(size=(900, 1))], 1)
    data = er.load_data((x.astype(np.float32), y))
    encoder = er.Conditional(torch.nn.Linear(3, 4), er.DiagonalNormal(2))
    with torch.no_grad():
        encoder.net.weight.copy_(torch.tensor([[1.0, 0, 0], [0, 1, 0], [0, 0, 5], [0, 0, 5]]))
        encoder.net.bias.zero_()
    return er.Model(encoder, er.Conditional.mlp(2, er.Gaussian(3)), er.StandardNormal(2)), data


def test_probes_and_clusters_are_those_of_scikit_learn(clusters):
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score
    from sklearn.mixture import GaussianMixture
    from sklearn.neighbors import KNeighborsClassifier

    model, data = clusters
    metrics = er.evaluate(model, data, metrics="probes")
    (x, y), (x_test, y_test) = ((part.x[:, :2].numpy(), part.y.numpy()) for part in (data.train, data.test))
    linear = LogisticRegression(C=100).fit(x, y).score(x_test, y_test)
    assert metrics["linear_probe_accuracy"].value == pytest.approx(linear, abs=0.03)
    votes = KNeighborsClassifier(5).fit(x, y).score(x_test, y_test)
    assert metrics["neighbor_accuracy"].value == pytest.approx(votes)
    # The classes are round and of one size, so that a mixture of normals started at them finds what k-means does.
    means = [x_test[y_test == c].mean(0) for c in range(4)]
    labels = GaussianMixture(4, covariance_type="spherical", means_init=means, random_state=0).fit_predict(x_test)
    assert metrics["clustering_nmi"].value == pytest.approx(normalized_mutual_info_score(y_test, labels), abs=0.1)
    assert metrics["clustering_ari"].value == pytest.approx(adjusted_rand_score(y_test, labels), abs=0.15)
    best = max(np.mean(np.array(order)[labels] == y_test) for order in itertools.permutations(range(4)))
    assert metrics["clustering_accuracy"].value == pytest.approx(best, abs=0.1)


def test_standard_errors_of_accuracies_are_binomial(clusters):
    model, data = clusters
    metrics = er.evaluate(model, data, metrics="probes")
    n = len(data.test)
    for name in probes.PROBES:
        p = metrics[name].value
        assert metrics[name].standard_error == pytest.approx(math.sqrt(p * (1 - p) / (n - 1)))
    accuracy = metrics["clustering_accuracy"]
    binomial = math.sqrt(accuracy.value * (1 - accuracy.value) / n)
    assert accuracy.standard_error == pytest.approx(binomial, rel=0.25)
    assert 0 < metrics["clustering_nmi"].standard_error < 0.1


def test_agreement_of_contingency_tables():
    perfect, swapped, none = np.diag([5, 3, 2]), np.array([[0, 5], [4, 0]]), np.full((3, 3), 4)
    for name, (agreement, _) in probes.AGREEMENTS.items():
        assert agreement(perfect) == pytest.approx(1), name
        assert agreement(swapped) == pytest.approx(1), name
    assert probes.AGREEMENTS["clustering_nmi"][0](none) == pytest.approx(0, abs=1e-9)
    assert probes.AGREEMENTS["clustering_ari"][0](none) < 0
    assert probes.AGREEMENTS["clustering_accuracy"][0](none) == pytest.approx(1 / 3)
    # Two classes that share a cluster: only one of them can be matched to it.
    shared = np.array([[6, 0, 0], [4, 0, 0], [0, 5, 5]])
    assert probes.AGREEMENTS["clustering_accuracy"][0](shared) == pytest.approx((6 + 5) / 20)


@pytest.mark.filterwarnings("error")
def test_informative_and_constant_latents(digits):
    torch.manual_seed(0)
    model, _ = er.recipes.vae((1, 8, 8), latent=8)
    metrics = er.evaluate(model, digits, metrics="probes")
    # Even random weights keep neighbours together.
    assert metrics["neighbor_accuracy"].value > 0.6
    with torch.no_grad():
        for parameter in model.encoder.parameters():
            parameter.zero_()
    metrics = er.evaluate(model, digits, metrics="probes")
    assert metrics["linear_probe_accuracy"].value < 0.2
    assert "distinct clusters (1)" in metrics["clustering_nmi"].note


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("recipe", ["autoencoder", "vq_vae", "ladder_vae", "vamp_vae", "cvae", "m2"])
def test_probes_of_any_recipe(few_digits, recipe):
    model, _ = make_tiny(recipe)
    metrics = er.evaluate(model, few_digits, metrics="probes")
    assert set(metrics) == {*probes.PROBES, *probes.AGREEMENTS}
    assert all(0 <= m.value <= 1 for m in metrics.values())


def test_examples_whose_class_is_not_known_are_left_out(clusters):
    """Of the training split, of the split that is evaluated, and of both."""
    model, data = clusters
    x, y = data.train.x, data.train.y
    known = torch.arange(len(y)) % 3 == 0
    hidden = torch.where(known, y, -1)
    test, test_y = data.test.x, data.test.y.clone()
    test_y[::2] = -1
    few = er.load_data((x, hidden), test=(test, test_y), validation=0)
    alone = er.load_data((x[known], y[known]), test=(test[1::2], test_y[1::2]), validation=0)
    found, expected = (er.evaluate(model, one, metrics="probes") for one in (few, alone))
    assert {name: m.value for name, m in found.items()} == pytest.approx({n: m.value for n, m in expected.items()})
    assert f"fitted to {int(known.sum())} training latents" in found["linear_probe_accuracy"].estimator


def test_without_classes_the_note_says_why(digits):
    model, _ = er.recipes.vae((1, 8, 8), latent=2)
    x, y = digits.train.x[:100], digits.train.y[:100]
    cases = {
        "no labels": x,
        "attributes": (x, torch.stack((y, y), 1).float()),
        "one class": (x, torch.zeros(100, dtype=torch.int64)),
        "no label is known": (x, torch.full((100,), -1)),
    }
    for reason, source in cases.items():
        metrics = er.evaluate(model, er.load_data(source, validation=0, test=20), metrics="probes")
        assert all(m.value is None and reason in m.note for m in metrics.values()), reason
    metrics = er.evaluate(model, digits, metrics="probes", split="train")
    assert "not evaluated on it" in metrics["linear_probe_accuracy"].note
    assert metrics["clustering_nmi"].value is not None
