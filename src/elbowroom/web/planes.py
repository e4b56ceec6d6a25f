"""Planes of the latent space as data for the kit's script."""

from __future__ import annotations

from typing import Any

from elbowroom.plotting.figure import PriorOnPlane
from elbowroom.web.render import round_values

#: Significant digits of coordinates, more than a screen has room for.
COORDINATE_DIGITS = 4


def prior_data(prior: PriorOnPlane | None) -> dict[str, Any] | None:
    """Return what a plane shows of the prior, as ``setView`` of the kit's plane takes it; None where it has no place.

    >>> prior_data(PriorOnPlane(None, None, "The model has no prior to show."))
    {'center': None, 'draws': None, 'words': 'The model has no prior to show.'}
    """
    if prior is None:
        return None
    draws = None if prior.draws is None else [round_values(draw, COORDINATE_DIGITS) for draw in prior.draws]
    center = None if prior.center is None else round_values(prior.center, COORDINATE_DIGITS)
    return {"center": center, "draws": draws, "words": prior.words}
