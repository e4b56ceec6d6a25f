"""Autoregressive conditionals: decoders that read x, each element given the latent and the elements before it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import repeat
from typing import cast

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from elbowroom import errors
from elbowroom.distributions.autoregressive import Autoregressive
from elbowroom.distributions.base import broadcast_shapes
from elbowroom.families import Columns, Family, Views
from elbowroom.families.base import Shape
from elbowroom.models.architecture import Architecture
from elbowroom.models.conditional import Conditional
from elbowroom.networks.causal import CausalConvolution, CausalNetwork
from elbowroom.networks.masked import MaskedMLP
from elbowroom.networks.sequences import SEQUENCE_DECODERS

#: Channels of the maps that a decoder gives the causal convolutions on top of it.
CONTEXT_CHANNELS = 16


class AutoregressiveConditional(Conditional):
    r"""A conditional whose network also reads the example itself: each element is given those before it.

    .. math:: \log p(x \mid z) = \sum_i \log p(x_i \mid x_{<i}, z)

    Scored with the example as input (teacher forcing), all elements at once; drawn one position after the other. Such
    a decoder can do without z, and the posterior may then collapse to the prior: let it see less (fewer layers, word
    dropout), let the KL grow from zero, or give it free bits. Gulrajani et al. 2017, arXiv 1611.05013; Chen et al.
    2017, arXiv 1611.02731.

    Args:
        net: from the latent, and further inputs, to the context (..., F) of the causal network.
        family: maps parameters to a distribution, whose elements at different positions are independent.
        causal: from the example and the context to the parameters.

    >>> import elbowroom as er
    >>> from elbowroom.networks.causal import CausalConvolution
    >>> causal = CausalConvolution((1, 2, 2), numbers=4, context=3, width=8, layers=1)
    >>> decoder = AutoregressiveConditional(er.MLP(5, size=3 * 4), er.Bernoulli((1, 2, 2)), causal)
    >>> p = decoder(torch.zeros(7, 5))
    >>> p.log_prob(torch.ones(7, 1, 2, 2)).shape, p.sample().shape, p.mean.shape
    (torch.Size([7]), torch.Size([7, 1, 2, 2]), torch.Size([7, 1, 2, 2]))
    """

    def __init__(self, net: nn.Module, family: Family, causal: CausalNetwork) -> None:
        super().__init__(net, family)
        self.causal = causal

    @property
    def is_autoregressive(self) -> bool:
        return True

    def forward(self, *context: Tensor) -> Distribution:
        features = self.net(*context)
        lead = features.shape[: features.dim() - self.causal.context_dims]
        projected = self.causal.project(features)
        # A draw may be scored after the mode has changed.
        condition = partial(self._condition, projected=projected, batch_shape=lead, is_training=self.training)
        roll_out = partial(self._roll_out, projected=projected, batch_shape=lead)
        return Autoregressive(condition, roll_out, lead, torch.Size(self.family.shape))

    def _condition(
        self, value: Tensor, *, projected: Tensor, batch_shape: torch.Size, is_training: bool
    ) -> Distribution:
        """Return the distributions of all elements, each given the context and the elements of ``value`` before it."""
        n_dims = len(self.family.shape)
        lead = broadcast_shapes(value.shape[: value.dim() - n_dims], batch_shape)
        x = value.expand(*lead, *self.family.shape).reshape(-1, *self.family.shape).to(projected.dtype)
        event = projected.shape[len(batch_shape) :]
        told = self.causal.corrupt(x) if is_training else x
        phi = self.causal(told, projected.expand(*lead, *event).reshape(-1, *event))
        p: Distribution = self.family(phi.reshape(*lead, -1))
        return p

    @torch.no_grad()
    def _roll_out(
        self,
        sample_shape: Sequence[int],
        choose: Callable[[Distribution], Tensor],
        *,
        projected: Tensor,
        batch_shape: torch.Size,
    ) -> Tensor:
        """Make examples position by position, each by ``choose`` from its distribution given those before it."""
        lead, event = (*sample_shape, *batch_shape), projected.shape[len(batch_shape) :]
        elements = self._iter_elements()
        flat = projected.expand(*lead, *event).reshape(math.prod(lead), *event)
        x = self.causal.roll_out(flat, lambda phi: choose(next(elements)(phi)).flatten(1))
        return x.reshape(*lead, *self.family.shape)

    def _iter_elements(self) -> Iterator[Family]:
        """Return the families of the single elements, in the order in which they are made."""
        if isinstance(self.family, Columns):
            return iter(cast(Sequence[Family], self.family.columns))
        return repeat(self.family.with_shape(self.causal.element_shape))


def pixel_decoder(
    architecture: Architecture, latent: Shape, family: Family, layers: int = 4, width: int = 32
) -> AutoregressiveConditional:
    """Make a decoder with gated causal convolutions on top of an architecture's network: that of the PixelVAE.

    Args:
        architecture: whose network goes from the latent to maps of the example's sides.
        latent: shape.
        family: p(x|z), whose elements at different positions are independent.
        layers: of causal convolutions.
        width: their channels.

    Raises:
        ValueError: examples without space; a likelihood of columns or views.
    """
    causal = CausalConvolution(family.shape, family.size, CONTEXT_CHANNELS, width, layers)
    example = (CONTEXT_CHANNELS, *family.shape[1:])
    net = architecture.network.decoder(latent, example=example, numbers=math.prod(example))
    return AutoregressiveConditional(net, family, causal)


def sequence_decoder(
    name: str, shape: Sequence[int], latent: int, family: Family, width: int = 128, word_dropout: float = 0.0
) -> AutoregressiveConditional:
    """Make a decoder of sequences, which gives each step the latent and the steps before it.

    Args:
        name: in :data:`~elbowroom.networks.sequences.SEQUENCE_DECODERS`: lstm, transformer.
        shape: of an example; a :class:`~elbowroom.text_shape.TextShape` for tokens.
        latent: numbers of the latent.
        family: p(x|z), whose steps are independent.
        width: of embedding and states.
        word_dropout: the share of steps whose input is left out in training.

    Raises:
        ValueError: an unknown name; columns of a table, which are no steps.
    """
    if isinstance(family, Columns | Views):
        raise ValueError(
            "the steps of a sequence have one likelihood, and these examples are a table or several views: train vae, "
            "or another recipe for them"
        )
    if name not in SEQUENCE_DECODERS:
        raise errors.unknown_name("decoder", name, SEQUENCE_DECODERS)
    causal = SEQUENCE_DECODERS[name](shape, family.size, latent, width, word_dropout)
    return AutoregressiveConditional(nn.Identity(), family, causal)


def row_decoder(shape: Sequence[int], latent: int, family: Family, width: int = 256) -> AutoregressiveConditional:
    """Make a decoder of the rows of a table, which gives each column the latent and the columns before it.

    Elements of other examples are taken as columns, in raster order.

    Args:
        shape: of an example; that of a table knows its columns.
        latent: numbers of the latent.
        family: p(x|z), whose elements are independent.
        width: of both hidden layers of the :class:`~elbowroom.networks.masked.MaskedMLP`.

    Raises:
        ValueError: examples of several views.

    >>> import elbowroom as er
    >>> p = row_decoder((3,), 2, er.Gaussian(3))(torch.zeros(5, 2))
    >>> p.log_prob(torch.zeros(5, 3)).shape, p.sample().shape
    (torch.Size([5]), torch.Size([5, 3]))
    """
    if isinstance(family, Views):
        raise ValueError("the columns of a row have one likelihood each, and these examples are several views")
    length = math.prod(shape)
    if isinstance(family, Columns):
        causal = MaskedMLP(shape, family.sizes, latent, width)
    else:
        causal = MaskedMLP(shape, [family.size // length] * length, latent, width, interleaved=True)
    return AutoregressiveConditional(nn.Identity(), family, causal)
