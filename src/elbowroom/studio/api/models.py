"""Endpoints of one model: its description, encode, decode, sample, reconstruct, score."""

from __future__ import annotations

import asyncio
import math
from typing import Annotated, Any

import msgspec
import torch
from msgspec import Meta
from starlette.responses import Response
from torch import Tensor

from elbowroom.plotting import captions
from elbowroom.plotting.latent_ranking import n_latents, ranked_dimensions
from elbowroom.studio.api import inputs, snippets
from elbowroom.studio.api.endpoint import ModelRequest, RunFields, Snippets, endpoint
from elbowroom.studio.api.inputs import Condition, DecodedLatents, ExampleFields, Examples, Format, Latents
from elbowroom.studio.http import media
from elbowroom.studio.services.loaded_model import RNG_LOCK, ConditionSpec, LoadedModel

#: Samples in one request.
MAX_SAMPLES = 256
DRAW_DESCRIPTION = "draw from p(x|z), or take its mean; if left out, draws of rows and series, means of images"
TEMPERATURE_DESCRIPTION = "1 is the prior itself, 0 its mean; in a hierarchy only the topmost latent is scaled"
#: Draws from the prior for its statistics.
NUM_PRIOR_DRAWS = 256


class ModelInfo(msgspec.Struct):
    """The description of a model, with the statistics of its latents."""

    shape: Annotated[list[int], Meta(description="of an example")]
    latent_shape: Annotated[list[int], Meta(description="of z")]
    latent: Annotated[int, Meta(description="the number of dimensions of z")]
    picture: Annotated[bool, Meta(description="whether examples are images")]
    conditional: Annotated[
        ConditionSpec | None, Meta(description="the condition's kind, names and size; null for an unconditional model")
    ]
    prior: Annotated[bool, Meta(description="whether it can be sampled from")]
    quantised: Annotated[bool, Meta(description="whether latents are codebook entries")]
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
        "kl": [score for _, score in sorted(zip(order, scores, strict=True))] if is_kl else None,
        "active": order,
        "spread": view.latents.std(0, correction=0).tolist(),
        "centre": view.latents.mean(0).tolist(),
        "latents": f"{latents}; {view.latent_unit}; {unit}, over {view.describe_examples(len(view.latents))}",
    }


def _prior_statistics(loaded: LoadedModel) -> dict[str, Any]:
    """Return the same fields without data: of draws from the prior, or placeholders where there is none."""
    size = math.prod(loaded.model.latent_shape)
    placeholders: dict[str, Any] = {
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


@endpoint("/api/encode", "POST", example={"index": [0, 1], "split": "test"}, snippets=encode_snippets)
async def encode(request: ModelRequest[ExampleFields]) -> Encoded:
    """Encode examples to the mean and standard deviation of q(z|x)."""
    batch = await inputs.read_examples(request)
    return Encoded(*await request.submit(request.studio.store.quick_queue, request.loaded.encode, batch.x, batch.y))


class DecodeFields(RunFields):
    """The fields of a request to decode."""

    z: Latents
    c: Condition = None
    format: Format = "json"
    columns: Annotated[int | None, Meta(description="columns of a PNG with several images")] = None


async def decode_snippets(request: ModelRequest[DecodeFields]) -> Snippets:
    """Return the snippets of decoded latents."""
    fields, loaded = request.fields, request.loaded
    z, name = inputs.parse_latents(loaded, fields.z), snippets.file_name("decoded", fields.format)
    return snippets.latents_snippets(loaded, z, fields.c, name, [f"z = {snippets.tensor_expression(z)}"])


@endpoint("/api/decode", "POST", example={"z": [[0.0, 0.0]]}, snippets=decode_snippets)
async def decode(request: ModelRequest[DecodeFields]) -> Examples | Response:
    """Decode latents to the mean of p(x|z)."""
    fields, loaded = request.fields, request.loaded
    inputs.check_format(fields.format, loaded)
    z = inputs.parse_latents(loaded, fields.z)
    c = inputs.parse_conditions(loaded, fields.c, len(z))
    (x,) = await request.submit(request.studio.store.quick_queue, loaded.decode, z, c)
    if fields.format == "json":
        return Examples(x, list(x.shape))
    return await asyncio.to_thread(media.file_response, fields.format, "decoded", x, fields.columns, z=z, x=x, c=c)


class SampleFields(RunFields):
    """The fields of a request for samples."""

    n: Annotated[int, Meta(ge=1, le=MAX_SAMPLES, description="number of samples")] = 16
    seed: Annotated[int, Meta(ge=0, le=2**63 - 1, description="seed of the random generator")] = 0
    temperature: Annotated[float, Meta(ge=0, le=10, description=TEMPERATURE_DESCRIPTION)] = 1.0
    c: Condition = None
    draw: Annotated[bool | None, Meta(description=DRAW_DESCRIPTION)] = None
    format: Format = "json"


async def sample_snippets(request: ModelRequest[SampleFields]) -> Snippets:
    """Return the snippets of draws from the prior."""
    fields, loaded, t = request.fields, request.loaded, request.fields.temperature
    c = inputs.parse_conditions(loaded, fields.c, fields.n)
    argument = snippets.condition_argument(c)
    lines = [
        *snippets.condition_lines(c),
        f"torch.manual_seed({fields.seed})",
        "with torch.no_grad():",
        f"    z = model.draw_prior({fields.n}{argument})",
    ]
    if t != 1:
        mean = prior_mean(loaded, c)
        is_zero = isinstance(mean, float) or not bool(mean.any())
        condition = "" if c is None or loaded.can_cycle_classes else "model.condition(c)"
        lines.append(f"    z = {t} * z" if is_zero else f"    z = {t} * z + {1 - t} * model.prior({condition}).mean")
    is_drawn = loaded.model.samples_are_draws if fields.draw is None else fields.draw
    lines.append(f"    x = model.decode(z{argument}).{'sample()' if is_drawn else 'mean'}")
    label_words = None if t != 1 else snippets.label_words(loaded, fields.c)
    draw_words = [] if is_drawn == loaded.model.samples_are_draws else ["--draw" if is_drawn else "--mean"]
    options = ["-n", str(fields.n), "--seed", str(fields.seed), *draw_words]
    words = None if label_words is None else ["sample", *options, *label_words]
    command = snippets.format_command(loaded, words, snippets.file_name("samples", fields.format))
    return command, snippets.format_python(loaded, lines)


@endpoint("/api/sample", "POST", example={"n": 4, "seed": 0}, snippets=sample_snippets)
async def sample(request: ModelRequest[SampleFields]) -> DecodedLatents | Response:
    """Draw from the prior and decode: to draws from p(x|z), or to its means."""
    fields, loaded = request.fields, request.loaded
    inputs.check_format(fields.format, loaded)
    c = inputs.parse_conditions(loaded, fields.c, fields.n)
    x, z = await request.submit(
        request.studio.store.quick_queue,
        lambda: draw_samples(loaded, fields.n, c, fields.seed, fields.temperature, fields.draw),
    )
    caption = _sample_caption(loaded, fields)
    if fields.format == "json":
        return await asyncio.to_thread(lambda: DecodedLatents(z.flatten(1), caption=caption, **media.json_examples(x)))
    return await asyncio.to_thread(media.file_response, fields.format, "samples", x, caption=caption, z=z, x=x, c=c)


def _sample_caption(loaded: LoadedModel, fields: SampleFields) -> str:
    is_drawn = loaded.model.samples_are_draws if fields.draw is None else fields.draw
    scaled = "" if fields.temperature == 1 else f"scaled by {fields.temperature:g} about the mean of p(z)"
    return captions.output_caption(is_drawn, captions.FROM_PRIOR, scaled, f"seed {fields.seed}")


def draw_samples(
    loaded: LoadedModel, n: int, c: Tensor | None, seed: int, temperature: float, draw: bool | None = None
) -> tuple[Tensor, Tensor]:
    """Draw n latents from the prior and decode them; returns x and z.

    A temperature t moves the draws towards the prior's mean m: (1 - t) m + t z. With t = 1 they are those of
    ``elbowroom sample`` with this seed.
    """
    if temperature != 1 and loaded.model.is_quantized:
        raise ValueError("the latents are codebook entries, with nothing between: leave the temperature at 1")
    with RNG_LOCK, torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        z = loaded.model.draw_prior(n, c)
        if temperature != 1:
            z = prior_mean(loaded, c) * (1 - temperature) + temperature * z
        return loaded.model.draw_or_mean(loaded.model.decode(z, c), draw), z


def prior_mean(loaded: LoadedModel, c: Tensor | None) -> Tensor | float:
    """Return the mean of the prior of z, given c; a hierarchy's topmost latent has mean 0."""
    prior = loaded.model.latent_prior(c)
    return 0.0 if prior is None else prior.mean


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
    return await asyncio.to_thread(media.file_response, output_format, "reconstructed", x, x=batch.x, reconstruction=x)


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
