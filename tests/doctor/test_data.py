"""Diagnoses of the data."""

from dataclasses import replace

import numpy as np
import pytest
import torch

import elbowroom as er
from elbowroom.doctor import examine
from elbowroom.doctor.duplicates import find_duplicates
from elbowroom.doctor.evidence import Evidence
from elbowroom.doctor.examine import diagnose
from tests.doctor.runs import get_finding, make, train


def test_validation_split_that_is_the_training_split(digits, tmp_path):
    x, y = digits.train.x.numpy(), digits.train.y.numpy()
    data = er.load_data((x, y), validation=(x, y))
    run = train(data, tmp_path / "run", *make(), steps=20)
    finding = get_finding(examine(run, data), "held-out examples in training")
    assert finding.severity == "fault"
    assert "100% of 500 validation examples are training examples, value by value" in finding.evidence
    assert "no run" not in examine(run).skip_reasons["held-out examples in training"]
    assert "pass the same as data=" in examine(run).skip_reasons["held-out examples in training"]


def test_near_duplicates(digits):
    noisy = digits.train.x[:200].float() / 255 + 0.001 * torch.randn(200, 1, 8, 8)
    data = er.load_data(digits.train.x.float().numpy() / 255, validation=noisy.numpy())
    duplicates = find_duplicates(data.validation, data.train)
    assert (duplicates.exact, duplicates.near) == (0, 1)
    assert duplicates.excess_share == 1
    random_split = find_duplicates(digits.test, digits.train)
    assert (random_split.exact, random_split.excess_share) == (0, 0)


@pytest.mark.parametrize("shape", [(4,), (12,)])
def test_duplicates_in_a_small_space_are_no_leak(shape):
    """Duplicates are as frequent within training; and points of the plane are near each other by chance."""
    rng = np.random.default_rng(0)
    for rows in (rng.integers(0, 2, (600, *shape)), rng.normal(size=(600, 2))):
        data = er.load_data(rows.astype(np.float32))
        assert find_duplicates(data.validation, data.train).excess_share == 0
    half = data.train.x[:40], data.validation.x[:20]
    leaky = er.load_data(data.train.x.numpy(), validation=torch.cat(half).numpy())
    assert 0.5 < find_duplicates(leaky.validation, leaky.train).excess_share < 0.8


def test_values_out_of_range(digits, tmp_path):
    """A stream may give other values than those that were looked at before the training."""
    run = train(digits, tmp_path / "run", *make(), steps=20, watch=())
    x = digits.train.first(320).x
    later = replace(digits, train=er.data.InMemorySplit(torch.cat((x[:64], 255 * x[64:]))), validation=None, test=None)
    finding = get_finding(diagnose(Evidence(run, later)), "data out of range")
    assert finding.severity == "fault"
    assert "lie outside [0, 1], the range of Bernoulli: they go from 0 to 255" in finding.evidence
