"""The model whose values are missing by a process that is modelled too: not at random."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from elbowroom import errors
from elbowroom.distributions.missingness import ValuesAndMask
from elbowroom.families import Family
from elbowroom.models.base import Model
from elbowroom.models.inputs import check_examples, takes_examples
from elbowroom.models.proposals import Proposals
from elbowroom.networks import MLP
from elbowroom.networks.inputs import Shape, as_shape, input_layers, normalize_shapes
from elbowroom.table_shape import TableShape


class SelfMask(nn.Module):
    """Logits of a value being there, affine in that value alone: (..., *shape) to (..., *shape).

    A category has a weight of its own. Ipsen, Mattei & Frellsen 2021, arXiv 2006.12871, call it self-masking.

    >>> SelfMask((3,))(torch.ones(2, 3)).shape
    torch.Size([2, 3])
    """

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape, self.cells = tuple(as_shape(shape)), input_layers([shape])[0]
        n_cells, n_values = math.prod(normalize_shapes([shape])[0]), math.prod(self.shape)
        self.weight, self.bias = nn.Parameter(torch.zeros(n_cells)), nn.Parameter(torch.zeros(n_values))
        # Each value's cells follow each other: of numbers one, of categories as many as there are.
        sizes = torch.tensor(shape.sizes if isinstance(shape, TableShape) else (1,) * n_values)
        self.register_buffer("owner", torch.arange(n_values).repeat_interleave(sizes), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        parts = self.cells(x).flatten(-len(self.shape)) * self.weight
        logits = self.bias.to(parts.dtype).expand(*parts.shape[:-1], -1).index_add(-1, self.get_buffer("owner"), parts)
        return logits.reshape(*logits.shape[:-1], *self.shape)


class JointMask(nn.Module):
    """Logits of each value being there, by a network of all of them: (..., *shape) to (..., *shape).

    Args:
        shape: of an example, or a table's row.
        hidden: widths of the hidden layers; none makes them affine in the values.
    """

    def __init__(self, shape: Shape, hidden: tuple[int, ...] = ()) -> None:
        super().__init__()
        self.shape = tuple(as_shape(shape))
        self.net = MLP(shape, size=math.prod(self.shape), hidden=hidden, activation="tanh")

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.net(x).unflatten(-1, self.shape)
        return logits


#: Models of the mask by name: each a function from the shape of an example to a module.
MASK_MODELS: dict[str, Callable[[Shape], nn.Module]] = {
    "self": SelfMask,
    "linear": JointMask,
    "mlp": lambda shape: JointMask(shape, (64,)),
}


class MaskFamily(Family):
    """Another family, with the mask of what is there: :class:`elbowroom.distributions.missingness.ValuesAndMask`.

    Args:
        values: p(x|z).
        mask: examples without a gap to the logits of their values being there.
    """

    has_mask = True

    def __init__(self, values: Family, mask: nn.Module) -> None:
        super().__init__(values.shape)
        self.size, self.support, self.missing, self.levels = values.size, values.support, values.missing, values.levels
        self.is_count, self.unseen_mass, self.mask = values.is_count, values.unseen_mass, mask
        self.values: Family = values

    @property
    def column_levels(self) -> tuple[int | None, ...]:
        return self.values.column_levels

    def forward(self, phi: Tensor) -> Distribution:
        return ValuesAndMask(self.values(phi), self.mask)


class MissingProcess(Model):
    r"""A model with one latent of values and of the mask of those that are there, s, which depends on them.

    .. math:: p(x_{\mathrm{obs}}, s) = \int p(s \mid x_{\mathrm{obs}}, x_{\mathrm{mis}}) \,
        p(x_{\mathrm{obs}}, x_{\mathrm{mis}} \mid z) \, p(z) \, dz \, dx_{\mathrm{mis}}

    so that values which are missing because they are large are filled with large ones. Its likelihood is that of
    values and mask. Ipsen, Mattei & Frellsen 2021, arXiv 2006.12871.

    Args:
        model: of the values.
        shape: of an example, or a table's row.
        mask: the model of the mask, a name in :data:`MASK_MODELS`.

    Raises:
        ValueError: there is no such model of the mask.
    """

    def __init__(self, model: Model, shape: Shape, mask: str = "self") -> None:
        if mask not in MASK_MODELS:
            raise errors.unknown_name("model of the mask", mask, MASK_MODELS)
        super().__init__(model.encoder, model.decoder, model.prior, model.condition)
        self.decoder.family = MaskFamily(model.decoder.family, MASK_MODELS[mask](shape))

    @takes_examples
    def propose_missing(self, x: Any, c: Any = None, k: int = 1) -> Proposals:
        """Return draws of the values, weighted by how well they explain the observed ones and the mask."""
        with self._eval_mode():
            draw = self.draw(check_examples(self, x), c, k)
            assert isinstance(draw.p, ValuesAndMask)
            return Proposals(draw.p.drawn, draw.log_w)
