"""Endpoints of one model: its description, encode, decode, reconstruct, score."""

from __future__ import annotations

import asyncio
import math
from typing import Annotated, Any

import msgspec
import torch
from msgspec import UNSET, Meta, UnsetType
from starlette.responses import Response
from torch import Tensor

from elbowroom.plotting.latent_ranking import latent_metrics, n_latents, ranked_dimensions
from elbowroom.samplers import current_samplers
from elbowroom.studio.api import inputs, snippets
from elbowroom.studio.api.endpoint import ModelRequest, RunFields, Snippets, endpoint
from elbowroom.studio.api.inputs import Condition, ExampleFields, Examples, Format, Latents, Lower, Rows
from elbowroom.studio.services import densities
from elbowroom.studio.services.example_cells import ColumnInfo
from elbowroom.studio.services.loaded_model import RNG_LOCK, ConditionSpec, ExampleKind, LoadedModel, WeightsInfo

#: Pixels below this are dark, from 0 to 1; of images that can be drawn, more than this share of the pixels is.
DARK_VALUE = 0.1
MIN_DARK_SHARE = 0.4
#: Draws from the prior for its statistics.
NUM_PRIOR_DRAWS = 256


class LatentInfo(msgspec.Struct):
    """One latent of a model."""

    name: str
    shape: list[int]
    kl: Annotated[list[float] | None, Meta(description="KL of each dimension, nats; null where it is undefined")]


class ModelInfo(msgspec.Struct):
    """The description of a model, with the statistics of its latents."""

    shape: Annotated[list[int], Meta(description="of an example")]
    latent_shape: Annotated[list[int], Meta(description="of z")]
    latent: Annotated[int, Meta(description="the number of dimensions of z")]
    picture: Annotated[bool, Meta(description="whether examples are images")]
    drawable: Annotated[bool, Meta(description="whether one can be drawn: light strokes on a dark ground")]
    kind: Annotated[ExampleKind, Meta(description="how examples are shown: images, table (rows of cells) or curves")]
    columns: Annotated[list[ColumnInfo] | None, Meta(description="the columns of examples that are rows")]
    hierarchy: Annotated[list[LatentInfo], Meta(description="the latents, the lowest first; z is the last")]
    weights: Annotated[WeightsInfo, Meta(description="which weights it has")]
    samplers: Annotated[list[str], Meta(description="the names of the samplers that are fitted to it")]
    densities: Annotated[
        list[str], Meta(description="what latents can be drawn from: prior and samplers; the run's own choice first")
    ]
    scalable: Annotated[list[str], Meta(description="those of them whose draws a temperature scales")]
    conditional: Annotated[
        ConditionSpec | None, Meta(description="the condition's kind, names and size; null for an unconditional model")
    ]
    prior: Annotated[bool, Meta(description="whether it has a prior to sample from")]
    quantised: Annotated[bool, Meta(description="whether latents are codes of a quantizer")]
    splits: Annotated[dict[str, int | None], Meta(description="the number of examples of each split")]
    labels: Annotated[list[str] | None, Meta(description="names of the classes")]
    attributes: Annotated[list[str] | None, Meta(description="names of the attributes")]
    examples: Annotated[bool, Meta(description="whether the data is available")]
    why: Annotated[str | None, Meta(description="why the data is not available; null if it is")]
    version: Annotated[str, Meta(description="changes with the weights")]
    kl: Annotated[
        list[float] | None,
        Meta(description="KL of each dimension of z, nats; null where it is undefined, or there is no data"),
    ]
    active: Annotated[list[int], Meta(description="the dimensions, the most informative first")]
    spread: Annotated[list[float], Meta(description="standard deviation of z")]
    centre: Annotated[list[float], Meta(description="mean of z")]
    latents: Annotated[str, Meta(description="what these are statistics of")]


@endpoint("/api/model", "GET")
async def get_model(request: ModelRequest[RunFields]) -> ModelInfo:
    """Describe a model and the statistics of its latents over its data."""
    return await request.submit(request.studio.store.slow_queue, lambda: model_info(request.loaded))


def model_info(loaded: LoadedModel) -> ModelInfo:
    """Return the description of a model."""
    data_error, condition = loaded.missing_data_reason, loaded.condition_spec
    data = None if data_error else loaded.data
    sizes = loaded.run.record["data"].get("sizes") or {}
    statistics: dict[str, Any] = loaded.get_or_compute(
        ("latent", data_error),
        lambda: _latent_statistics(loaded) if data is not None else _prior_statistics(loaded),
    )
    return ModelInfo(
        shape=list(loaded.model.shape),
        latent_shape=list(loaded.model.latent_shape),
        latent=math.prod(loaded.model.latent_shape),
        picture=loaded.has_images,
        drawable=is_drawable(loaded),
        kind=loaded.example_kind,
        columns=loaded.columns.infos if loaded.example_kind == "table" else None,
        weights=loaded.weights,
        samplers=current_samplers(loaded.run),
        densities=densities.list_densities(loaded),
        scalable=densities.list_scalable(loaded),
        conditional=condition,
        prior=loaded.model.has_prior,
        quantised=loaded.model.is_quantized,
        splits=sizes if data is None else {name: sizes.get(name) for name in data.splits},
        labels=list(loaded.classes) or None,
        attributes=list(loaded.attributes) or None,
        examples=data is not None,
        why=data_error or None,
        version=loaded.version,
        **statistics,
    )


def _latent_statistics(loaded: LoadedModel) -> dict[str, Any]:
    """Return mean, standard deviation and KL of each dimension of the latents of held-out examples."""
    view = loaded
    order, scores, unit = ranked_dimensions(view)
    is_kl = unit.startswith("KL")
    latents = f"{n_latents(view)} latent{'s'[: n_latents(view) != 1]}"
    return {
        "hierarchy": _describe_latents(loaded),
        "kl": [score for _, score in sorted(zip(order, scores, strict=True))] if is_kl else None,
        "active": order,
        "spread": view.latents.std(0, correction=0).tolist(),
        "centre": view.latents.mean(0).tolist(),
        "latents": f"{latents}; {view.latent_unit}; {unit}, over {view.describe_examples(len(view.latents))}",
    }


def is_drawable(loaded: LoadedModel) -> bool:
    """Whether examples are grey images of light strokes on a dark ground; True for any grey ones where data lacks."""
    if not loaded.has_images or loaded.shape[0] != 1:
        return False
    return bool(loaded.missing_data_reason) or float((loaded.batch.x < DARK_VALUE).float().mean()) > MIN_DARK_SHARE


def _describe_latents(loaded: LoadedModel) -> list[LatentInfo]:
    """Return the latents, the lowest first, with the KL of their dimensions where there is data."""
    shapes = loaded.latent_shapes
    kl: list[Any] = [None] * len(shapes)
    if not loaded.missing_data_reason:
        kl = [m.value for name, m in latent_metrics(loaded).items() if name.startswith("kl_per_dimension")]
    return [LatentInfo(name, list(shape), values) for (name, shape), values in zip(shapes.items(), kl, strict=True)]


def _prior_statistics(loaded: LoadedModel) -> dict[str, Any]:
    """Return the same fields without data: of draws from the prior, or placeholders where there is none."""
    size = math.prod(loaded.model.latent_shape)
    placeholders: dict[str, Any] = {
        "hierarchy": _describe_latents(loaded),
        "kl": None,
        "active": list(range(size)),
        "spread": [1.0] * size,
        "centre": [0.0] * size,
    }
    if not loaded.model.has_prior:
        return placeholders | {"latents": "no prior and no data: mean and standard deviation are unknown"}
    c = torch.arange(NUM_PRIOR_DRAWS) % loaded.condition_size if loaded.condition_size else None
    with RNG_LOCK, torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(0)
        z = loaded.model.draw_prior(NUM_PRIOR_DRAWS, c).flatten(1)
    return placeholders | {
        "spread": z.std(0).tolist(),
        "centre": z.mean(0).tolist(),
        "latents": "of the prior, as the data is not available",
    }


async def encode_snippets(request: ModelRequest[ExampleFields]) -> Snippets:
    """Return the snippets of encoded examples."""
    batch = await inputs.read_examples(request)
    line = f"z = model.encode(x{snippets.condition_argument(batch.y)})"
    return snippets.examples_snippets(request, batch, line, "encoded.npz")


class Encoded(msgspec.Struct):
    """The posterior of examples."""

    z: Annotated[Tensor, Meta(description="means, (n, latent)")]
    std: Annotated[Tensor | None, Meta(description="standard deviations, or null where the posterior is a point")]
    lower: Annotated[
        dict[str, Tensor] | UnsetType,
        Meta(description="of a hierarchy, the latents below by name, as decode takes them, (n, …) each"),
    ] = UNSET


@endpoint("/api/encode", "POST", example={"index": [0, 1], "split": "test"}, snippets=encode_snippets)
async def encode(request: ModelRequest[ExampleFields]) -> Encoded:
    """Encode examples to the mean and standard deviation of q(z|x)."""
    batch, loaded, queue = await inputs.read_examples(request), request.loaded, request.studio.store.quick_queue
    encoded = Encoded(*await request.submit(queue, loaded.encode, batch.x, batch.y))
    if loaded.lower_shapes:
        (lower,) = await request.submit(queue, loaded.encode_lower, batch.x, batch.y)
        encoded.lower = inputs.split_lower(loaded, lower)
    return encoded


class DecodeFields(RunFields):
    """The fields of a request to decode."""

    z: Latents
    c: Condition = None
    lower: Lower = None
    format: Format = "json"
    columns: Annotated[int | None, Meta(description="columns of a PNG with several images")] = None


async def decode_snippets(request: ModelRequest[DecodeFields]) -> Snippets:
    """Return the snippets of decoded latents."""
    fields, loaded = request.fields, request.loaded
    z, name = inputs.parse_latents(loaded, fields.z), snippets.file_name("decoded", fields.format)
    lower = inputs.parse_lower(loaded, fields.lower, 1)
    lines = [f"z = {snippets.tensor_expression(z)}"]
    if lower is None:
        return snippets.latents_snippets(loaded, z, fields.c, name, lines)
    c = inputs.parse_conditions(loaded, fields.c, len(z))
    values = [
        f"    {snippets.tensor_expression(part) if part.any() else f'torch.zeros{tuple(part.shape)}'}"
        f".expand(len(z), -1),  # {latent}"
        for latent, part in inputs.split_lower(loaded, lower).items()
    ]
    lines += ["lower = [", *values, "]", *snippets.condition_lines(c)]
    lines += ["with torch.no_grad(), noise.explicit_noise(lower):"]
    lines += [f"    x = model.decode(z{snippets.condition_argument(c)}).mean"]
    return None, snippets.format_python(loaded, lines, ["from elbowroom import noise"])


@endpoint("/api/decode", "POST", example={"z": [[0.0, 0.0]]}, snippets=decode_snippets)
async def decode(request: ModelRequest[DecodeFields]) -> Examples | Response:
    """Decode latents to the mean of p(x|z)."""
    fields, loaded = request.fields, request.loaded
    inputs.check_format(fields.format, loaded)
    z = inputs.parse_latents(loaded, fields.z)
    c = inputs.parse_conditions(loaded, fields.c, len(z))
    lower = inputs.parse_lower(loaded, fields.lower, len(z))
    (x,) = await request.submit(request.studio.store.quick_queue, loaded.decode, z, c, lower)
    if fields.format == "json":
        return Examples(x, list(x.shape))
    return await asyncio.to_thread(
        inputs.file_response, loaded, fields.format, "decoded", x, fields.columns, z=z, x=x, c=c
    )


class ReconstructFields(ExampleFields):
    """The fields of a request to reconstruct."""

    format: Format = "json"


async def reconstruct_snippets(request: ModelRequest[ReconstructFields]) -> Snippets:
    """Return the snippets of reconstructed examples."""
    batch = await inputs.read_examples(request)
    line = f"x = model.reconstruct(x{snippets.condition_argument(batch.y)})"
    return snippets.examples_snippets(request, batch, line, snippets.file_name("reconstructed", request.fields.format))


@endpoint("/api/reconstruct", "POST", example={"index": [0, 1], "split": "test"}, snippets=reconstruct_snippets)
async def reconstruct(request: ModelRequest[ReconstructFields]) -> Examples | Response:
    """Reconstruct examples: the mean of p(x|z) at the posterior mean."""
    output_format, loaded = request.fields.format, request.loaded
    inputs.check_format(output_format, loaded)
    batch = await inputs.read_examples(request)
    (x,) = await request.submit(request.studio.store.quick_queue, loaded.reconstruct, batch.x, batch.y)
    if output_format == "json":
        return Examples(x, list(x.shape))
    return await asyncio.to_thread(
        inputs.file_response, loaded, output_format, "reconstructed", x, x=batch.x, reconstruction=x
    )


class RowsFields(RunFields):
    """The fields of a request for examples as they are."""

    index: Annotated[int | inputs.Indices, Meta(description="one or several indices in the split")]
    split: inputs.SplitName = None


class ExampleRows(msgspec.Struct):
    """Examples of the data as numbers, and those of a table as cells."""

    x: Annotated[Tensor, Meta(description="(n, *shape), as the model takes them")]
    cells: Rows | UnsetType = UNSET


@endpoint("/api/rows", "GET", example={"index": [0, 1], "split": "test"})
async def get_rows(request: ModelRequest[RowsFields]) -> ExampleRows:
    """Examples of the data as numbers, and those of a table as cells in the units of its columns."""
    fields, loaded = request.fields, request.loaded
    indices = [fields.index] if isinstance(fields.index, int) else fields.index
    batch = await request.submit(request.studio.store.slow_queue, lambda: loaded.examples(indices, fields.split))
    return ExampleRows(batch.x, loaded.columns.rows(batch.x) if loaded.example_kind == "table" else UNSET)


SCORE_DESCRIPTIONS = {
    "reconstruction": "−E_q log p(x|z), 10 draws; higher is more anomalous",
    "elbo": "E_q log p(x|z) − KL, 10 draws; lower is more anomalous",
    "importance_bound": "log mean of 10 importance weights, nearer to log p(x); lower is more anomalous",
}


class Scores(msgspec.Struct):
    """Scores of examples."""

    scores: Annotated[dict[str, Tensor], Meta(description="by name, one for each example")]
    about: Annotated[dict[str, str], Meta(description="a description of each score")]
    unit: str = "nats"


@endpoint("/api/score", "POST", example={"index": [0, 1], "split": "test"})
async def score(request: ModelRequest[ExampleFields]) -> Scores:
    """Score examples: reconstruction term, ELBO and importance bound."""
    batch = await inputs.read_examples(request)
    values = await request.submit(
        request.studio.store.slow_queue, request.loaded.scores, batch.x, batch.y, torch.arange(len(batch.x))
    )
    scores = dict(zip(SCORE_DESCRIPTIONS, values, strict=False))
    return Scores(scores, {name: SCORE_DESCRIPTIONS[name] for name in scores})
