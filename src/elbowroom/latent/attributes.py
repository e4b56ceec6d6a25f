"""Attribute directions in latent space, for models trained without attributes."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from elbowroom.data import Split
from elbowroom.data.coding import check_split_coded_alike
from elbowroom.latent.decode import decode_latents
from elbowroom.models.base import GenerativeModel

#: Examples encoded at once.
BATCH_SIZE = 512


def attribute_vector(model: GenerativeModel, split: Split, attribute: int) -> Tensor:
    r"""Return the mean latent of examples with an attribute minus that of examples without: (*latent_shape).

    .. math:: v = \mathrm{mean}\{\mu(x) : y > 1/2\} - \mathrm{mean}\{\mu(x) : y \le 1/2\}

    Larsen, Sønderby, Larochelle & Winther 2016, arXiv 1512.09300. Attributes that are correlated in the data are mixed
    in the vector: who smiles may also be younger.

    Args:
        model: whose encoder.
        split: examples with attributes (N, A), or classes (N,).
        attribute: index of the attribute; or the class, against all others.

    Raises:
        ValueError: no labels, no such attribute, or all examples with it or all without it; a split that is coded
            otherwise than the training data.

    >>> import elbowroom as er
    >>> data = er.load_data("digits")
    >>> model, _ = er.recipes.vae(data.shape, latent=3)
    >>> attribute_vector(model, data.test, 7).shape
    torch.Size([3])
    """
    check_split_coded_alike(split, model.data_record)
    device = next(model.parameters()).device
    sums = torch.zeros(2, *model.latent_shape)
    counts = torch.zeros(2)
    for batch in split.batches(BATCH_SIZE):
        if batch.y is None:
            raise ValueError("an attribute vector needs examples with labels, and these have none")
        if batch.y.dim() > 1 and not 0 <= attribute < batch.y.shape[1]:
            raise ValueError(f"attribute {attribute} of {batch.y.shape[1]}: expected 0 to {batch.y.shape[1] - 1}")
        group = (batch.y[:, attribute] > 0.5 if batch.y.dim() > 1 else batch.y == attribute).long().cpu()
        sums.index_add_(0, group, model.encode(batch.x.to(device), batch.y.to(device)).cpu())
        counts += group.bincount(minlength=2)
    if not counts.all():
        raise ValueError(f"all examples are {'with' if counts[1] else 'without'} attribute {attribute}: choose another")
    means: Tensor = sums / counts.view(2, *[1] * len(model.latent_shape))
    return means[1] - means[0]


def traverse_attribute(
    model: GenerativeModel, x: Tensor, direction: Tensor, steps: Sequence[float] = (-1, -0.5, 0, 0.5, 1, 1.5)
) -> Tensor:
    """Decode the latents of examples (B, *shape), moved along a direction by multiples of it: (B, steps, *shape).

    >>> import elbowroom as er
    >>> model, _ = er.recipes.vae((1, 8, 8), latent=3)
    >>> traverse_attribute(model, torch.zeros(2, 1, 8, 8), torch.ones(3)).shape
    torch.Size([2, 6, 1, 8, 8])
    """
    z = model.encode(x.to(next(model.parameters()).device)).cpu()
    factors = torch.tensor(steps).view(1, -1, *[1] * direction.dim())
    return decode_latents(model, z[:, None] + factors * direction)
