"""The command line and the Python that give what was asked for, ready to be pasted."""

from __future__ import annotations

import base64
import shlex
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from torch import Tensor

from elbowroom import errors
from elbowroom.data import Batch
from elbowroom.latent import PATHS
from elbowroom.studio.api import inputs, latent_paths, models
from elbowroom.studio.api.endpoint import ApiRequest, Endpoint
from elbowroom.studio.http import json
from elbowroom.studio.http.json import json_response
from elbowroom.studio.services.loaded_model import LoadedModel

#: Characters of a command line, and of numbers in a program, at most.
MAX_COMMAND_CHARS, MAX_NUMBERS = 100_000, 400_000
#: Numbers that are written out; more are written as bytes.
MAX_LITERAL_NUMBERS = 64
Snippets = tuple[str | None, str]


async def sample_snippets(request: ApiRequest) -> Snippets:
    """Of draws from the prior."""
    given, opened = request.fields, request.loaded
    n, seed, t = given["n"], given["seed"], given["temperature"]
    c = inputs.parse_conditions(opened, given["c"], n)
    lines = [
        *_condition_lines(c),
        f"torch.manual_seed({seed})",
        "with torch.no_grad():",
        f"    z = model.draw_prior({n}{_condition_argument(c)})",
    ]
    if t != 1:
        centre = models.prior_mean(opened, c)
        plain = isinstance(centre, float) or not bool(centre.any())
        condition = "" if c is None or opened.can_cycle_classes else "model.condition(c)"
        lines.append(f"    z = {t} * z" if plain else f"    z = {t} * z + {1 - t} * model.prior({condition}).mean")
    lines.append(f"    x = model.decode(z{_condition_argument(c)}).mean")
    words = None if t != 1 else _label_words(opened, given["c"], n)
    line = None if words is None else ["sample", "-n", str(n), "--seed", str(seed), *words]
    return _format_command(opened, line, given, "samples"), _format_python(opened, lines)


async def decode_snippets(request: ApiRequest) -> Snippets:
    """Of codes, decoded."""
    z = inputs.parse_latents(request.loaded, request.fields["z"])
    return _latents_snippets(request, z, request.fields["c"], "decoded", [f"z = {_tensor_expression(z)}"])


async def interpolate_snippets(request: ApiRequest) -> Snippets:
    """Of the way between two codes."""
    given, opened = request.fields, request.loaded
    latent_paths.require_continuous(opened)
    (a, own), (b, _) = [await latent_paths.read_path_end(request, name) for name in ("a", "b")]
    t = torch.linspace(0, 1, given["steps"])
    if given["path"] not in PATHS:
        raise errors.unknown_name("path", given["path"][:20], PATHS)
    z = PATHS[given["path"]](a.flatten(), b.flatten(), t).unflatten(1, opened.model.latent_shape)
    c = given["c"] if given["c"] is not None or own is None else own[0].tolist()
    lines = [
        f"a = {_tensor_expression(a.flatten())}",
        f"b = {_tensor_expression(b.flatten())}",
        f"z = {given['path']}(a, b, torch.linspace(0, 1, {given['steps']})).reshape(-1, *model.latent_shape)",
    ]
    first = inputs.parse_conditions(opened, c, 1)
    c = c if first is None or c is not None else first[0].tolist()
    return _latents_snippets(request, z, c, "interpolation", lines, [f"from elbowroom.latent import {given['path']}"])


async def traverse_snippets(request: ApiRequest) -> Snippets:
    """Of one dimension moved at a time."""
    given, opened = request.fields, request.loaded
    latent_paths.require_continuous(opened)
    z, dims, steps = latent_paths.parse_traversal(request)
    c = inputs.parse_conditions(opened, given["c"], 1)
    told = None if c is None else c[0]
    moved = z.flatten().repeat(len(dims), len(steps), 1)
    for row, dim in enumerate(dims):
        moved[row, :, dim] += steps
    lines = [
        f"z = {_tensor_expression(z)}",
        *([] if told is None else [f"c = {_tensor_expression(told)}"]),
        f"x = traversal(model, z, {dims}, {_number_list(steps)}{_condition_argument(c)})",
    ]
    codes = moved.reshape(-1, *opened.model.latent_shape)
    line = _decode_words(opened, codes, None if told is None else told.tolist())
    python = _format_python(opened, lines, ["from elbowroom.latent import traversal"])
    return _format_command(opened, line, given, "traversal"), python


async def encode_snippets(request: ApiRequest) -> Snippets:
    """Of examples, encoded."""
    batch = await inputs.read_examples(request)
    line = _reconstruct_words(request, batch)
    request.fields["format"] = "npz"
    lines, imports = _example_lines(request, batch)
    lines.append(f"z = model.encode(x{_condition_argument(batch.y)})")
    return _format_command(request.loaded, line, request.fields, "encoded"), _format_python(
        request.loaded, lines, imports
    )


async def reconstruct_snippets(request: ApiRequest) -> Snippets:
    """Of examples, reconstructed."""
    batch = await inputs.read_examples(request)
    lines, imports = _example_lines(request, batch)
    lines.append(f"x = model.reconstruct(x{_condition_argument(batch.y)})")
    line = _reconstruct_words(request, batch)
    return _format_command(request.loaded, line, request.fields, "reconstructed"), _format_python(
        request.loaded, lines, imports
    )


def _latents_snippets(
    request: ApiRequest, z: Tensor, condition: Any, name: str, lines: list[str], imports: Iterable[str] = ()
) -> Snippets:
    opened = request.loaded
    c = inputs.parse_conditions(opened, condition, len(z))
    lines = [*lines, *_condition_lines(c), f"x = model.sample(z=z{_condition_argument(c)})"]
    return _format_command(opened, _decode_words(opened, z, condition), request.fields, name), _format_python(
        opened, lines, imports
    )


def _decode_words(loaded: LoadedModel, z: Tensor, condition: Any) -> list[str] | None:
    words = _label_words(loaded, condition, len(z))
    codes = "; ".join(",".join(map(str, row)) for row in z.flatten(1).numpy())
    return None if words is None else ["sample", f"--z={codes}", *words]


def _reconstruct_words(request: ApiRequest, batch: Batch) -> list[str] | None:
    """The command line takes the first examples of a split as they are given out."""
    given, opened = request.fields, request.loaded
    if given["index"] is None or given["c"] is not None or batch.index.tolist() != list(range(len(batch.index))):
        return None
    name, _ = opened.get_split(given["split"])
    if getattr(opened.data.splits[name], "is_stochastic", False):
        return None
    return ["reconstruct", "--split", name, "-n", str(len(batch.index))]


def _label_words(loaded: LoadedModel, condition: Any, n: int) -> list[str] | None:
    """A condition as the command line has it; None where it has no way to say it."""
    told = loaded.condition_spec
    if told is None or (condition is None and loaded.can_cycle_classes):
        return []
    if loaded.data_error:
        return None
    if isinstance(condition, list):
        data = loaded.data
        if told.kind != "attributes" or data.attributes is None or any(set("=,") & set(name) for name in told.names):
            return None
        values = np.asarray(condition, np.float32)
        return ["--label", ",".join(f"{name}={value}" for name, value in zip(told.names, values, strict=True))]
    names = told.names if condition is None else (told.names[int(condition)],)
    return None if any("," in name or "=" in name for name in names) else ["--label", ",".join(names)]


def _format_command(
    loaded: LoadedModel, command_words: list[str] | None, fields: dict[str, Any], name: str
) -> str | None:
    if command_words is None:
        return None
    ending = "png" if fields.get("format") in ("png", "gif") else "npz"
    words, rest = command_words[:1], command_words[1:]
    text = shlex.join(["elbowroom", *words, str(loaded.run.path), *rest, "--out", f"{name}.{ending}"])
    return text if len(text) <= MAX_COMMAND_CHARS else None


def _format_python(loaded: LoadedModel, lines: list[str], imports: Iterable[str] = ()) -> str:
    imports = list(imports)
    head = ["import base64", ""] if any("base64." in line for line in lines) else []
    load = [] if any(line.startswith("run = ") for line in lines) else [f"model = er.load({str(loaded.run.path)!r})"]
    text = [*head, "import torch", "", "import elbowroom as er", *imports, "", *load, *lines]
    return "\n".join(text) + "\n"


def _example_lines(request: ApiRequest, batch: Batch) -> tuple[list[str], list[str]]:
    """Lines that make x, and c if the model is told any, from the run's data or from numbers; and their imports."""
    given, opened = request.fields, request.loaded
    if given["index"] is None:
        return [f"x = {_tensor_expression(batch.x)}", *_condition_lines(batch.y)], []
    name, _ = opened.get_split(given["split"])
    index = batch.index.tolist()
    lines = [
        f"run = er.Run({str(opened.run.path)!r})",
        "model = run.model()",
        f"split = still(run.data().{name}, 0)",
        f"x, y, _ = next(iter(split.batches({len(index)}, torch.tensor({index}))))",
    ]
    if batch.y is not None:
        lines += ["c = y.float() if y.dim() > 1 else y"] if given["c"] is None else _condition_lines(batch.y)
    return lines, ["from elbowroom.data import still"]


def _condition_lines(c: Tensor | None) -> list[str]:
    """The line that makes a condition."""
    if c is None:
        return []
    if c.dim() > 1 and bool((c == c[0]).all()):
        return [f"c = {_tensor_expression(c[0])}.expand({len(c)}, -1)"]
    if c.dim() == 1 and bool((c == c[0]).all()):
        return [f"c = torch.full(({len(c)},), {int(c[0])})"]
    return [f"c = torch.tensor({c.tolist()})"]


def _condition_argument(c: Tensor | None) -> str:
    return "" if c is None else ", c=c"


def _tensor_expression(values: Tensor) -> str:
    """The expression that makes these numbers again, bit for bit."""
    if not values.is_floating_point():
        return f"torch.tensor({values.tolist()})"
    if values.numel() > MAX_NUMBERS:
        raise ValueError(f"{values.numel():,} numbers are too many to paste: save the npz, and read it with numpy")
    shape = "".join(f"{side}, " for side in values.shape).rstrip()
    if values.numel() <= MAX_LITERAL_NUMBERS:
        flat = f"torch.tensor({_number_list(values.flatten())})"
        return flat if values.dim() == 1 else f"{flat}.reshape({shape.rstrip(',')})"
    held = base64.b64encode(values.contiguous().numpy().astype("<f4").tobytes()).decode()
    return f'torch.frombuffer(bytearray(base64.b64decode("{held}")), dtype=torch.float32).reshape({shape.rstrip(",")})'


def _number_list(values: Tensor) -> str:
    """Numbers in as few digits as make the same again."""
    return "[" + ", ".join(str(value) for value in values.numpy()) + "]"


WRITERS: dict[str, Callable[[ApiRequest], Any]] = {
    "sample": sample_snippets,
    "decode": decode_snippets,
    "interpolate": interpolate_snippets,
    "traverse": traverse_snippets,
    "encode": encode_snippets,
    "reconstruct": reconstruct_snippets,
}


async def get_snippets(request: Request) -> Response:
    """What was asked for as a command line, where there is one for it, and as Python."""
    given = json.parse_json(await request.body())
    if not isinstance(given, dict) or "do" not in given:
        raise ValueError(f"the field 'do' is missing: give one of {', '.join(WRITERS)}")
    do = str(given.pop("do"))[:40]
    if do not in WRITERS:
        raise errors.unknown_name("thing to do", do, WRITERS)
    asking = await SNIPPET_ENDPOINTS[do].parse_request(request, given)
    command, python = await WRITERS[do](asking)
    return json_response({"command": command, "python": python})


SNIPPET_ENDPOINTS: dict[str, Endpoint] = {
    do: call for call in (*models.ENDPOINTS, *latent_paths.ENDPOINTS) for do in WRITERS if call.path == f"/api/{do}"
}
ROUTES: list[BaseRoute] = [Route("/api/code", get_snippets, methods=["POST"])]
