"""Latents that the explorer page draws: from normals, which it draws itself, or from those drawn at export."""

from __future__ import annotations

import base64
from typing import Any

import torch
from torch import Tensor

from elbowroom.exporting.exported_run import ExportedRun
from elbowroom.exporting.modules import cycle_conditions
from elbowroom.samplers import PRIOR, Sampler, load_sampler

#: Latents that are drawn at export from a density that the page cannot draw from, at most.
MAX_STORED_LATENTS = 2000
#: The largest number of their values together.
MAX_STORED_VALUES = 1 << 17
#: Numbers of a mixture of normals, at most: with more, latents are drawn at export, which takes less.
MAX_NORMAL_VALUES = 1 << 18


def sampling_data(view: ExportedRun, latents: Tensor | None) -> tuple[dict[str, Any] | None, Tensor]:
    """Return how the page draws latents, ready for JSON, and those that were drawn now, (N, D).

    The prior where it is the standard normal, and samplers that are mixtures of normals, are drawn by the page; of
    other densities latents are drawn now, as many for each condition. Without any density it has those of the data.

    Args:
        view: the run.
        latents: those of the data, (N, D), if there is any.
    """
    size = int(torch.Size(view.model.latent_shape).numel())
    none_stored = torch.zeros(0, size)
    if view.sampler == PRIOR and view.model.has_standard_prior:
        return {"kind": "standard", "from": "the prior", "words": "Draws are from the prior, N(0, I)."}, none_stored
    if not view.sampling_model.can_sample:
        return (None, none_stored) if latents is None else _data_latents(latents[: _max_stored(size)])
    sampler = None if view.sampler == PRIOR else load_sampler(view.run, view.sampler)
    if sampler is not None and (normals := _normals_data(view, sampler)):
        return normals, none_stored
    return _stored_data(view, size)


def _max_stored(size: int) -> int:
    return max(2, min(MAX_STORED_LATENTS, MAX_STORED_VALUES // size))


def _data_latents(z: Tensor) -> tuple[dict[str, Any], Tensor]:
    words = f"The model has no prior: draws are of the latents of {len(z):,} examples."
    return _describe_stored(z, 1) | {"from": "the data", "words": words}, z


def _stored_data(view: ExportedRun, size: int) -> tuple[dict[str, Any], Tensor]:
    """Draw latents now, as many for each condition."""
    model = view.sampling_model
    n_conditions = max(1, model.condition_size)
    n = max(1, _max_stored(size) // n_conditions) * n_conditions
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        z = model.draw_latents(n, *cycle_conditions(model, n)).flatten(1).float()
    words = f"Draws are of {n:,} latents that were drawn from {view.sampler_words} when this page was made."
    return _describe_stored(z, n_conditions) | {"from": view.sampler_words, "words": words}, z


def _describe_stored(z: Tensor, n_conditions: int) -> dict[str, Any]:
    return {"kind": "stored", "n": len(z), "each": n_conditions, "codes": encode_float32(z)}


def _normals_data(view: ExportedRun, sampler: Sampler) -> dict[str, Any] | None:
    """Return a sampler that is a mixture of normals, with the shift by which it depends on a condition."""
    normals = sampler.normal_components
    if (
        normals is None
        or sampler.projection is not None
        or sampler.condition_scale is not None
        or normals.scale_tril.numel() > MAX_NORMAL_VALUES
    ):
        return None
    shift = None
    if sampler.condition_mean is not None and sampler.condition_weight is not None:
        shift = {"mean": encode_float32(sampler.condition_mean), "weight": encode_float32(sampler.condition_weight)}
    fitted = f", fitted to {sampler.n_latents:,} latents" if sampler.n_latents else ""
    return {
        "kind": "normals",
        **{name: encode_float32(values) for name, values in normals._asdict().items()},
        "shift": shift,
        "from": view.sampler_words,
        "words": f"Draws are from {view.sampler_words}{fitted}.",
    }


def encode_float32(t: Tensor) -> str:
    """Encode a tensor's values in single precision, little-endian, as base64."""
    return base64.b64encode(t.detach().contiguous().numpy().astype("<f4").tobytes()).decode()
