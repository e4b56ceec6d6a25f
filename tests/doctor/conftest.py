"""Fixtures of the doctor's tests."""

from dataclasses import replace

import pytest
import torch

from elbowroom.workbench import SampleImages


@pytest.fixture(autouse=True)
def no_sample_images(monkeypatch):
    """Sample images take longer than these trainings."""
    for hook in ("epoch", "end"):
        monkeypatch.setattr(SampleImages, hook, lambda self, state: None)


@pytest.fixture(scope="module")
def repeated_digits(digits):
    """The digits, each eight times in an epoch, so that there are few validations."""
    return replace(digits, train=digits.train.subset(torch.arange(1258).repeat(8)))
