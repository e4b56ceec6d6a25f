"""Autoregressive flows, by zuko: IAF, MAF, RealNVP and splines."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor, nn

from elbowroom.distributions.base import broadcast_shapes
from elbowroom.families.flows.base import Flow, InverseFlow, register_flow

#: Widths of the hidden layers of the network of a layer.
HIDDEN = (128, 128)
#: Factor of the weights of the network's last layer at the start: near zero, so that a flow starts near the identity.
OUTPUT_SCALE = 0.01
#: Spline bins of a number.
BINS = 8


class AutoregressiveFlow(Flow):
    r"""An autoregressive map: each number is transformed given those before it, all at once.

    .. math:: f(z)_i = \mu_i(z_{<i}, h) + \sigma_i(z_{<i}, h)\, z_i, \quad \log |\det| = \sum_i \log \sigma_i

    As the map of a posterior it is the inverse autoregressive flow of Kingma et al. 2016, arXiv 1606.04934, with
    numbers h of the encoder; its inverse, one number after the other, is the masked autoregressive flow of Papamakarios
    et al. 2017, arXiv 1705.07057. By zuko, with masked perceptrons of :data:`HIDDEN` (chosen by us), and near the
    identity at the start. Deviation: σ is :math:`e^a` of a bounded a, and the paper's a gate
    :math:`\sigma z + (1 - \sigma) \mu`; the order of numbers is reversed from layer to layer.

    Args:
        latent: D.
        context: the size of h.
        is_reversed: whether numbers come from the last to the first.
        groups: of numbers, each given the groups before it; by default every number is one. Two make a coupling layer.
        is_spline: whether a number is mapped by a rational-quadratic spline in place of an affine map.
    """

    def __init__(
        self,
        latent: int,
        context: int = 0,
        is_reversed: bool = False,
        groups: int | None = None,
        is_spline: bool = False,
    ) -> None:
        super().__init__()
        self.size = context
        self.transform = _make_transform(latent, context, is_reversed, groups, is_spline)

    def forward(self, z: Tensor, phi: Tensor) -> tuple[Tensor, Tensor]:
        transform, z = self._bind(z, phi)
        moved, log_det = transform.call_and_ladj(z)
        return moved, log_det

    def inverse(self, z: Tensor, phi: Tensor) -> tuple[Tensor, Tensor]:
        transform, z = self._bind(z, phi)
        base = transform.inv(z)
        return base, transform.log_abs_det_jacobian(base, z)

    def _bind(self, z: Tensor, phi: Tensor) -> tuple[Any, Tensor]:
        """Return the map given the numbers of the encoder, and vectors in the batch shape of both."""
        if not self.size:
            return self.transform(None), z
        batch = broadcast_shapes(z.shape[:-1], phi.shape[:-1])
        return self.transform(phi.expand(*batch, -1)), z.expand(*batch, -1)


def _make_transform(latent: int, context: int, is_reversed: bool, groups: int | None, is_spline: bool) -> nn.Module:
    from zuko.flows.autoregressive import MaskedAutoregressiveTransform
    from zuko.transforms import MonotonicRQSTransform

    order = torch.arange(latent).flip(0) if is_reversed else torch.arange(latent)
    shapes: Any = ((BINS,), (BINS,), (BINS - 1,)) if is_spline else ((), ())
    univariate = {"univariate": MonotonicRQSTransform} if is_spline else {}
    arguments = {"passes": groups, "order": order} if latent > 1 else {}  # of one number there is no order
    transform = MaskedAutoregressiveTransform(
        latent, context, **arguments, shapes=shapes, hidden_features=HIDDEN, **univariate
    )
    hyper = getattr(transform, "hyper", None)
    if hyper is not None:
        with torch.no_grad():
            for parameter in hyper[-1].parameters():
                parameter.mul_(OUTPUT_SCALE)
    return cast("nn.Module", transform)


@register_flow(
    "iaf", "Inverse autoregressive flow: draws at once, scores others' draws one number after the other.", layers=2
)
def iaf(latent: int, context: int, index: int) -> AutoregressiveFlow:
    """Return an inverse autoregressive flow."""
    return AutoregressiveFlow(latent, context, is_reversed=index % 2 == 1)


@register_flow("maf", "Masked autoregressive flow: scores at once, draws one number after the other.", layers=2)
def maf(latent: int, context: int, index: int) -> InverseFlow:
    """Return a masked autoregressive flow."""
    return InverseFlow(iaf(latent, context, index))


@register_flow("realnvp", "Affine coupling: each half given the other, draws and scores at once.", layers=4)
def realnvp(latent: int, context: int, index: int) -> InverseFlow:
    """Return an affine coupling layer (Dinh, Sohl-Dickstein & Bengio 2017, arXiv 1605.08803)."""
    return InverseFlow(AutoregressiveFlow(latent, context, is_reversed=index % 2 == 1, groups=2))


@register_flow("nsf", "Rational-quadratic splines in coupling layers.", layers=4)
def nsf(latent: int, context: int, index: int) -> InverseFlow:
    """Return a coupling layer of rational-quadratic splines (Durkan et al. 2019, arXiv 1906.04032)."""
    return InverseFlow(AutoregressiveFlow(latent, context, is_reversed=index % 2 == 1, groups=2, is_spline=True))
