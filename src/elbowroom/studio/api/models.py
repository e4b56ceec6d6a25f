"""What is asked of a model: what it is, encode, decode, sample, reconstruct, score."""

from __future__ import annotations

import math
from typing import Any

import torch
from starlette.responses import Response
from starlette.routing import BaseRoute
from torch import Tensor

from elbowroom.studio.api import inputs
from elbowroom.studio.api.endpoint import Asking, Call, Field
from elbowroom.studio.api.inputs import INPUT, C
from elbowroom.studio.http import media
from elbowroom.studio.http.json import ok
from elbowroom.studio.http.media import JSON, NPZ, PNG
from elbowroom.studio.services.loaded_model import SEEDING, Opened

#: Samples in one request, at most.
SAMPLES = 256


async def model(asking: Asking) -> Response:
    """What the page has to know of a model before it shows anything."""
    return ok(await asking.do(asking.desk.slow, lambda: about(asking.opened)))


def about(opened: Opened) -> dict[str, Any]:
    """A model in words and numbers."""
    why, given = opened.why, opened.given
    data = None if why else opened.data
    sizes = opened.run.record["data"].get("sizes") or {}
    return {
        "shape": list(opened.model.shape),
        "latent_shape": list(opened.model.latent_shape),
        "latent": math.prod(opened.model.latent_shape),
        "picture": opened.picture,
        "conditional": given and {"kind": given.kind, "names": list(given.names), "size": given.size},
        "prior": opened.prior,
        "quantised": opened.quantised,
        "splits": sizes if data is None else {name: sizes.get(name) for name in data.splits},
        "labels": data and data.classes and list(data.classes),
        "attributes": data and data.attributes and list(data.attributes),
        "examples": data is not None,
        "why": why,
        "version": opened.version,
    } | opened.kept(("latent", why), lambda: _latent(opened) if data is not None else _unseen(opened))


def _latent(opened: Opened) -> dict[str, Any]:
    """What each dimension of the code carries, over held-out examples."""
    look = opened.look
    order, tells, unit = look.informative
    by_kl = unit.startswith("KL")
    latents = f"{look.latents} latent{'s'[: look.latents != 1]}"
    return {
        "kl": [tell for _, tell in sorted(zip(order, tells, strict=True))] if by_kl else None,
        "active": order,
        "spread": look.codes.std(0, correction=0).tolist(),
        "centre": look.codes.mean(0).tolist(),
        "latents": f"{latents}; {look.axis}; {unit}, over {look.of(len(look.codes))}",
    }


def _unseen(opened: Opened) -> dict[str, Any]:
    """The same where there is no data: of the prior, if there is one."""
    size = math.prod(opened.model.latent_shape)
    known: dict[str, Any] = {"kl": None, "active": list(range(size)), "spread": [1.0] * size, "centre": [0.0] * size}
    if not opened.prior:
        return known | {"latents": "a code without a prior, and no data to see it by"}
    c = torch.arange(256) % opened.size if opened.size else None
    with SEEDING, torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(0)
        z = opened.model.draw_prior(256, c).flatten(1)
    return known | {
        "spread": z.std(0).tolist(),
        "centre": z.mean(0).tolist(),
        "latents": "as the prior has it, without data to see it by",
    }


async def encode(asking: Asking) -> Response:
    """Examples to codes."""
    batch = await inputs.examples(asking)
    z, std = await asking.do(asking.desk.quick, asking.opened.encode, batch.x, batch.y)
    return await asking.made(lambda: ok({"z": z, "std": std}))


async def decode(asking: Asking) -> Response:
    """Codes to examples."""
    given = asking.given
    form = _form(asking, "json", "png", "npz")
    z = inputs.codes(asking.opened, given["z"])
    c = inputs.conditions(asking.opened, given["c"], len(z))
    (x,) = await asking.do(asking.desk.quick, asking.opened.decode, z, c)
    if form == "json":
        return await asking.made(lambda: media.numbers(x))
    columns = given["columns"]
    return await asking.made(lambda: media.png(x, columns) if form == "png" else media.npz("decoded", z=z, x=x, c=c))


async def sample(asking: Asking) -> Response:
    """Draws from the prior, decoded."""
    given, form = asking.given, _form(asking, "json", "png", "npz")
    n, temperature = given["n"], given["temperature"]
    if not 1 <= n <= SAMPLES:
        raise ValueError(f"n={n}: give 1 to {SAMPLES}")
    if not 0 <= temperature <= 10:
        raise ValueError(f"temperature={temperature:g}: give 0 to 10; 1 is the prior itself")
    if not 0 <= given["seed"] < 2**63:
        raise ValueError(f"seed={given['seed']}: give a whole number from 0 to 2**63 - 1")
    c = inputs.conditions(asking.opened, given["c"], n)
    x, z = await asking.do(asking.desk.quick, lambda: drawn(asking.opened, n, c, given["seed"], temperature))
    if form == "json":
        return await asking.made(lambda: ok({"z": z.flatten(1)} | media.pictures(x)))
    return await asking.made(lambda: media.png(x) if form == "png" else media.npz("samples", z=z, x=x, c=c))


def drawn(opened: Opened, n: int, c: Tensor | None, seed: int, temperature: float) -> tuple[Tensor, Tensor]:
    """Codes from the prior, brought nearer to its mean by a temperature below 1, and what they decode to.

    With a temperature of 1 the same as ``elbowroom sample`` with this seed.
    """
    if temperature != 1 and opened.quantised:
        raise ValueError("the codes are choices from a codebook, with nothing between: leave the temperature at 1")
    with SEEDING, torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        z = opened.model.draw_prior(n, c)
        if temperature != 1:
            z = centre(opened, c) * (1 - temperature) + temperature * z
        return opened.model.decode(z, c).mean, z


def centre(opened: Opened, c: Tensor | None) -> Tensor | float:
    """The mean of the prior of the codes; a hierarchy's uppermost has 0."""
    prior, condition = getattr(opened.model, "prior", None), getattr(opened.model, "condition", None)
    if prior is None:
        return 0.0
    return prior().mean if condition is None else prior(condition(c)).mean


async def reconstruct(asking: Asking) -> Response:
    """Examples through the model and back."""
    form = _form(asking, "json", "png", "npz")
    batch = await inputs.examples(asking)
    (x,) = await asking.do(asking.desk.quick, asking.opened.reconstruct, batch.x, batch.y)
    if form == "json":
        return await asking.made(lambda: media.numbers(x))
    both = {"x": batch.x, "reconstruction": x}
    return await asking.made(lambda: media.png(x) if form == "png" else media.npz("reconstructed", **both))


async def score(asking: Asking) -> Response:
    """How probable examples are, and how strange."""
    batch = await inputs.examples(asking)
    found = await asking.do(asking.desk.slow, asking.opened.figures, batch.x, batch.y, torch.arange(len(batch.x)))
    names = ("reconstruction", "elbo", "importance_bound")
    scores = dict(zip(names, found, strict=False))
    return ok({"scores": scores, "unit": "nats", "about": {name: ABOUT[name] for name in scores}})


ABOUT = {
    "reconstruction": "−E_q log p(x|z), 10 draws; higher is stranger",
    "elbo": "E_q log p(x|z) − KL, 10 draws; lower is stranger",
    "importance_bound": "log mean of 10 importance weights, nearer to log p(x); lower is stranger",
}


def _form(asking: Asking, *formats: str) -> str:
    form = media.one_of(asking.given["format"], *formats)
    if form == "png":
        media.must_be_pictures(asking.opened.model.shape)
    return form


FORMAT = Field(str, "json, png or npz", "json")
Z = Field(list, "codes, each as long as the model's")
THREE = (JSON, PNG, NPZ)
CALLS = [
    Call(
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
        model,
    ),
    Call(
        "POST",
        "/api/encode",
        "Examples to the mean and standard deviation of q(z|x).",
        INPUT,
        {"z": "means, (n, latent)", "std": "standard deviations, or null where the posterior is a point"},
        encode,
        {"index": [0, 1], "split": "test"},
        pictures=True,
    ),
    Call(
        "POST",
        "/api/decode",
        "Codes to the mean of p(x|z).",
        {"z": Z, "c": C, "format": FORMAT, "columns": Field(int | None, "of a PNG with several", None)},
        {"x": "examples, (n, *shape)", "shape": "of x"},
        decode,
        {"z": [[0.0, 0.0]]},
        formats=THREE,
    ),
    Call(
        "POST",
        "/api/sample",
        "Draws from the prior, decoded. A temperature scales the draws about the prior's mean; latents below the "
        "uppermost keep theirs.",
        {
            "n": Field(int, f"how many, at most {SAMPLES}", 16),
            "seed": Field(int, "of the draws", 0),
            "temperature": Field(float, "1 is the prior itself, 0 its mean", 1.0),
            "c": C,
            "format": FORMAT,
        },
        {"z": "codes, (n, latent)", "pngs": "data URLs of pictures", "x": "anything else"},
        sample,
        {"n": 4, "seed": 0},
        formats=THREE,
    ),
    Call(
        "POST",
        "/api/reconstruct",
        "Examples through the model and back: the mean of p(x|z) at the posterior mean.",
        INPUT | {"format": FORMAT},
        {"x": "reconstructions, (n, *shape)", "shape": "of x"},
        reconstruct,
        {"index": [0, 1], "split": "test"},
        pictures=True,
        formats=THREE,
    ),
    Call(
        "POST",
        "/api/score",
        "How probable examples are to the model.",
        INPUT,
        {"scores": "by name, one for each example", "unit": "nats", "about": "what each is, in words"},
        score,
        {"index": [0, 1], "split": "test"},
        pictures=True,
    ),
]
ROUTES: list[BaseRoute] = [call.route for call in CALLS]
