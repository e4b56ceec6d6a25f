"""Latents of all examples of a split, in the shapes that models have them."""

from __future__ import annotations

from collections import defaultdict

import torch
from torch import Tensor

from elbowroom import noise
from elbowroom.data import Batch, Split
from elbowroom.distributions import Quantized
from elbowroom.models.base import GenerativeModel

#: Examples encoded at once.
BATCH_SIZE = 512


@torch.no_grad()
def encode_split(model: GenerativeModel, split: Split, has_all: bool = False) -> dict[str, Tensor]:
    """Encode the examples of a split to the means of q(z|x): ``z``, (N, *latent_shape), on the CPU.

    A quantized model gives the indices of its codes, too: ``index``, (N, positions), or (N, positions, sub-indices)
    where an index has several.

    Args:
        model: in evaluation mode.
        split: the examples, with labels where the model requires them.
        has_all: whether a hierarchy gives all its latents, ``z1`` next to the data, … instead of the uppermost alone.

    >>> import elbowroom as er
    >>> data = er.load_data("digits")
    >>> model, _ = er.recipes.vae(data.shape, latent=2)
    >>> encode_split(model.eval(), data.test)["z"].shape
    torch.Size([359, 2])
    """
    device = next(model.parameters()).device
    parts: dict[str, list[Tensor]] = defaultdict(list)
    for batch in split.to(device).batches(BATCH_SIZE):
        for name, values in _encode_batch(model, batch, has_all).items():
            parts[name].append(values.cpu())
    return {name: torch.cat(values) for name, values in parts.items()}


def _encode_batch(model: GenerativeModel, batch: Batch, has_all: bool) -> dict[str, Tensor]:
    with noise.zero_noise():
        draw = model.draw(batch.x, batch.y)
    latents = {f"z{i}": latent.z[0] for i, latent in enumerate(draw.latents, 1)}
    if not has_all or len(latents) == 1:
        latents = {"z": model.encode(batch.x, batch.y)}
    q = draw.latents[-1].q
    return latents | ({"index": q.compact_indices} if isinstance(q, Quantized) else {})
