"""Endpoint of the codebook of a quantized model: its entries, and which of them examples choose at each position."""

from __future__ import annotations

from typing import Annotated

import msgspec
import torch
from msgspec import Meta
from torch import Tensor

from elbowroom.distributions import nearest_code_index
from elbowroom.studio.api.endpoint import ModelRequest, RunFields, endpoint
from elbowroom.studio.services.loaded_model import NUM_REFERENCE_EXAMPLES, LoadedModel


class CodebookInfo(msgspec.Struct):
    """The codebook of a model, and how it is used."""

    positions: Annotated[int, Meta(description="entries that make one latent; 0 for a model without a codebook")]
    codes: Annotated[Tensor, Meta(description="the entries, (codes, dim)")]
    counts: Annotated[
        Tensor | None,
        Meta(description="how many examples choose each entry at each position, (positions, codes); null without data"),
    ]
    examples: Annotated[int, Meta(description="number of examples")]
    split: Annotated[str | None, Meta(description="the split that they are of")]


@endpoint("/api/codebook", "GET")
async def get_codebook(request: ModelRequest[RunFields]) -> CodebookInfo:
    """The codebook of a quantized model, and how often held-out examples choose each entry; no entries for others."""
    loaded = request.loaded
    return await request.submit(
        request.studio.store.slow_queue,
        lambda: loaded.get_or_compute(("codebook", loaded.missing_data_reason), lambda: describe_codebook(loaded)),
    )


def describe_codebook(loaded: LoadedModel) -> CodebookInfo:
    """Return the codebook of a model; of one that is not quantized, without entries."""
    codes = loaded.model.codebook
    if codes is None:
        return CodebookInfo(0, torch.empty(0, 0), None, 0, None)
    positions = loaded.model.latent_shape[0]
    if loaded.missing_data_reason:
        return CodebookInfo(positions, codes, None, 0, None)
    split, _, z = loaded.encode_split(None, NUM_REFERENCE_EXAMPLES)
    index = nearest_code_index(z.reshape(len(z), positions, -1), codes)
    counts = torch.stack([column.bincount(minlength=len(codes)) for column in index.T])
    return CodebookInfo(positions, codes, counts, len(z), split)
