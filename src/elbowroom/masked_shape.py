"""Shape of examples some of whose values may be missing, and the likelihood of those that are there."""

from __future__ import annotations

from collections.abc import Iterable

OBSERVED_LIKELIHOOD = "observed"
#: The likelihood of the observed values where no other is given.
DEFAULT_LIKELIHOOD = "gaussian"


class MaskedShape(tuple[int]):
    """Shape (C, T) of series, or of any examples, with missing values (NaN): gaps, or steps after the end of a series.

    Networks are built from it with a mask beside the values, one channel more for each; it is equal to the plain tuple.

    >>> shape = MaskedShape((3, 24))
    >>> shape, shape.likelihood
    ((3, 24), 'observed:gaussian')
    """

    def __new__(cls, shape: Iterable[int]) -> MaskedShape:
        return super().__new__(cls, tuple(shape))

    @property
    def likelihood(self) -> str:
        """The name of the likelihood of such examples."""
        return f"{OBSERVED_LIKELIHOOD}:{DEFAULT_LIKELIHOOD}"

    @property
    def encoded_shape(self) -> tuple[int, ...]:
        """The shape with the mask: twice the channels."""
        return (2 * self[0], *self[1:])


def resolve_masked_likelihood(shape: tuple[int, ...], likelihood: str | None) -> tuple[MaskedShape, str]:
    """Return the shape and likelihood of examples with missing values: any likelihood becomes that of observed values.

    >>> resolve_masked_likelihood(MaskedShape((1, 9)), "laplace")
    ((1, 9), 'observed:laplace')
    """
    masked = MaskedShape(shape)
    if likelihood is None or likelihood == OBSERVED_LIKELIHOOD:
        return masked, masked.likelihood
    is_observed = likelihood.partition(":")[0] == OBSERVED_LIKELIHOOD
    return masked, likelihood if is_observed else f"{OBSERVED_LIKELIHOOD}:{likelihood}"


def is_masked(shape: tuple[int, ...], likelihood: str | None) -> bool:
    """Return whether examples may have missing values, by their shape or by the likelihood that is given."""
    return isinstance(shape, MaskedShape) or (likelihood or "").partition(":")[0] == OBSERVED_LIKELIHOOD
