"""Bounds on log p(x), negated, to be minimized: ELBO and importance-weighted bound."""

from __future__ import annotations

import math

from torch import Tensor

from elbowroom.models.draw import Draw
from elbowroom.objectives.term import Term
from elbowroom.objectives.terms import KL, Reconstruction


def ELBO(k: int = 1) -> Term:  # noqa: N802 - named like the terms, which are classes
    r"""The negated evidence lower bound, :math:`-E_q[\log p(x \mid z)] + \mathrm{KL}(q \| p)`, in nats per example.

    Kingma & Welling 2014, arXiv 1312.6114; with ``k`` samples in the expectation.

    >>> ELBO()
    (reconstruction + kl)
    """
    return Reconstruction(k) + KL()


class ImportanceBound(Term):
    r"""The negated importance-weighted bound, in nats per example; it tightens as K grows.

    .. math:: -\log \frac1K \sum_k \frac{p(x, z_k)}{q(z_k \mid x)}

    Burda, Grosse & Salakhutdinov 2016, arXiv 1509.00519. With one sample it is the ELBO with its KL estimated.

    Args:
        k: samples per example.
    """

    name = "importance_bound"

    def __init__(self, k: int = 50) -> None:
        super().__init__()
        if k < 1:
            raise ValueError(f"k, the samples per example, must be at least 1, got {k}")
        self.k = k

    def forward(self, draw: Draw, step: Tensor) -> Tensor:
        if draw.free_nats:
            raise ValueError("free bits change a KL, and ImportanceBound() has none: leave them out, or use ELBO()")
        log_w = draw.log_px + draw.kl_weight * (draw.log_pz - draw.log_qz)
        return (math.log(len(log_w)) - log_w.logsumexp(0)).mean()
