"""Recipes: published VAE variants, each a function from a shape to model and objective. Imports torch on first call."""

from typing import TYPE_CHECKING

from elbowroom.deprecation import deprecated_getattr
from elbowroom.recipes.argument import Argument
from elbowroom.recipes.bounds import iwae
from elbowroom.recipes.conditional import conv_cvae, cvae, m2
from elbowroom.recipes.convolutional import conv_vae
from elbowroom.recipes.disentangling import beta_vae, factor_vae
from elbowroom.recipes.hierarchical import hierarchical_vae, ladder_vae
from elbowroom.recipes.priors import vamp_vae
from elbowroom.recipes.quantized import vq_vae
from elbowroom.recipes.registry import RECIPES, Recipe, find, recipe
from elbowroom.recipes.vae import autoencoder, vae

__all__ = [
    "RECIPES",
    "Argument",
    "Recipe",
    "autoencoder",
    "beta_vae",
    "conv_cvae",
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

if not TYPE_CHECKING:
    __getattr__ = deprecated_getattr(__name__)
