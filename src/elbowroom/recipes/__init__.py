"""Recipes: published variants, each a function named after its paper. Imports no torch until one is cooked."""

from elbowroom.recipes.bounds import iwae
from elbowroom.recipes.classic import autoencoder, vae
from elbowroom.recipes.conditional import cvae, m2
from elbowroom.recipes.convolutional import conv_vae
from elbowroom.recipes.disentangling import beta_vae, factor_vae
from elbowroom.recipes.field import Field
from elbowroom.recipes.hierarchies import hierarchical_vae, ladder_vae
from elbowroom.recipes.learned_priors import vamp_vae
from elbowroom.recipes.quantised import vq_vae
from elbowroom.recipes.table import RECIPES, Recipe, find, recipe

__all__ = [
    "RECIPES",
    "Field",
    "Recipe",
    "autoencoder",
    "beta_vae",
    "conv_vae",
    "cvae",
    "factor_vae",
    "find",
    "hierarchical_vae",
    "iwae",
    "ladder_vae",
    "m2",
    "recipe",
    "vae",
    "vamp_vae",
    "vq_vae",
]
