"""Distributions that torch lacks, or has only in a slower or less accurate form.

All are :class:`torch.distributions.Distribution`; argument validation is off for these, and only for these.
"""

from typing import TYPE_CHECKING

from torch.distributions import kl_divergence

from elbowroom.deprecation import deprecated_getattr
from elbowroom.distributions.base import UncheckedDistribution, to_event
from elbowroom.distributions.bernoulli import IndependentBernoulli, PixelContinuousBernoulli
from elbowroom.distributions.discretized import PixelCategorical, PixelLogistic, PixelLogisticMixture
from elbowroom.distributions.kl import kl_elements
from elbowroom.distributions.latent import (
    CodebookCategorical,
    Delta,
    Normal,
    Quantized,
    has_density,
    mixture,
    nearest_code_index,
)
from elbowroom.distributions.tabular import ColumnCategorical, IndependentColumns

__all__ = [
    "CodebookCategorical",
    "ColumnCategorical",
    "Delta",
    "IndependentBernoulli",
    "IndependentColumns",
    "Normal",
    "PixelCategorical",
    "PixelContinuousBernoulli",
    "PixelLogistic",
    "PixelLogisticMixture",
    "Quantized",
    "UncheckedDistribution",
    "has_density",
    "kl_divergence",
    "kl_elements",
    "mixture",
    "nearest_code_index",
    "to_event",
]

if not TYPE_CHECKING:
    __getattr__ = deprecated_getattr(__name__)
