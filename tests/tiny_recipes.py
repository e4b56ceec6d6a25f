"""Recipes in sizes for tests: what makes a model small, whatever recipes there are."""

from collections.abc import Hashable, Iterable
from functools import cache
from typing import Any

import pytest
import torch

from elbowroom.models.base import GenerativeModel
from elbowroom.recipes import RECIPES

#: Values of arguments by which any recipe that takes them is small.
TINY: dict[str, Any] = {
    "latent": 3,
    "hidden": (16,),
    "widths": (8, 16),
    "components": 5,
    "codes": 8,
    "dim": 3,
    "critic": (16,),
    "clusters": 10,
    "pretraining": 2,
    "planes": 8,
    "groups": 2,
}
#: Draws of those recipes whose own number is larger.
MAX_K = 3
#: Arguments of recipes to which one of the above has no meaning, or that take several.
OF_RECIPE: dict[str, dict[str, Any]] = {
    **{name: {"layers": 2} for name in ("planar_vae", "householder_vae", "flow_prior_vae")},
    **{name: {"layers": 1} for name in ("sylvester_vae", "iaf_vae")},
    "energy_vae": {"langevin_steps": 4},
    "geco_vae": {"target": 20.0},
    "control_vae": {"target": 3.0},
    "lagging_vae": {"inner": 2},
    "semi_amortized_vae": {"refinements": 2},
    "hfvae": {"groups": 2},
    "riemannian_vae": {"centroids": 5, "leapfrog": 1},
    "joint_vae": {"capacity_steps": 10},
    "s2_vae": {"latent": 12, "factors": 10},
    "ccvae": {"latent": 12, "labels": 10},
    **{name: {"private": 2} for name in ("dmvae", "mmvae_plus")},
    "ladder_vae": {"latent": (6, 3), "hidden": (32, 16)},
    "biva": {"latent": (6, 3), "hidden": (32, 16)},
    "m1_m2": {"m1_latent": 4, "m2_hidden": (16,)},
    "hvamp_vae": {"prior": "vamp:5"},
    "vae_gan": {"critic": 4},
    "quantized_vae": {"quantizer": "product:8x3"},
    "autoencoder_kl": {"levels": 1, "layers": 1, "critic": 4, "start": 0},
    "vqgan": {"network": "conv", "critic": 4, "start": 0},
    "pixel_vae": {"layers": 1, "channels": 8},
    "made_vae": {"width": 16},
    "text_vae": {"width": 16},
    # Their own likelihoods are of counts, and refuse gray digits.
    **{name: {"likelihood": "bernoulli"} for name in ("count_vae", "mult_vae", "nvdm", "prod_lda")},
    "rec_vae": {"likelihood": "bernoulli", "width": 16, "depth": 2},
    "vrae": {"width": 16},
    "vrnn": {"width": 16},
    "dmm": {"width": 16},
    "eq_vae": {"levels": 1, "layers": 1, "critic": 4, "start": 0},
}

#: A recipe of each family: these answer for all where a test costs much. The others are ``exhaustive`` there.
FAMILIES = (
    *("vae", "autoencoder", "cvae", "vq_vae", "conv_vae", "hierarchical_vae", "gm_vae", "vamp_vae"),
    *("hyperspherical_vae", "joint_vae", "factor_vae", "vae_gan", "vrnn", "m2", "iwae"),
)

#: Those of them whose steps have few operations: hierarchies, sequences and critics of images have some thousand.
SMALL_STEPS = ("vae", "autoencoder", "cvae", "vq_vae", "conv_vae", "vamp_vae", "m2", "iwae", "factor_vae")


def by_family(names: Iterable[str], *more: str, families: Iterable[str] = FAMILIES) -> list[Any]:
    """Return parameters of a test that costs much: recipes beyond one of each family, and more, are exhaustive."""
    fast = {*families, *more}
    return [name if name in fast else pytest.param(name, marks=pytest.mark.exhaustive) for name in names]


def tiny_arguments(name: str, **arguments: Any) -> dict[str, Any]:
    """Return arguments by which a recipe's model is small; those given go before."""
    takes = {key: argument.default for key, argument in RECIPES[name].arguments.items()}
    network = arguments.get("network", takes.get("network"))
    # Perceptrons have hidden layers, convolutions have widths; a recipe of one architecture has its own of the two.
    useless = {"mlp": {"widths"}, None: set()}.get(network, {"hidden"})
    tiny = {key: value for key, value in TINY.items() if key in takes and key not in useless}
    tiny |= {"k": MAX_K} if (takes.get("k") or 0) > MAX_K else {}
    return tiny | OF_RECIPE.get(name, {}) | arguments


def make_tiny(name: str, shape: tuple[int, ...] = (1, 8, 8), **arguments: Any) -> tuple[GenerativeModel, Any]:
    """Make a small model of a recipe and its objective, the same at each call; a likelihood only if it takes one."""
    torch.manual_seed(0)
    if "likelihood" not in RECIPES[name].arguments:
        arguments.pop("likelihood", None)
    return RECIPES[name](shape, **tiny_arguments(name, **arguments))


@cache
def distinct_recipes() -> list[str]:
    """Return a recipe for each structure of model: those that differ in the objective alone are there once."""
    names: dict[Hashable, str] = {}
    for name in RECIPES:
        names.setdefault(_structure(_tiny_model(name)), name)
    return list(names.values())


@cache
def representative_recipes() -> list[str]:
    """Return a recipe for each kind of model by what it can: all that whoever looks at a model, as the studio, asks."""
    names: dict[Hashable, str] = {}
    for name in RECIPES:
        names.setdefault(_capabilities(_tiny_model(name)), name)
    return list(names.values())


@cache
def quantized_recipes() -> list[str]:
    """Return the recipes whose latents are codes of a quantizer."""
    return [name for name in RECIPES if _tiny_model(name).is_quantized]


@cache
def _tiny_model(name: str) -> GenerativeModel:
    """Return a small model of a recipe, which is looked at and left as it is."""
    return make_tiny(name)[0]


def _structure(model: GenerativeModel) -> Hashable:
    """Return what tells the modules of two models apart, weights aside."""
    return type(model), str(model), model.has_prior, model.can_sample, model.condition_size, model.requires_labels


def _capabilities(model: GenerativeModel) -> Hashable:
    """Return what a model says of itself."""
    flags = (model.is_conditional, model.requires_labels, model.is_classifier, model.is_quantized, model.has_prior)
    flags += (model.can_sample, model.has_standard_prior, model.has_point_posterior, model.is_autoregressive)
    sizes = (len(model.latents), len(model.latent_shape), model.n_clusters > 0, model.codebook is None)
    return flags, sizes, type(model.manifold)
