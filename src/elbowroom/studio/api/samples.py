"""Endpoint of samples: draws from the prior, or from a sampler that was fitted to the latents, decoded."""

from __future__ import annotations

import asyncio
from typing import Annotated

import torch
from msgspec import Meta
from starlette.responses import Response
from torch import Tensor

from elbowroom import errors
from elbowroom.models.base import GenerativeModel
from elbowroom.plotting import captions
from elbowroom.samplers import fitted_samplers, load_with_sampler, sampler_path
from elbowroom.studio.api import inputs, snippets
from elbowroom.studio.api.endpoint import ModelRequest, RunFields, Snippets, endpoint
from elbowroom.studio.api.inputs import Condition, DecodedLatents, Format
from elbowroom.studio.services.loaded_model import RNG_LOCK, LoadedModel

#: Samples in one request.
MAX_SAMPLES = 256
DRAW_DESCRIPTION = "draw from p(x|z), or take its mean; if left out, draws of rows and series, means of images"
TEMPERATURE_DESCRIPTION = "1 is the prior itself, 0 its mean; in a hierarchy only the topmost latent is scaled"
SAMPLER_DESCRIPTION = "name of a sampler that was fitted to the latents, in place of the prior"


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
    """Return the snippets of draws from the prior."""
    fields, loaded, t = request.fields, request.loaded, request.fields.temperature
    c = inputs.parse_conditions(loaded, fields.c, fields.n)
    argument = snippets.condition_argument(c)
    path = repr(str(loaded.run.path))
    load = [] if fields.sampler is None else [f"model = load_with_sampler({path}, {fields.sampler!r})"]
    imports = ["from elbowroom.samplers import load_with_sampler"] if load else []
    lines = [
        *load,
        *snippets.condition_lines(c),
        f"torch.manual_seed({fields.seed})",
        "with torch.no_grad():",
        f"    z = model.draw_latents({fields.n}{argument})",
    ]
    if t != 1:
        mean = prior_mean(sampled_model(loaded, fields.sampler), c)
        is_zero = isinstance(mean, float) or not bool(mean.any())
        condition = "" if c is None or loaded.can_cycle_classes else "model.condition(c)"
        lines.append(f"    z = {t} * z" if is_zero else f"    z = {t} * z + {1 - t} * model.prior({condition}).mean")
    is_drawn = loaded.model.samples_are_draws if fields.draw is None else fields.draw
    lines.append(f"    x = model.decode(z{argument}).{'sample()' if is_drawn else 'mean'}")
    label_words = None if t != 1 else snippets.label_words(loaded, fields.c)
    draw_words = [] if is_drawn == loaded.model.samples_are_draws else ["--draw" if is_drawn else "--mean"]
    sampler_words = [] if fields.sampler is None else ["--sampler", fields.sampler]
    options = ["-n", str(fields.n), "--seed", str(fields.seed), *sampler_words, *draw_words]
    words = None if label_words is None else ["sample", *options, *label_words]
    command = snippets.format_command(loaded, words, snippets.file_name("samples", fields.format))
    return command, snippets.format_python(loaded, lines, imports)


@endpoint("/api/sample", "POST", example={"n": 4, "seed": 0}, snippets=sample_snippets)
async def sample(request: ModelRequest[SampleFields]) -> DecodedLatents | Response:
    """Draw from the prior and decode: to draws from p(x|z), or to its means."""
    fields, loaded = request.fields, request.loaded
    inputs.check_format(fields.format, loaded)
    c = inputs.parse_conditions(loaded, fields.c, fields.n)
    x, z = await request.submit(
        request.studio.store.quick_queue,
        lambda: draw_samples(
            sampled_model(loaded, fields.sampler), fields.n, c, fields.seed, fields.temperature, fields.draw
        ),
    )
    caption = _sample_caption(loaded, fields)
    if fields.format == "json":
        return await asyncio.to_thread(
            lambda: DecodedLatents(z.flatten(1), caption=caption, **inputs.json_examples(loaded, x))
        )
    return await asyncio.to_thread(
        inputs.file_response, loaded, fields.format, "samples", x, caption=caption, z=z, x=x, c=c
    )


def _sample_caption(loaded: LoadedModel, fields: SampleFields) -> str:
    is_drawn = loaded.model.samples_are_draws if fields.draw is None else fields.draw
    scaled = "" if fields.temperature == 1 else f"scaled by {fields.temperature:g} about the mean of p(z)"
    source = captions.FROM_PRIOR if fields.sampler is None else f"latents from the sampler '{fields.sampler}'"
    return captions.output_caption(is_drawn, source, scaled, f"seed {fields.seed}")


def sampled_model(loaded: LoadedModel, sampler: str | None) -> GenerativeModel:
    """Return the model, or the same with a sampler in place of its prior.

    Raises:
        ValueError: no such sampler was fitted to it.
    """
    if sampler is None:
        return loaded.model
    names = fitted_samplers(loaded.run)
    if sampler not in names:
        raise errors.unknown_name("sampler of this run", sampler[:40], names)
    # A sampler that is fitted again is another file.
    written = sampler_path(loaded.run, sampler).stat().st_mtime_ns
    return loaded.get_or_compute(("sampler", sampler, written), lambda: load_with_sampler(loaded.run, sampler))


def draw_samples(
    model: GenerativeModel, n: int, c: Tensor | None, seed: int, temperature: float, draw: bool | None = None
) -> tuple[Tensor, Tensor]:
    """Draw n latents from the prior and decode them; returns x and z.

    A temperature t moves the draws towards the prior's mean m: (1 - t) m + t z. With t = 1 they are those of
    ``elbowroom sample`` with this seed.
    """
    if temperature != 1 and model.is_quantized:
        raise ValueError("the latents are codebook entries, with nothing between: leave the temperature at 1")
    with RNG_LOCK, torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        z = model.draw_latents(n, c)
        if temperature != 1:
            z = prior_mean(model, c) * (1 - temperature) + temperature * z
        return model.draw_or_mean(model.decode(z, c), draw), z


def prior_mean(model: GenerativeModel, c: Tensor | None) -> Tensor | float:
    """Return the mean of the prior of z, given c; a hierarchy's topmost latent has mean 0."""
    prior = model.sampling_density(c)
    return 0.0 if prior is None else prior.mean
