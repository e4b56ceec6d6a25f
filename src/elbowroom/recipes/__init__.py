"""Recipes: published VAE variants, each a function from a shape to model and objective. Imports torch on first call."""

from typing import TYPE_CHECKING

from elbowroom.argument import Argument
from elbowroom.deprecation import deprecated_getattr
from elbowroom.recipes.registry import RECIPES, Recipe, find, recipe

__all__ = ["RECIPES", "Argument", "Recipe", "find", "recipe"]

if TYPE_CHECKING:
    vae: Recipe  # which the module of this name would hide from type checkers

    def __getattr__(name: str) -> Recipe: ...

else:
    __getattr__ = deprecated_getattr(__name__)
    # Here rather than on first use: on import, a module would take the place of a recipe of its name.
    globals().update(RECIPES)
    __all__ += RECIPES
