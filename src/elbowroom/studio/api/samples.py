"""Endpoint of samples: draws from the prior, or from a sampler that was fitted to the latents, decoded."""

from __future__ import annotations

import asyncio
from typing import Annotated

import torch
from msgspec import Meta
from starlette.responses import Response
from torch import Tensor

from elbowroom.models.base import GenerativeModel
from elbowroom.plotting import captions
from elbowroom.studio.api import inputs, snippets
from elbowroom.studio.api.endpoint import ModelRequest, RunFields, Snippets, endpoint
from elbowroom.studio.api.inputs import Condition, DecodedLatents, Format
from elbowroom.studio.services import densities
from elbowroom.studio.services.loaded_model import RNG_LOCK, LoadedModel

#: Samples in one request.
MAX_SAMPLES = 256
DRAW_DESCRIPTION = (
    "draw from p(x|z), or take its mean; if left out, draws of rows, of series and of a decoder that reads x, means of "
    "other images"
)
TEMPERATURE_DESCRIPTION = (
    "1 is the density itself, 0 its mean, for the prior and samplers that are one normal; in a hierarchy only the "
    "topmost latent is scaled"
)
SAMPLER_DESCRIPTION = "what latents are drawn from: prior, or a sampler fitted to latents; if left out, the run's"


class SampleFields(RunFields):
    """The fields of a request for samples."""

    n: Annotated[int, Meta(ge=1, le=MAX_SAMPLES, description="number of samples")] = 16
    seed: Annotated[int, Meta(ge=0, le=2**63 - 1, description="seed of the random generator")] = 0
    temperature: Annotated[float, Meta(ge=0, le=10, description=TEMPERATURE_DESCRIPTION)] = 1.0
    c: Condition = None
    sampler: Annotated[str | None, Meta(description=SAMPLER_DESCRIPTION)] = None
    draw: Annotated[bool | None, Meta(description=DRAW_DESCRIPTION)] = None
    format: Format = "json"


async def sample_snippets(request: ModelRequest[SampleFields]) -> Snippets:
    """Return the snippets of draws from the prior, or from a sampler."""
    fields, loaded, t = request.fields, request.loaded, request.fields.temperature
    sampler = densities.find_density(loaded, fields.sampler)
    is_default = sampler == densities.find_density(loaded, None)
    c = inputs.parse_conditions(loaded, fields.c, fields.n)
    argument = snippets.condition_argument(c)
    path = repr(str(loaded.run.path))
    load = [] if is_default else [f"model = er.load({path}, sampler={sampler!r})"]
    lines = [
        *load,
        *snippets.condition_lines(c),
        f"torch.manual_seed({fields.seed})",
        "with torch.no_grad():",
        f"    z = model.draw_latents({fields.n}{argument})",
    ]
    if t != 1:
        mean = density_mean(densities.sampled_model(loaded, sampler), c)
        is_zero = isinstance(mean, float) or not bool(mean.any())
        condition = "" if c is None or loaded.can_cycle_classes else "c"
        shrunk = f"{t} * z + {1 - t} * model.sampling_density({condition}).mean"
        lines.append(f"    z = {t} * z" if is_zero else f"    z = {shrunk}")
    is_drawn = loaded.model.samples_are_draws if fields.draw is None else fields.draw
    lines.append(f"    x = model.decode(z{argument}).{'sample()' if is_drawn else 'mean'}")
    label_words = None if t != 1 else snippets.label_words(loaded, fields.c)
    draw_words = [] if is_drawn == loaded.model.samples_are_draws else ["--draw" if is_drawn else "--mean"]
    sampler_words = [] if is_default else ["--sampler", sampler]
    options = ["-n", str(fields.n), "--seed", str(fields.seed), *sampler_words, *draw_words]
    words = None if label_words is None else ["sample", *options, *label_words]
    command = snippets.format_command(loaded, words, snippets.file_name("samples", fields.format))
    return command, snippets.format_python(loaded, lines)


@endpoint("/api/sample", "POST", example={"n": 4, "seed": 0}, snippets=sample_snippets)
async def sample(request: ModelRequest[SampleFields]) -> DecodedLatents | Response:
    """Draw from the prior, or a sampler, and decode: to draws from p(x|z), or to its means."""
    fields, loaded = request.fields, request.loaded
    inputs.check_format(fields.format, loaded)
    c = inputs.parse_conditions(loaded, fields.c, fields.n)
    sampler = densities.find_density(loaded, fields.sampler)
    if fields.temperature != 1:
        densities.check_scalable(loaded, sampler)
    x, z = await request.submit(
        request.studio.store.quick_queue,
        lambda: draw_samples(
            densities.sampled_model(loaded, sampler), fields.n, c, fields.seed, fields.temperature, fields.draw
        ),
    )
    caption = _sample_caption(loaded, fields, sampler)
    if fields.format == "json":
        return await asyncio.to_thread(
            lambda: DecodedLatents(z.flatten(1), caption=caption, **inputs.json_examples(loaded, x))
        )
    return await asyncio.to_thread(
        inputs.file_response, loaded, fields.format, "samples", x, caption=caption, z=z, x=x, c=c
    )


def _sample_caption(loaded: LoadedModel, fields: SampleFields, sampler: str) -> str:
    is_drawn = loaded.model.samples_are_draws if fields.draw is None else fields.draw
    scaled = "" if fields.temperature == 1 else f"scaled by {fields.temperature:g} about its mean"
    return captions.output_caption(is_drawn, captions.sampler_words(sampler), scaled, f"seed {fields.seed}")


def draw_samples(
    model: GenerativeModel, n: int, c: Tensor | None, seed: int, temperature: float, draw: bool | None = None
) -> tuple[Tensor, Tensor]:
    """Draw n latents from the prior, or the model's sampler, and decode them; returns x and z.

    A temperature t moves the draws towards the mean m of that density: (1 - t) m + t z. With t = 1 they are those of
    ``elbowroom sample`` with this seed.
    """
    with RNG_LOCK, torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        z = model.draw_latents(n, c)
        if temperature != 1:
            z = density_mean(model, c) * (1 - temperature) + temperature * z
        return model.draw_or_mean(model.decode(z, c), draw), z


def density_mean(model: GenerativeModel, c: Tensor | None) -> Tensor | float:
    """Return the mean of the density that z is drawn from, given c; a hierarchy's topmost latent has mean 0."""
    density = model.sampling_density(c)
    return 0.0 if density is None else density.mean
