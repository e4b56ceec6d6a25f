"""Endpoint of the codes of a quantized model: which there are, and which of them examples choose at each position."""

from __future__ import annotations

from typing import Annotated

import msgspec
import torch
from msgspec import Meta
from torch import Tensor

from elbowroom.data import Batch
from elbowroom.distributions import Quantized
from elbowroom.families.quantizers.base import Quantizer
from elbowroom.studio.api.endpoint import ModelRequest, RunFields, endpoint
from elbowroom.studio.services.loaded_model import NUM_REFERENCE_EXAMPLES, LoadedModel

#: Codes of a position that are listed, at most: a page draws a column for each.
MAX_CODES = 4096
#: Examples quantized at once.
BATCH_SIZE = 256


class CodebookInfo(msgspec.Struct):
    """The codebook of a model, and how it is used."""

    positions: Annotated[int, Meta(description="entries that make one latent; 0 for a model without a codebook")]
    codes: Annotated[
        Tensor,
        Meta(description=f"the entries by joint index, (codes, dim); none if over {MAX_CODES:,}"),
    ]
    size: Annotated[int, Meta(description="number of codes that a position chooses from")]
    typical: Annotated[
        Tensor | None,
        Meta(description="a latent, flattened: of the example nearest to the mean; else of codes 0"),
    ]
    counts: Annotated[
        Tensor | None,
        Meta(description="how many examples choose each entry at each position, (positions, codes); null without data"),
    ]
    examples: Annotated[int, Meta(description="number of examples")]
    split: Annotated[str | None, Meta(description="the split that they are of")]


@endpoint("/api/codebook", "GET")
async def get_codebook(request: ModelRequest[RunFields]) -> CodebookInfo:
    """The codes of a quantized model, and how often held-out examples choose each; none for other models."""
    loaded = request.loaded
    return await request.submit(
        request.studio.store.slow_queue,
        lambda: loaded.get_or_compute(("codebook", loaded.missing_data_reason), lambda: describe_codebook(loaded)),
    )


def describe_codebook(loaded: LoadedModel) -> CodebookInfo:
    """Return the codes of a model; of one that is not quantized, none."""
    quantizer = loaded.model.quantizer
    if quantizer is None:
        return CodebookInfo(0, torch.empty(0, 0), 0, None, None, 0, None)
    positions, is_listed = quantizer.shape[0], quantizer.n_codes <= MAX_CODES
    codes = loaded.model.codebook if is_listed else None
    codes = torch.empty(0, quantizer.shape[1]) if codes is None else codes
    if loaded.missing_data_reason:
        first = quantizer.decode_indices(torch.zeros(positions, len(quantizer.index_sizes), dtype=torch.long))
        return CodebookInfo(positions, codes, quantizer.n_codes, first.flatten(), None, 0, None)
    split, batch, z = loaded.encode_split(None, NUM_REFERENCE_EXAMPLES)
    typical = z[(z - z.mean(0)).norm(dim=1).argmin()]
    counts = _count_codes(loaded, quantizer, batch) if is_listed else None
    return CodebookInfo(positions, codes, quantizer.n_codes, typical, counts, len(z), split)


@torch.no_grad()
def _count_codes(loaded: LoadedModel, quantizer: Quantizer, batch: Batch) -> Tensor:
    """Return how many examples choose each code at each position, (positions, codes)."""
    x, c = batch.x.to(loaded.device), loaded.as_condition(batch.y)
    parts = [slice(i, i + BATCH_SIZE) for i in range(0, len(x), BATCH_SIZE)]
    posteriors = [loaded.model.posterior(x[part], None if c is None else c[part].to(loaded.device)) for part in parts]
    index = torch.cat([quantizer.join_index(q.indices) for q in posteriors if isinstance(q, Quantized)])
    return torch.stack([column.bincount(minlength=quantizer.n_codes) for column in index.T]).cpu()
