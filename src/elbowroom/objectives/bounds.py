"""Bounds on log p(x), negated, to be minimized: ELBO, importance-weighted bounds, variational Rényi bounds."""

from __future__ import annotations

import math
from abc import abstractmethod

import torch
from torch import Tensor

from elbowroom.models.draw import Draw
from elbowroom.objectives.gradients import check_gradient, doubly_reparameterize, log_weights
from elbowroom.objectives.term import Term
from elbowroom.objectives.terms import KL, Reconstruction

#: Powers below this are near the mean of logarithms, about which the mean of powers is taken: divided by such a power,
#: a rounding of the logarithm of their sum would be thousandths of a nat.
SMALL_POWER = 1e-2


def ELBO(k: int = 1, gradient: str = "plain") -> Term:  # noqa: N802 - named like the terms, which are classes
    r"""The negated evidence lower bound, :math:`-E_q[\log p(x \mid z)] + \mathrm{KL}(q \| p)`, in nats per example.

    Kingma & Welling 2014, arXiv 1312.6114; with ``k`` samples in the expectation.

    Args:
        k: samples per example.
        gradient: ``"stl"`` estimates the KL from the samples and leaves the score function of q out of the gradient,
            whose variance is then zero where q is the exact posterior (:class:`ImportanceBound`).

    >>> ELBO(), ELBO(gradient="stl")
    ((reconstruction + kl), importance_bound)
    """
    return Reconstruction(k) + KL() if gradient == "plain" else ImportanceBound(1, k, gradient)


class WeightBound(Term):
    """A bound that is a mean of powers of importance weights, of groups of samples.

    Args:
        k: samples of a group.
        groups: of each example, whose bounds are averaged.
        gradient: plain, stl or dreg.
    """

    def __init__(self, k: int, groups: int, gradient: str) -> None:
        super().__init__()
        if k < 1:
            raise ValueError(f"k, the samples per example, must be at least 1, got {k}")
        if groups < 1:
            raise ValueError(f"groups, whose bounds are averaged, must be at least 1, got {groups}")
        self.k, self.groups, self.gradient = k * groups, groups, check_gradient(gradient)

    @property
    @abstractmethod
    def power(self) -> float:
        """The power of the weights whose mean is taken; 0 stands for the mean of their logarithms."""

    def forward(self, draw: Draw, step: Tensor) -> Tensor:
        if draw.free_nats:
            name = type(self).__name__
            raise ValueError(f"free bits change a KL, and {name}() has none: leave them out, or use ELBO()")
        log_w = log_weights(draw, self.gradient)
        # A term beside this one may have asked for more samples, which then go into every group.
        log_w = torch.unflatten(log_w[: len(log_w) // self.groups * self.groups], 0, (self.groups, -1))
        bound = log_power_mean(log_w, self.power)
        if self.gradient == "dreg":
            weights = (self.power * log_w).softmax(1).flatten(0, 1)
            bound = doubly_reparameterize(bound, draw, weights, self.power)
        return -bound.mean()


def log_power_mean(log_w: Tensor, power: float) -> Tensor:
    r"""Return :math:`\frac1a \log \frac1K \sum_k w_k^a` over the groups' samples, (G, K, B) to (G, B).

    At a = 0 it is the mean of :math:`\log w`, at infinity the largest of them.

    >>> import torch
    >>> w = torch.tensor([1.0, 3.0]).view(1, 2, 1)
    >>> [round(log_power_mean(w.log(), a).exp().item(), 4) for a in (-1.0, 0.0, 1.0, math.inf)]
    [1.5, 1.7321, 2.0, 3.0]
    """
    if power == 0:
        return log_w.mean(1)
    if math.isinf(power):
        return log_w.amax(1)
    if abs(power) < SMALL_POWER:
        mean = log_w.mean(1, keepdim=True)
        return mean[:, 0] + (power * (log_w - mean)).expm1().mean(1).log1p() / power
    return ((power * log_w).logsumexp(1) - math.log(log_w.shape[1])) / power


class ImportanceBound(WeightBound):
    r"""The negated importance-weighted bound, in nats per example; it tightens as K grows.

    .. math:: -\frac1M \sum_m \log \frac1K \sum_k \frac{p(x, z_{mk})}{q(z_{mk} \mid x)}

    Burda, Grosse & Salakhutdinov 2016, arXiv 1509.00519, with one group. With one sample it is the ELBO with its KL
    estimated. With M groups it is the multiply importance-weighted bound (MIWAE) of Rainforth et al. 2018, arXiv
    1802.04537: as tight as K samples are, with the gradient averaged over M of them. As K grows alone, the encoder's
    gradient vanishes in its noise: its signal falls as 1/√K.

    Estimators of the gradient by the parameters of q, where a model has a single latent:

    ======= ================================================================================= ===============
    plain   that of the bound                                                                 unbiased
    stl     without the score function of q (Roeder, Wu & Duvenaud 2017, arXiv 1703.09194):   K = 1: unbiased;
            its variance is zero where q is the exact posterior                               K > 1: biased
    dreg    :math:`\sum_k \tilde w_k^2 \nabla_z \log w_k \, \partial z_k / \partial \phi`     unbiased
            (Tucker et al. 2019, arXiv 1810.04152); with K = 1 the same as stl
    ======= ================================================================================= ===============

    ``"dreg"`` takes one more backward pass through the decoder.

    Args:
        k: K, samples of a group.
        groups: M, so that M K samples are drawn of each example.
        gradient: plain, stl or dreg.

    Raises:
        ValueError: k or groups is below 1, or there is no such gradient; in training, for free bits, and for stl and
            dreg with several latents or with codes.

    >>> ImportanceBound(8, groups=4).k
    32
    """

    name = "importance_bound"

    def __init__(self, k: int = 50, groups: int = 1, gradient: str = "plain") -> None:
        super().__init__(k, groups, gradient)

    @property
    def power(self) -> float:
        return 1.0


class RenyiBound(WeightBound):
    r"""The negated variational Rényi bound of order alpha, in nats per example.

    .. math:: -\frac{1}{1 - \alpha} \log \frac1K \sum_k
        \left( \frac{p(x, z_k)}{q(z_k \mid x)} \right)^{1 - \alpha}

    Li & Turner 2016, arXiv 1602.02311. It falls as alpha grows: at 1 it is the ELBO with its KL estimated, at 0 the
    importance-weighted bound, at −∞ the largest of the weights (VR-max). From 0 to 1 it is a lower bound of log p(x)
    for any number of samples; below 0 its limit of many samples is an upper bound, and from few it may be on either
    side. Above 1 it lies below the ELBO. The gradient is exact, where the paper's VR-α draws one of the weights.

    Args:
        alpha: order, a number up to −∞.
        k: samples per example.
        gradient: plain, stl or dreg, as for :class:`ImportanceBound`; at −∞ plain or stl.

    Raises:
        ValueError: alpha is +∞ or no number; as for :class:`ImportanceBound`.

    >>> RenyiBound(0.5, 5)
    renyi_bound
    """

    name = "renyi_bound"

    def __init__(self, alpha: float = 0.5, k: int = 50, gradient: str = "plain") -> None:
        super().__init__(k, 1, gradient)
        if not alpha < math.inf:
            raise ValueError(f"alpha, the order of a Rényi bound, is a finite number or -inf, got {alpha}")
        if alpha == -math.inf and gradient == "dreg":
            raise ValueError("gradient='dreg' is for a finite alpha: use 'stl' or 'plain', or alpha=0 for iwae")
        self.alpha = alpha

    @property
    def power(self) -> float:
        return 1 - self.alpha
