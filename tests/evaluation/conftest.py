"""Short fits of the feature extractor and of the background density, in a cache of the tests' own."""

import pytest

from elbowroom.evaluation.anomaly import background
from elbowroom.evaluation.metrics import feature_extractor


@pytest.fixture(autouse=True)
def short_fits(tmp_path_factory, monkeypatch):
    """Fewer steps, which suffice for the digits; one cache, so that the feature extractor is trained once."""
    monkeypatch.setitem(feature_extractor.CLASSIFIER_SETTINGS, "steps", 150)
    monkeypatch.setattr(background, "FIT_STEPS", 40)
    monkeypatch.setenv("ELBOWROOM_CACHE", str(tmp_path_factory.getbasetemp() / "elbowroom-cache"))
