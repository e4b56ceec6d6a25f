"""Anomaly detection: normal data against other data, and mistakes."""

import numpy as np
import pytest
import torch

import elbowroom as er
from elbowroom.evaluation.anomaly import background


def test_one_class_is_separated_from_the_rest(digits, tmp_path):
    """Fit on the zeros alone; score them against all other digits."""
    zeros, test = digits.train.y == 0, digits.test
    data = er.load_data(digits.train.x[zeros].numpy(), test=test.x[test.y == 0].numpy())
    model, objective = er.recipes.vae(data.shape, latent=4, hidden=(100,))
    er.fit(model, objective, data, epochs=30, batch_size=32, lr=3e-3, out=tmp_path / "run", device="cpu")
    others = test.x[test.y != 0].numpy()
    result = er.anomalies(model, others, normal=data, score="elbo", samples=10, level=0.1)
    assert result["elbo"]["auroc"].value > 0.98
    assert result["elbo"]["found"].value > 0.8


def test_calibration_and_held_out_halves_are_disjoint(run):
    """Together they are all normal examples; the raw ELBO is always included."""
    result = er.anomalies(run, score="typicality", samples=5, level=0.1)
    assert list(result) == ["elbo", "typicality"]
    assert set(result["elbo"]) == {"threshold", "false_positives"}
    scores = result.results["elbo"]
    assert sorted([*scores.normal[scores.calibration_index], *scores.held_out_scores]) == sorted(scores.normal)
    assert len(scores.calibration_index) == 179
    rate = result["elbo"]["false_positives"].value
    assert rate == (scores.held_out_scores > result["elbo"]["threshold"].value).double().mean().item()


def test_other_data_is_binarized_as_the_training_data(digits, tmp_path):
    data = er.load_data("digits", binarize="threshold")
    model, objective = er.recipes.vae(data.shape, latent=2)
    run = er.fit(model, objective, data, steps=5, out=tmp_path / "run", device="cpu")
    result = er.anomalies(run, "digits", samples=2, score="elbo")
    torch.testing.assert_close(result.results["elbo"].normal, result.results["elbo"].other)
    assert result["elbo"]["auroc"].value == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda m, d: er.anomaly_scores(m, d.test, "ebo"), "did you mean 'elbo'"),
        (lambda m, d: er.anomaly_scores(m, d.test, "typicality"), "pass normal="),
        (lambda m, d: er.anomaly_scores(m, d, "elbo"), "give one of them, as data.test"),
        (lambda m, d: er.anomaly_scores(m, np.zeros((5, 9, 9)), "elbo"), "are 1x9x9, the model takes 1x8x8"),
        (lambda m, d: er.anomaly_scores(m, np.full((5, 8, 8), 7.5), "elbo"), "outside"),
        (lambda m, d: er.anomaly_scores(m, d.test, "elbo", samples=0), "at least 1"),
        (lambda m, d: er.anomaly_scores(m, d.test, normal=d, window=2), "expected an odd side"),
        (lambda m, d: er.anomalies(m, d.test), "pass normal="),
        (lambda m, d: er.anomalies(m, normal=d, split="tset"), "did you mean 'test'"),
        (lambda m, d: er.anomalies(m, normal=d, score="elbo", level=0.001), "at least 999 normal examples"),
    ],
)
def test_mistakes_have_one_line_errors(digits, call, words):
    torch.manual_seed(0)
    model = er.recipes.vae(digits.shape, latent=2)[0]
    with pytest.raises(ValueError, match=words.replace("(", r"\(")) as error:
        call(model, digits)
    assert "\n" not in str(error.value)


@pytest.mark.slow
@pytest.mark.exhaustive  # a training and all scores of ten thousand digits
def test_the_false_positive_rate_on_held_out_digits_is_within_a_point(real_data, tmp_path):
    """On the data of the published results, with the AUROC of ELBO and ratio."""
    data = er.load_data("fashion-mnist")
    model, objective = er.recipes.vae(data.shape)
    er.fit(model, objective, data, epochs=2, lr=3e-3, out=tmp_path / "run", device="cpu")
    monkeypatch = pytest.MonkeyPatch()
    monkeypatch.setattr(background, "FIT_STEPS", 500)
    result = er.anomalies(model, "mnist", normal=data, samples=2, score=["typicality", "likelihood_ratio"])
    monkeypatch.undo()
    for metrics in result.values():
        assert metrics["false_positives"].value == pytest.approx(0.05, abs=0.01)
    assert result["elbo"]["auroc"].value < 0.6
    assert result["likelihood_ratio"]["auroc"].value > 0.98
