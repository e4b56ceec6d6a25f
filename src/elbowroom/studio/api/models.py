"""What is asked of a model: what it is, encode, decode, sample, reconstruct, score."""

from __future__ import annotations

import math
from typing import Any

import torch
from starlette.responses import Response
from starlette.routing import BaseRoute
from torch import Tensor

from elbowroom.studio.api import inputs
from elbowroom.studio.api.endpoint import ApiField, ApiRequest, Endpoint
from elbowroom.studio.api.inputs import CONDITION_FIELD, EXAMPLE_FIELDS
from elbowroom.studio.http import media
from elbowroom.studio.http.json import json_response
from elbowroom.studio.http.media import JSON, NPZ, PNG
from elbowroom.studio.services.loaded_model import RNG_LOCK, LoadedModel

#: Samples in one request, at most.
MAX_SAMPLES = 256


async def get_model(request: ApiRequest) -> Response:
    """What the page has to know of a model before it shows anything."""
    return json_response(await request.submit(request.store.slow_queue, lambda: model_info(request.loaded)))


def model_info(loaded: LoadedModel) -> dict[str, Any]:
    """A model in words and numbers."""
    why, given = loaded.data_error, loaded.condition_spec
    data = None if why else loaded.data
    sizes = loaded.run.record["data"].get("sizes") or {}
    return {
        "shape": list(loaded.model.shape),
        "latent_shape": list(loaded.model.latent_shape),
        "latent": math.prod(loaded.model.latent_shape),
        "picture": loaded.has_images,
        "conditional": given and {"kind": given.kind, "names": list(given.names), "size": given.size},
        "prior": loaded.has_prior,
        "quantised": loaded.is_quantized,
        "splits": sizes if data is None else {name: sizes.get(name) for name in data.splits},
        "labels": data and data.classes and list(data.classes),
        "attributes": data and data.attributes and list(data.attributes),
        "examples": data is not None,
        "why": why,
        "version": loaded.version,
    } | loaded.get_or_compute(
        ("latent", why), lambda: _latent_statistics(loaded) if data is not None else _prior_statistics(loaded)
    )


def _latent_statistics(loaded: LoadedModel) -> dict[str, Any]:
    """What each dimension of the code carries, over held-out examples."""
    look = loaded.run_view
    order, tells, unit = look.ranked_dimensions
    by_kl = unit.startswith("KL")
    latents = f"{look.n_latents} latent{'s'[: look.n_latents != 1]}"
    return {
        "kl": [tell for _, tell in sorted(zip(order, tells, strict=True))] if by_kl else None,
        "active": order,
        "spread": look.latents.std(0, correction=0).tolist(),
        "centre": look.latents.mean(0).tolist(),
        "latents": f"{latents}; {look.latent_unit}; {unit}, over {look.describe_examples(len(look.latents))}",
    }


def _prior_statistics(loaded: LoadedModel) -> dict[str, Any]:
    """The same where there is no data: of the prior, if there is one."""
    size = math.prod(loaded.model.latent_shape)
    known: dict[str, Any] = {"kl": None, "active": list(range(size)), "spread": [1.0] * size, "centre": [0.0] * size}
    if not loaded.has_prior:
        return known | {"latents": "a code without a prior, and no data to see it by"}
    c = torch.arange(256) % loaded.condition_size if loaded.condition_size else None
    with RNG_LOCK, torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(0)
        z = loaded.model.draw_prior(256, c).flatten(1)
    return known | {
        "spread": z.std(0).tolist(),
        "centre": z.mean(0).tolist(),
        "latents": "as the prior has it, without data to see it by",
    }


async def encode(request: ApiRequest) -> Response:
    """Examples to codes."""
    batch = await inputs.read_examples(request)
    z, std = await request.submit(request.store.quick_queue, request.loaded.encode, batch.x, batch.y)
    return await request.in_thread(lambda: json_response({"z": z, "std": std}))


async def decode(request: ApiRequest) -> Response:
    """Codes to examples."""
    given = request.fields
    form = _requested_format(request, "json", "png", "npz")
    z = inputs.parse_latents(request.loaded, given["z"])
    c = inputs.parse_conditions(request.loaded, given["c"], len(z))
    (x,) = await request.submit(request.store.quick_queue, request.loaded.decode, z, c)
    if form == "json":
        return await request.in_thread(lambda: media.array_response(x))
    columns = given["columns"]
    return await request.in_thread(
        lambda: media.png_response(x, columns) if form == "png" else media.npz_response("decoded", z=z, x=x, c=c)
    )


async def sample(request: ApiRequest) -> Response:
    """Draws from the prior, decoded."""
    given, form = request.fields, _requested_format(request, "json", "png", "npz")
    n, temperature = given["n"], given["temperature"]
    if not 1 <= n <= MAX_SAMPLES:
        raise ValueError(f"n={n}: give 1 to {MAX_SAMPLES}")
    if not 0 <= temperature <= 10:
        raise ValueError(f"temperature={temperature:g}: give 0 to 10; 1 is the prior itself")
    if not 0 <= given["seed"] < 2**63:
        raise ValueError(f"seed={given['seed']}: give a whole number from 0 to 2**63 - 1")
    c = inputs.parse_conditions(request.loaded, given["c"], n)
    x, z = await request.submit(
        request.store.quick_queue, lambda: draw_samples(request.loaded, n, c, given["seed"], temperature)
    )
    if form == "json":
        return await request.in_thread(lambda: json_response({"z": z.flatten(1)} | media.json_examples(x)))
    return await request.in_thread(
        lambda: media.png_response(x) if form == "png" else media.npz_response("samples", z=z, x=x, c=c)
    )


def draw_samples(loaded: LoadedModel, n: int, c: Tensor | None, seed: int, temperature: float) -> tuple[Tensor, Tensor]:
    """Codes from the prior, brought nearer to its mean by a temperature below 1, and what they decode to.

    With a temperature of 1 the same as ``elbowroom sample`` with this seed.
    """
    if temperature != 1 and loaded.is_quantized:
        raise ValueError("the codes are choices from a codebook, with nothing between: leave the temperature at 1")
    with RNG_LOCK, torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        z = loaded.model.draw_prior(n, c)
        if temperature != 1:
            z = prior_mean(loaded, c) * (1 - temperature) + temperature * z
        return loaded.model.decode(z, c).mean, z


def prior_mean(loaded: LoadedModel, c: Tensor | None) -> Tensor | float:
    """The mean of the prior of the codes; a hierarchy's uppermost has 0."""
    prior, condition = getattr(loaded.model, "prior", None), getattr(loaded.model, "condition", None)
    if prior is None:
        return 0.0
    return prior().mean if condition is None else prior(condition(c)).mean


async def reconstruct(request: ApiRequest) -> Response:
    """Examples through the model and back."""
    form = _requested_format(request, "json", "png", "npz")
    batch = await inputs.read_examples(request)
    (x,) = await request.submit(request.store.quick_queue, request.loaded.reconstruct, batch.x, batch.y)
    if form == "json":
        return await request.in_thread(lambda: media.array_response(x))
    both = {"x": batch.x, "reconstruction": x}
    return await request.in_thread(
        lambda: media.png_response(x) if form == "png" else media.npz_response("reconstructed", **both)
    )


async def score(request: ApiRequest) -> Response:
    """How probable examples are, and how strange."""
    batch = await inputs.read_examples(request)
    found = await request.submit(
        request.store.slow_queue, request.loaded.scores, batch.x, batch.y, torch.arange(len(batch.x))
    )
    names = ("reconstruction", "elbo", "importance_bound")
    scores = dict(zip(names, found, strict=False))
    return json_response(
        {"scores": scores, "unit": "nats", "about": {name: SCORE_DESCRIPTIONS[name] for name in scores}}
    )


SCORE_DESCRIPTIONS = {
    "reconstruction": "−E_q log p(x|z), 10 draws; higher is stranger",
    "elbo": "E_q log p(x|z) − KL, 10 draws; lower is stranger",
    "importance_bound": "log mean of 10 importance weights, nearer to log p(x); lower is stranger",
}


def _requested_format(request: ApiRequest, *formats: str) -> str:
    form = media.check_format(request.fields["format"], *formats)
    if form == "png":
        media.require_images(request.loaded.model.shape)
    return form


FORMAT_FIELD = ApiField(str, "json, png or npz", "json")
LATENTS_FIELD = ApiField(list, "codes, each as long as the model's")
MEDIA_TYPES = (JSON, PNG, NPZ)
ENDPOINTS = [
    Endpoint(
        "GET",
        "/api/model",
        "What a model is, and what its data says of its codes.",
        {},
        {
            "shape": "of an example",
            "latent_shape": "of a code; latent is how many numbers that are",
            "conditional": "what it is told: kind, names, size; null where it is told nothing",
            "kl": "nats of each dimension of the code; null where it is undefined, or there is no data",
            "active": "the dimensions, the most informative first",
            "centre": "the mean code, and spread its standard deviations",
            "splits": "how many examples each has",
            "why": "why there are no examples; null where there are",
        },
        get_model,
    ),
    Endpoint(
        "POST",
        "/api/encode",
        "Examples to the mean and standard deviation of q(z|x).",
        EXAMPLE_FIELDS,
        {"z": "means, (n, latent)", "std": "standard deviations, or null where the posterior is a point"},
        encode,
        {"index": [0, 1], "split": "test"},
        accepts_image=True,
    ),
    Endpoint(
        "POST",
        "/api/decode",
        "Codes to the mean of p(x|z).",
        {
            "z": LATENTS_FIELD,
            "c": CONDITION_FIELD,
            "format": FORMAT_FIELD,
            "columns": ApiField(int | None, "of a PNG with several", None),
        },
        {"x": "examples, (n, *shape)", "shape": "of x"},
        decode,
        {"z": [[0.0, 0.0]]},
        media_types=MEDIA_TYPES,
    ),
    Endpoint(
        "POST",
        "/api/sample",
        "Draws from the prior, decoded. A temperature scales the draws about the prior's mean; latents below the "
        "uppermost keep theirs.",
        {
            "n": ApiField(int, f"how many, at most {MAX_SAMPLES}", 16),
            "seed": ApiField(int, "of the draws", 0),
            "temperature": ApiField(float, "1 is the prior itself, 0 its mean", 1.0),
            "c": CONDITION_FIELD,
            "format": FORMAT_FIELD,
        },
        {"z": "codes, (n, latent)", "pngs": "data URLs of pictures", "x": "anything else"},
        sample,
        {"n": 4, "seed": 0},
        media_types=MEDIA_TYPES,
    ),
    Endpoint(
        "POST",
        "/api/reconstruct",
        "Examples through the model and back: the mean of p(x|z) at the posterior mean.",
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
        "How probable examples are to the model.",
        EXAMPLE_FIELDS,
        {"scores": "by name, one for each example", "unit": "nats", "about": "what each is, in words"},
        score,
        {"index": [0, 1], "split": "test"},
        accepts_image=True,
    ),
]
ROUTES: list[BaseRoute] = [call.route for call in ENDPOINTS]
