"""Fixtures of the tests of training."""

import pytest

from elbowroom.workbench import SampleImages


@pytest.fixture(autouse=True)
def no_sample_images(request, monkeypatch):
    """Sample images take longer than these trainings; marked ``images`` they are saved, as for everybody."""
    if request.node.get_closest_marker("images") is None:
        monkeypatch.setattr(SampleImages, "_save_images", lambda self, state, when: None)
