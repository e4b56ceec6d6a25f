"""The registry of recipes, restored after a test."""

import pytest

import elbowroom as er


@pytest.fixture
def recipes(monkeypatch):
    """The registry of recipes, restored afterwards."""
    from elbowroom.recipes import registry

    before = dict(er.recipes.RECIPES)
    yield er.recipes.RECIPES
    er.recipes.RECIPES.clear()
    er.recipes.RECIPES.update(before)
    registry._LOADED_FILES.clear()
