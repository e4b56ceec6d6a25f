"""Endpoints of one model: its description, encode, decode, sample, reconstruct, score."""

from __future__ import annotations

import math
from typing import Any

import torch
from elbowroom.plotting.latent_ranking import n_latents, ranked_dimensions
from elbowroom.studio.api.endpoint import ApiField, ApiRequest, Endpoint
from elbowroom.studio.api.inputs import CONDITION_FIELD, EXAMPLE_FIELDS
from elbowroom.studio.http.json import json_response
from elbowroom.studio.services.loaded_model import RNG_LOCK, LoadedModel
from starlette.responses import Response
from starlette.routing import BaseRoute
from torch import Tensor

from elbowroom.studio.api import inputs
from elbowroom.studio.http import media
from elbowroom.studio.http.media import JSON, NPZ, PNG

#: Samples in one request.
MAX_SAMPLES = 256
#: Draws from the prior for its statistics.
NUM_PRIOR_DRAWS = 256


async def get_model(request: ApiRequest) -> Response:
    """Describe a model: shapes, condition, splits, statistics of its latents."""
    return json_response(await request.submit(request.store.slow_queue, lambda: model_info(request.loaded)))


def model_info(loaded: LoadedModel) -> dict[str, Any]:
    """Return the description of a model as JSON fields."""
    data_error, condition = loaded.data_error, loaded.condition_spec
    data = None if data_error else loaded.data
    sizes = loaded.run.record["data"].get("sizes") or {}
    statistics: dict[str, Any] = loaded.get_or_compute(
        ("latent", data_error),
        lambda: _latent_statistics(loaded) if data is not None else _prior_statistics(loaded),
    )
    return {
        "shape": list(loaded.model.shape),
        "latent_shape": list(loaded.model.latent_shape),
        "latent": math.prod(loaded.model.latent_shape),
        "picture": loaded.has_images,
        "conditional": condition and {"kind": condition.kind, "names": list(condition.names), "size": condition.size},
        "prior": loaded.has_prior,
        "quantised": loaded.is_quantized,
        "splits": sizes if data is None else {name: sizes.get(name) for name in data.splits},
        "labels": data and data.classes and list(data.classes),
        "attributes": data and data.attributes and list(data.attributes),
        "examples": data is not None,
        "why": data_error,
        "version": loaded.version,
    } | statistics


def _latent_statistics(loaded: LoadedModel) -> dict[str, Any]:
    """Return mean, standard deviation and KL of each dimension of the latents of held-out examples."""
    view = loaded.run_view
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
    if not loaded.has_prior:
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


async def encode(request: ApiRequest) -> Response:
    """Encode examples to the mean and standard deviation of q(z|x)."""
    batch = await inputs.read_examples(request)
    z, std = await request.submit(request.store.quick_queue, request.loaded.encode, batch.x, batch.y)
    return await request.in_thread(lambda: json_response({"z": z, "std": std}))


async def decode(request: ApiRequest) -> Response:
    """Decode latents to the mean of p(x|z)."""
    fields, output_format = request.fields, inputs.read_format(request, "json", "png", "npz")
    z = inputs.parse_latents(request.loaded, fields["z"])
    c = inputs.parse_conditions(request.loaded, fields["c"], len(z))
    (x,) = await request.submit(request.store.quick_queue, request.loaded.decode, z, c)
    if output_format == "json":
        return await request.in_thread(lambda: media.array_response(x))
    if output_format == "png":
        return await request.in_thread(lambda: media.png_response(x, fields["columns"]))
    return await request.in_thread(lambda: media.npz_response("decoded", z=z, x=x, c=c))


async def sample(request: ApiRequest) -> Response:
    """Draw from the prior and decode."""
    fields, output_format = request.fields, inputs.read_format(request, "json", "png", "npz")
    n, seed, temperature = fields["n"], fields["seed"], fields["temperature"]
    if not 1 <= n <= MAX_SAMPLES:
        raise ValueError(f"n={n}: give 1 to {MAX_SAMPLES}")
    if not 0 <= temperature <= 10:
        raise ValueError(f"temperature={temperature:g}: give 0 to 10; 1 is the prior itself")
    if not 0 <= seed < 2**63:
        raise ValueError(f"seed={seed}: give a whole number from 0 to 2**63 - 1")
    c = inputs.parse_conditions(request.loaded, fields["c"], n)
    x, z = await request.submit(
        request.store.quick_queue, lambda: draw_samples(request.loaded, n, c, seed, temperature)
    )
    if output_format == "json":
        return await request.in_thread(lambda: json_response({"z": z.flatten(1)} | media.json_examples(x)))
    if output_format == "png":
        return await request.in_thread(lambda: media.png_response(x))
    return await request.in_thread(lambda: media.npz_response("samples", z=z, x=x, c=c))


def draw_samples(loaded: LoadedModel, n: int, c: Tensor | None, seed: int, temperature: float) -> tuple[Tensor, Tensor]:
    """Draw n latents from the prior and decode them; returns x and z.

    A temperature t moves the draws towards the prior's mean m: (1 - t) m + t z. With t = 1 they are those of
    ``elbowroom sample`` with this seed.
    """
    if temperature != 1 and loaded.is_quantized:
        raise ValueError("the latents are codebook entries, with nothing between: leave the temperature at 1")
    with RNG_LOCK, torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        z = loaded.model.draw_prior(n, c)
        if temperature != 1:
            z = prior_mean(loaded, c) * (1 - temperature) + temperature * z
        return loaded.model.decode(z, c).mean, z


def prior_mean(loaded: LoadedModel, c: Tensor | None) -> Tensor | float:
    """Return the mean of the prior of z, given c; a hierarchy's topmost latent has mean 0."""
    prior, condition = getattr(loaded.model, "prior", None), getattr(loaded.model, "condition", None)
    if prior is None:
        return 0.0
    mean: Tensor = prior().mean if condition is None else prior(condition(c)).mean
    return mean


async def reconstruct(request: ApiRequest) -> Response:
    """Reconstruct examples: the mean of p(x|z) at the posterior mean."""
    output_format = inputs.read_format(request, "json", "png", "npz")
    batch = await inputs.read_examples(request)
    (x,) = await request.submit(request.store.quick_queue, request.loaded.reconstruct, batch.x, batch.y)
    if output_format == "json":
        return await request.in_thread(lambda: media.array_response(x))
    if output_format == "png":
        return await request.in_thread(lambda: media.png_response(x))
    return await request.in_thread(lambda: media.npz_response("reconstructed", x=batch.x, reconstruction=x))


async def score(request: ApiRequest) -> Response:
    """Score examples: reconstruction term, ELBO, importance bound."""
    batch = await inputs.read_examples(request)
    values = await request.submit(
        request.store.slow_queue, request.loaded.scores, batch.x, batch.y, torch.arange(len(batch.x))
    )
    scores = dict(zip(SCORE_DESCRIPTIONS, values, strict=False))
    return json_response(
        {"scores": scores, "unit": "nats", "about": {name: SCORE_DESCRIPTIONS[name] for name in scores}}
    )


SCORE_DESCRIPTIONS = {
    "reconstruction": "−E_q log p(x|z), 10 draws; higher is more anomalous",
    "elbo": "E_q log p(x|z) − KL, 10 draws; lower is more anomalous",
    "importance_bound": "log mean of 10 importance weights, nearer to log p(x); lower is more anomalous",
}


FORMAT_FIELD = ApiField(str, "json, png or npz", "json")
LATENTS_FIELD = ApiField(list, "latents, each flat or in the model's latent shape")
MEDIA_TYPES = (JSON, PNG, NPZ)
ENDPOINTS = [
    Endpoint(
        "GET",
        "/api/model",
        "Describe a model and the statistics of its latents over its data.",
        {},
        {
            "shape": "of an example",
            "latent_shape": "of z; the field latent is the number of its dimensions",
            "conditional": "the condition's kind, names and size; null for an unconditional model",
            "kl": "KL of each dimension of z, nats; null where it is undefined, or there is no data",
            "active": "the dimensions, the most informative first",
            "centre": "the mean of z; the field spread has its standard deviations",
            "splits": "the number of examples of each split",
            "why": "why the data is not available; null if it is",
        },
        get_model,
    ),
    Endpoint(
        "POST",
        "/api/encode",
        "Encode examples to the mean and standard deviation of q(z|x).",
        EXAMPLE_FIELDS,
        {"z": "means, (n, latent)", "std": "standard deviations, or null where the posterior is a point"},
        encode,
        {"index": [0, 1], "split": "test"},
        accepts_image=True,
    ),
    Endpoint(
        "POST",
        "/api/decode",
        "Decode latents to the mean of p(x|z).",
        {
            "z": LATENTS_FIELD,
            "c": CONDITION_FIELD,
            "format": FORMAT_FIELD,
            "columns": ApiField(int | None, "columns of a PNG with several images", None),
        },
        {"x": "examples, (n, *shape)", "shape": "of x"},
        decode,
        {"z": [[0.0, 0.0]]},
        media_types=MEDIA_TYPES,
    ),
    Endpoint(
        "POST",
        "/api/sample",
        "Draw from the prior and decode. The temperature scales the draws about the prior's mean; in a hierarchy only "
        "the topmost latent is scaled.",
        {
            "n": ApiField(int, f"number of samples, at most {MAX_SAMPLES}", 16),
            "seed": ApiField(int, "seed of the random generator", 0),
            "temperature": ApiField(float, "1 is the prior itself, 0 its mean", 1.0),
            "c": CONDITION_FIELD,
            "format": FORMAT_FIELD,
        },
        {"z": "latents, (n, latent)", "pngs": "images as data URLs", "x": "examples of any other kind"},
        sample,
        {"n": 4, "seed": 0},
        media_types=MEDIA_TYPES,
    ),
    Endpoint(
        "POST",
        "/api/reconstruct",
        "Reconstruct examples: the mean of p(x|z) at the posterior mean.",
        EXAMPLE_FIELDS | {"format": FORMAT_FIELD},
        {"x": "reconstructions, (n, *shape)", "shape": "of x"},
        reconstruct,
        {"index": [0, 1], "split": "test"},
        accepts_image=True,
        media_types=MEDIA_TYPES,
    ),
    Endpoint(
        "POST",
        "/api/score",
        "Score examples: reconstruction term, ELBO and importance bound.",
        EXAMPLE_FIELDS,
        {"scores": "by name, one for each example", "unit": "nats", "about": "a description of each score"},
        score,
        {"index": [0, 1], "split": "test"},
        accepts_image=True,
    ),
]
ROUTES: list[BaseRoute] = [endpoint.route for endpoint in ENDPOINTS]
