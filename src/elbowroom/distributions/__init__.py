"""The distributions that torch lacks, or has only in a slower or less careful form.

All are :class:`torch.distributions.Distribution`; argument validation is off for these, and only for these.
"""

from torch.distributions import kl_divergence

from elbowroom.distributions.base import Unvalidated, independent
from elbowroom.distributions.bernoulli import Bernoulli, ContinuousBernoulli
from elbowroom.distributions.discretized import DiscretisedLogistic, Levels, LogisticMixture
from elbowroom.distributions.kl import kl_elements
from elbowroom.distributions.latent import Codes, Delta, Normal, Quantised, has_density, nearest
from elbowroom.distributions.mixed import mixture
from elbowroom.distributions.tabular import Beside, Classes

__all__ = [
    "Bernoulli",
    "Beside",
    "Classes",
    "Codes",
    "ContinuousBernoulli",
    "Delta",
    "DiscretisedLogistic",
    "Levels",
    "LogisticMixture",
    "Normal",
    "Quantised",
    "Unvalidated",
    "has_density",
    "independent",
    "kl_divergence",
    "kl_elements",
    "mixture",
    "nearest",
]
