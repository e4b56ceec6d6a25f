"""Code snippets: the command line and the Python program that give the same result as a request."""

from __future__ import annotations

import base64
import shlex
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from torch import Tensor

from elbowroom import errors
from elbowroom.data import Batch
from elbowroom.studio.api import inputs, latent_paths, models
from elbowroom.studio.api.endpoint import ApiRequest, Endpoint
from elbowroom.studio.http import json
from elbowroom.studio.http.json import json_response
from elbowroom.studio.services.loaded_model import LoadedModel

#: Length of a command line; there is none if it would be longer.
MAX_COMMAND_CHARS = 100_000
#: Numbers in one tensor of a program.
MAX_NUMBERS = 400_000
#: Numbers that are written as literals; more are written as base64.
MAX_LITERAL_NUMBERS = 64
#: A command line, None where the command line cannot do it, and a Python program.
Snippets = tuple[str | None, str]


async def sample_snippets(request: ApiRequest) -> Snippets:
    """Return the snippets of draws from the prior."""
    fields, loaded = request.fields, request.loaded
    n, seed, t = fields["n"], fields["seed"], fields["temperature"]
    c = inputs.parse_conditions(loaded, fields["c"], n)
    lines = [
        *_condition_lines(c),
        f"torch.manual_seed({seed})",
        "with torch.no_grad():",
        f"    z = model.draw_prior({n}{_condition_argument(c)})",
    ]
    if t != 1:
        mean = models.prior_mean(loaded, c)
        is_zero = isinstance(mean, float) or not bool(mean.any())
        condition = "" if c is None or loaded.can_cycle_classes else "model.condition(c)"
        lines.append(f"    z = {t} * z" if is_zero else f"    z = {t} * z + {1 - t} * model.prior({condition}).mean")
    lines.append(f"    x = model.decode(z{_condition_argument(c)}).mean")
    label_words = None if t != 1 else _label_words(loaded, fields["c"])
    words = None if label_words is None else ["sample", "-n", str(n), "--seed", str(seed), *label_words]
    return _format_command(loaded, words, fields, "samples"), _format_python(loaded, lines)


async def decode_snippets(request: ApiRequest) -> Snippets:
    """Return the snippets of decoded latents."""
    z = inputs.parse_latents(request.loaded, request.fields["z"])
    return _latents_snippets(request, z, request.fields["c"], "decoded", [f"z = {_tensor_expression(z)}"])


async def interpolate_snippets(request: ApiRequest) -> Snippets:
    """Return the snippets of an interpolation."""
    fields, loaded = request.fields, request.loaded
    latent_paths.require_continuous(loaded)
    t, path = latent_paths.read_path(request)
    (a, a_condition), (b, _) = [await latent_paths.read_path_end(request, name) for name in ("a", "b")]
    z = path(a.flatten(), b.flatten(), t)
    z = z.reshape(len(z), *loaded.model.latent_shape)
    c = fields["c"] if fields["c"] is not None or a_condition is None else a_condition[0].tolist()
    lines = [
        f"a = {_tensor_expression(a.flatten())}",
        f"b = {_tensor_expression(b.flatten())}",
        f'z = PATHS["{fields["path"]}"](a, b, torch.linspace(0, 1, {len(t)})).reshape(-1, *model.latent_shape)',
    ]
    first = inputs.parse_conditions(loaded, c, 1)
    c = c if first is None or c is not None else first[0].tolist()
    return _latents_snippets(request, z, c, "interpolation", lines, ["from elbowroom.latent import PATHS"])


async def traverse_snippets(request: ApiRequest) -> Snippets:
    """Return the snippets of a traversal."""
    fields, loaded = request.fields, request.loaded
    latent_paths.require_continuous(loaded)
    z, dims, offsets = latent_paths.parse_traversal(request)
    conditions = inputs.parse_conditions(loaded, fields["c"], 1)
    c = None if conditions is None else conditions[0]
    latents = z.flatten().repeat(len(dims), len(offsets), 1)
    for row, dim in enumerate(dims):
        latents[row, :, dim] += offsets
    lines = [
        f"z = {_tensor_expression(z)}",
        *([] if c is None else [f"c = {_tensor_expression(c)}"]),
        f"x = traversal(model, z, {dims}, {_number_list(offsets)}{_condition_argument(c)})",
    ]
    words = _decode_words(loaded, latents.reshape(-1, *loaded.model.latent_shape), None if c is None else c.tolist())
    python = _format_python(loaded, lines, ["from elbowroom.latent import traversal"])
    return _format_command(loaded, words, fields, "traversal"), python


async def encode_snippets(request: ApiRequest) -> Snippets:
    """Return the snippets of encoded examples."""
    batch = await inputs.read_examples(request)
    request.fields["format"] = "npz"
    return _examples_snippets(request, batch, f"z = model.encode(x{_condition_argument(batch.y)})", "encoded")


async def reconstruct_snippets(request: ApiRequest) -> Snippets:
    """Return the snippets of reconstructed examples."""
    batch = await inputs.read_examples(request)
    line = f"x = model.reconstruct(x{_condition_argument(batch.y)})"
    return _examples_snippets(request, batch, line, "reconstructed")


def _examples_snippets(request: ApiRequest, batch: Batch, last_line: str, name: str) -> Snippets:
    lines, imports = _example_lines(request, batch)
    command = _format_command(request.loaded, _reconstruct_words(request, batch), request.fields, name)
    return command, _format_python(request.loaded, [*lines, last_line], imports)


def _latents_snippets(
    request: ApiRequest, z: Tensor, condition: Any, name: str, lines: list[str], imports: Iterable[str] = ()
) -> Snippets:
    loaded = request.loaded
    c = inputs.parse_conditions(loaded, condition, len(z))
    lines = [*lines, *_condition_lines(c), f"x = model.sample(z=z{_condition_argument(c)})"]
    command = _format_command(loaded, _decode_words(loaded, z, condition), request.fields, name)
    return command, _format_python(loaded, lines, imports)


def _decode_words(loaded: LoadedModel, z: Tensor, condition: Any) -> list[str] | None:
    label_words = _label_words(loaded, condition)
    latents = "; ".join(",".join(map(str, row)) for row in z.flatten(1).numpy())
    return None if label_words is None else ["sample", f"--z={latents}", *label_words]


def _reconstruct_words(request: ApiRequest, batch: Batch) -> list[str] | None:
    """The command line only takes the first examples of a split, without changes: None for any others."""
    fields, loaded = request.fields, request.loaded
    if fields["index"] is None or fields["c"] is not None or batch.index.tolist() != list(range(len(batch.index))):
        return None
    name, _ = loaded.get_split(fields["split"])
    if getattr(loaded.data.splits[name], "is_stochastic", False):
        return None
    return ["reconstruct", "--split", name, "-n", str(len(batch.index))]


def _label_words(loaded: LoadedModel, condition: Any) -> list[str] | None:
    """Return the command line's words for a condition; None where it has none for it."""
    spec = loaded.condition_spec
    if spec is None or (condition is None and loaded.can_cycle_classes):
        return []
    if loaded.data_error:
        return None
    if isinstance(condition, list):
        are_ambiguous = any(set("=,") & set(name) for name in spec.names)
        if spec.kind != "attributes" or loaded.data.attributes is None or are_ambiguous:
            return None
        values = np.asarray(condition, np.float32)
        return ["--label", ",".join(f"{name}={value}" for name, value in zip(spec.names, values, strict=True))]
    names = spec.names if condition is None else (spec.names[int(condition)],)
    return None if any("," in name or "=" in name for name in names) else ["--label", ",".join(names)]


def _format_command(
    loaded: LoadedModel, command_words: list[str] | None, fields: dict[str, Any], name: str
) -> str | None:
    if command_words is None:
        return None
    suffix = "png" if fields.get("format") in ("png", "gif") else "npz"
    verb, options = command_words[:1], command_words[1:]
    command = shlex.join(["elbowroom", *verb, str(loaded.run.path), *options, "--out", f"{name}.{suffix}"])
    return command if len(command) <= MAX_COMMAND_CHARS else None


def _format_python(loaded: LoadedModel, lines: list[str], imports: Iterable[str] = ()) -> str:
    head = ["import base64", ""] if any("base64." in line for line in lines) else []
    load = [] if any(line.startswith("run = ") for line in lines) else [f"model = er.load({str(loaded.run.path)!r})"]
    program = [*head, "import torch", "", "import elbowroom as er", *imports, "", *load, *lines]
    return "\n".join(program) + "\n"


def _example_lines(request: ApiRequest, batch: Batch) -> tuple[list[str], list[str]]:
    """Return the lines that define x, and c for a conditional model, and the imports they need."""
    fields, loaded = request.fields, request.loaded
    if fields["index"] is None:
        return [f"x = {_tensor_expression(batch.x)}", *_condition_lines(batch.y)], []
    name, _ = loaded.get_split(fields["split"])
    index = batch.index.tolist()
    lines = [
        f"run = er.Run({str(loaded.run.path)!r})",
        "model = run.model()",
        f"split = freeze(run.data().{name}, 0)",
        f"x, y, _ = next(iter(split.batches({len(index)}, torch.tensor({index}))))",
    ]
    if batch.y is not None:
        lines += ["c = y.float() if y.dim() > 1 else y"] if fields["c"] is None else _condition_lines(batch.y)
    return lines, ["from elbowroom.data import freeze"]


def _condition_lines(c: Tensor | None) -> list[str]:
    """Return the line that defines a condition."""
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
    """Return a Python expression for a tensor, exact to the bit."""
    if not values.is_floating_point():
        return f"torch.tensor({values.tolist()})"
    if values.numel() > MAX_NUMBERS:
        raise ValueError(f"{values.numel():,} numbers are too many to paste: save the npz, and read it with numpy")
    shape = ", ".join(map(str, values.shape))
    if values.numel() <= MAX_LITERAL_NUMBERS:
        flat = f"torch.tensor({_number_list(values.flatten())})"
        return flat if values.dim() == 1 else f"{flat}.reshape({shape})"
    encoded = base64.b64encode(values.contiguous().numpy().astype("<f4").tobytes()).decode()
    return f'torch.frombuffer(bytearray(base64.b64decode("{encoded}")), dtype=torch.float32).reshape({shape})'


def _number_list(values: Tensor) -> str:
    """Return numbers as a list literal with the fewest digits that are exact."""
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
    """Return a request as a command line, where there is one for it, and as a Python program."""
    body = json.parse_json(await request.body())
    if not isinstance(body, dict) or "do" not in body:
        raise ValueError(f"the field 'do' is missing: give one of {', '.join(WRITERS)}")
    name = str(body.pop("do"))[:40]
    if name not in WRITERS:
        raise errors.unknown_name("value of 'do'", name, WRITERS)
    command, python = await WRITERS[name](await SNIPPET_ENDPOINTS[name].parse_request(request, body))
    return json_response({"command": command, "python": python})


SNIPPET_ENDPOINTS: dict[str, Endpoint] = {
    name: endpoint
    for endpoint in (*models.ENDPOINTS, *latent_paths.ENDPOINTS)
    for name in WRITERS
    if endpoint.path == f"/api/{name}"
}
ROUTES: list[BaseRoute] = [Route("/api/code", get_snippets, methods=["POST"])]
