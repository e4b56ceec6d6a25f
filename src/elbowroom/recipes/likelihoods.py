"""Recipes that differ in their likelihood: log-cosh loss, Student-t."""

from __future__ import annotations

from typing import Any

import elbowroom as er
from elbowroom.recipes.registry import recipe
from elbowroom.recipes.vae import vae


@recipe("Chen et al. 2019, openreview rkglvsC9Ym", extends=vae)
def logcosh_vae(
    shape: tuple[int, ...], likelihood: str = "log-cosh:10", **rest: Any
) -> tuple[er.GenerativeModel, er.Term]:
    """The VAE with the log-cosh loss, as the density whose negative log it is.

    The loss alone has no scale; here one is learned for all values, which takes the part of the paper's weight.

    Args:
        likelihood: p(x|z): log-cosh:A counts errors far below 1/A of the scale squared, those above absolutely; A is
            chosen by us
    """
    return vae(shape, likelihood=likelihood, **rest)


@recipe("Takahashi et al. 2018, doi 10.24963/ijcai.2018/374", extends=vae)
def student_vae(
    shape: tuple[int, ...], likelihood: str = "student-t:predicted", **rest: Any
) -> tuple[er.GenerativeModel, er.Term]:
    """The VAE whose values have Student-t errors: robust against outliers.

    Args:
        likelihood: p(x|z): student-t with its degrees of freedom: a number, learned for all values, or predicted by the
            network for each, with its scale, as in the paper
    """
    return vae(shape, likelihood=likelihood, **rest)
