"""Distributions that torch lacks, or has only in a slower or less accurate form.

All are :class:`torch.distributions.Distribution`; argument validation is off for these, and only for these.
"""

from typing import TYPE_CHECKING

from torch.distributions import kl_divergence

from elbowroom.deprecation import deprecated_getattr
from elbowroom.distributions.autocorrelated import AutocorrelatedNormal
from elbowroom.distributions.base import UncheckedDistribution, to_event
from elbowroom.distributions.bernoulli import IndependentBernoulli, PixelContinuousBernoulli
from elbowroom.distributions.categories import OneHot, RelaxedOneHot
from elbowroom.distributions.counts import BagMultinomial, CountNegativeBinomial, CountPoisson, ZeroInflatedCount
from elbowroom.distributions.discretized import PixelCategorical, PixelLogistic, PixelLogisticMixture
from elbowroom.distributions.flow import FlowDistribution
from elbowroom.distributions.gamma import IndependentGamma, KeyedDirichlet
from elbowroom.distributions.hyperbolic import PoincareRadius, PoincareRiemannianNormal, PoincareWrappedNormal
from elbowroom.distributions.kl import kl_elements
from elbowroom.distributions.latent import Delta, Normal, mixture, no_density_reason
from elbowroom.distributions.log_cosh import ScaledLogCosh
from elbowroom.distributions.parts import IndependentParts
from elbowroom.distributions.quantized import (
    CodeCategorical,
    CodeDistribution,
    CodeTable,
    Quantized,
    join_index,
    nearest_code_index,
    split_index,
    straight_through,
)
from elbowroom.distributions.spherical import PowerSpherical, SphericalUniform, VonMisesFisher
from elbowroom.distributions.student import MultivariateStudentT, ScaledStudentT
from elbowroom.distributions.tabular import ColumnCategorical, IndependentColumns, StackedColumns
from elbowroom.distributions.toroidal import ToroidalNormal, ToroidalUniform
from elbowroom.distributions.view_flows import ViewFlows

__all__ = [
    "AutocorrelatedNormal",
    "BagMultinomial",
    "CodeCategorical",
    "CodeDistribution",
    "CodeTable",
    "ColumnCategorical",
    "CountNegativeBinomial",
    "CountPoisson",
    "Delta",
    "FlowDistribution",
    "IndependentBernoulli",
    "IndependentColumns",
    "IndependentGamma",
    "IndependentParts",
    "KeyedDirichlet",
    "MultivariateStudentT",
    "Normal",
    "OneHot",
    "PixelCategorical",
    "PixelContinuousBernoulli",
    "PixelLogistic",
    "PixelLogisticMixture",
    "PoincareRadius",
    "PoincareRiemannianNormal",
    "PoincareWrappedNormal",
    "PowerSpherical",
    "Quantized",
    "RelaxedOneHot",
    "ScaledLogCosh",
    "ScaledStudentT",
    "SphericalUniform",
    "StackedColumns",
    "ToroidalNormal",
    "ToroidalUniform",
    "UncheckedDistribution",
    "ViewFlows",
    "VonMisesFisher",
    "ZeroInflatedCount",
    "join_index",
    "kl_divergence",
    "kl_elements",
    "mixture",
    "nearest_code_index",
    "no_density_reason",
    "split_index",
    "straight_through",
    "to_event",
]

if not TYPE_CHECKING:
    __getattr__ = deprecated_getattr(__name__)
