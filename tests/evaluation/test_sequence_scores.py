"""Discriminative score and predictive error: their limits on series of a known kind, gaps, and the suite of a run."""

from __future__ import annotations

import math

import torch

import elbowroom as er
from elbowroom.evaluation.metrics.sequence_scores import discriminative_score, mask_as, predictive_error

STEPS = 80


def waves(n: int, seed: int, noise: float = 0.0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    phase = torch.rand(n, 1, 1, generator=generator) * 2 * math.pi
    x = torch.sin(torch.arange(8) * 0.7 + phase)
    return x + noise * torch.randn(n, 1, 8, generator=generator)


def test_the_same_series_are_not_told_apart_and_others_are():
    real = waves(300, 0)
    assert discriminative_score(real, waves(300, 1), steps=STEPS).value < 0.15
    assert discriminative_score(real, waves(300, 1) + 3, steps=STEPS).value == 0.5


def test_the_next_step_is_learned_from_real_series_better_than_from_noise():
    real = waves(200, 0)
    from_real = predictive_error(waves(200, 1), real, steps=STEPS).value
    from_noise = predictive_error(torch.randn(200, 1, 8), real, steps=STEPS).value
    assert from_real < 0.6 * from_noise


def test_gaps_are_given_to_drawn_series_and_are_not_predicted():
    real = waves(60, 0)
    real[::2, :, 5:] = math.nan
    drawn = mask_as(waves(60, 1), real)
    assert torch.equal(drawn.isnan(), real.isnan())
    assert discriminative_score(real, drawn, steps=20).value < 0.3
    whole = predictive_error(drawn, real[::2, :, :5], steps=20)
    padded = predictive_error(drawn, real[::2], steps=20)
    assert math.isclose(whole.value, padded.value, rel_tol=1e-6)


def test_the_suite_measures_samples_beside_real_series(monkeypatch):
    from elbowroom.evaluation.suites import series

    for name in ("discriminative_score", "predictive_error"):
        score = getattr(series, name)
        monkeypatch.setattr(series, name, lambda a, b, score=score: score(a, b, steps=10))
    data = er.load_data(waves(200, 0, 0.1).numpy(), layout="series", validation=40, test=40)
    model, _ = er.recipes.time_vae(data.shape, latent=2, size="s")
    result = er.evaluate(model, data=data, metrics="series")
    assert {*result} == {
        f"{name}{end}" for name in ("discriminative_score", "predictive_error") for end in ("", "_real")
    }
    assert all(metric.value is not None and metric.examples for metric in result.values())
    digits = er.load_data("digits")
    images, _ = er.recipes.vae(digits.shape, latent=2)
    assert "not series" in er.evaluate(images, data=digits, metrics="series")["discriminative_score"].note
