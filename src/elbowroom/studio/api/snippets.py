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
from elbowroom.studio.api.endpoint import Asking, Call
from elbowroom.studio.http import json
from elbowroom.studio.http.json import ok
from elbowroom.studio.services.loaded_model import Opened

#: Characters of a command line, and of numbers in a program, at most.
LINE, NUMBERS = 100_000, 400_000
#: Numbers that are written out; more are written as bytes.
WRITTEN = 64
Both = tuple[str | None, str]


async def sample(asking: Asking) -> Both:
    """Of draws from the prior."""
    given, opened = asking.given, asking.opened
    n, seed, t = given["n"], given["seed"], given["temperature"]
    c = inputs.conditions(opened, given["c"], n)
    lines = [*_given(c), f"torch.manual_seed({seed})", "with torch.no_grad():", f"    z = model.draw_prior({n}{_c(c)})"]
    if t != 1:
        centre = models.centre(opened, c)
        plain = isinstance(centre, float) or not bool(centre.any())
        condition = "" if c is None or opened.turns else "model.condition(c)"
        lines.append(f"    z = {t} * z" if plain else f"    z = {t} * z + {1 - t} * model.prior({condition}).mean")
    lines.append(f"    x = model.decode(z{_c(c)}).mean")
    words = None if t != 1 else _label(opened, given["c"], n)
    line = None if words is None else ["sample", "-n", str(n), "--seed", str(seed), *words]
    return _command(opened, line, given, "samples"), _python(opened, lines)


async def decode(asking: Asking) -> Both:
    """Of codes, decoded."""
    z = inputs.codes(asking.opened, asking.given["z"])
    return _decoded(asking, z, asking.given["c"], "decoded", [f"z = {_tensor(z)}"])


async def interpolate(asking: Asking) -> Both:
    """Of the way between two codes."""
    given, opened = asking.given, asking.opened
    latent_paths.must_be_continuous(opened)
    (a, own), (b, _) = [await latent_paths.end(asking, name) for name in ("a", "b")]
    t = torch.linspace(0, 1, given["steps"])
    if given["path"] not in PATHS:
        raise errors.unknown("path", given["path"][:20], PATHS)
    z = PATHS[given["path"]](a.flatten(), b.flatten(), t).unflatten(1, opened.model.latent_shape)
    c = given["c"] if given["c"] is not None or own is None else own[0].tolist()
    lines = [
        f"a = {_tensor(a.flatten())}",
        f"b = {_tensor(b.flatten())}",
        f"z = {given['path']}(a, b, torch.linspace(0, 1, {given['steps']})).reshape(-1, *model.latent_shape)",
    ]
    first = inputs.conditions(opened, c, 1)
    c = c if first is None or c is not None else first[0].tolist()
    return _decoded(asking, z, c, "interpolation", lines, [f"from elbowroom.latent import {given['path']}"])


async def traverse(asking: Asking) -> Both:
    """Of one dimension moved at a time."""
    given, opened = asking.given, asking.opened
    latent_paths.must_be_continuous(opened)
    z, dims, steps = latent_paths.to_traverse(asking)
    c = inputs.conditions(opened, given["c"], 1)
    told = None if c is None else c[0]
    moved = z.flatten().repeat(len(dims), len(steps), 1)
    for row, dim in enumerate(dims):
        moved[row, :, dim] += steps
    lines = [
        f"z = {_tensor(z)}",
        *([] if told is None else [f"c = {_tensor(told)}"]),
        f"x = traversal(model, z, {dims}, {_numbers(steps)}{_c(c)})",
    ]
    codes = moved.reshape(-1, *opened.model.latent_shape)
    line = _decode_line(opened, codes, None if told is None else told.tolist())
    python = _python(opened, lines, ["from elbowroom.latent import traversal"])
    return _command(opened, line, given, "traversal"), python


async def encode(asking: Asking) -> Both:
    """Of examples, encoded."""
    batch = await inputs.examples(asking)
    line = _reconstruct_line(asking, batch)
    asking.given["format"] = "npz"
    lines, imports = _examples(asking, batch)
    lines.append(f"z = model.encode(x{_c(batch.y)})")
    return _command(asking.opened, line, asking.given, "encoded"), _python(asking.opened, lines, imports)


async def reconstruct(asking: Asking) -> Both:
    """Of examples, reconstructed."""
    batch = await inputs.examples(asking)
    lines, imports = _examples(asking, batch)
    lines.append(f"x = model.reconstruct(x{_c(batch.y)})")
    line = _reconstruct_line(asking, batch)
    return _command(asking.opened, line, asking.given, "reconstructed"), _python(asking.opened, lines, imports)


def _decoded(asking: Asking, z: Tensor, given: Any, name: str, lines: list[str], imports: Iterable[str] = ()) -> Both:
    opened = asking.opened
    c = inputs.conditions(opened, given, len(z))
    lines = [*lines, *_given(c), f"x = model.sample(z=z{_c(c)})"]
    return _command(opened, _decode_line(opened, z, given), asking.given, name), _python(opened, lines, imports)


def _decode_line(opened: Opened, z: Tensor, given: Any) -> list[str] | None:
    words = _label(opened, given, len(z))
    codes = "; ".join(",".join(map(str, row)) for row in z.flatten(1).numpy())
    return None if words is None else ["sample", f"--z={codes}", *words]


def _reconstruct_line(asking: Asking, batch: Batch) -> list[str] | None:
    """The command line takes the first examples of a split as they are given out."""
    given, opened = asking.given, asking.opened
    if given["index"] is None or given["c"] is not None or batch.index.tolist() != list(range(len(batch.index))):
        return None
    name, _ = opened.split(given["split"])
    if getattr(opened.data.splits[name], "redraw", False):
        return None
    return ["reconstruct", "--split", name, "-n", str(len(batch.index))]


def _label(opened: Opened, given: Any, n: int) -> list[str] | None:
    """A condition as the command line has it; None where it has no way to say it."""
    told = opened.given
    if told is None or (given is None and opened.turns):
        return []
    if opened.why:
        return None
    if isinstance(given, list):
        data = opened.data
        if told.kind != "attributes" or data.attributes is None or any(set("=,") & set(name) for name in told.names):
            return None
        values = np.asarray(given, np.float32)
        return ["--label", ",".join(f"{name}={value}" for name, value in zip(told.names, values, strict=True))]
    names = told.names if given is None else (told.names[int(given)],)
    return None if any("," in name or "=" in name for name in names) else ["--label", ",".join(names)]


def _command(opened: Opened, line: list[str] | None, given: dict[str, Any], name: str) -> str | None:
    if line is None:
        return None
    ending = "png" if given.get("format") in ("png", "gif") else "npz"
    words, rest = line[:1], line[1:]
    text = shlex.join(["elbowroom", *words, str(opened.run.path), *rest, "--out", f"{name}.{ending}"])
    return text if len(text) <= LINE else None


def _python(opened: Opened, lines: list[str], imports: Iterable[str] = ()) -> str:
    imports = list(imports)
    head = ["import base64", ""] if any("base64." in line for line in lines) else []
    load = [] if any(line.startswith("run = ") for line in lines) else [f"model = er.load({str(opened.run.path)!r})"]
    text = [*head, "import torch", "", "import elbowroom as er", *imports, "", *load, *lines]
    return "\n".join(text) + "\n"


def _examples(asking: Asking, batch: Batch) -> tuple[list[str], list[str]]:
    """Lines that make x, and c if the model is told any, from the run's data or from numbers; and their imports."""
    given, opened = asking.given, asking.opened
    if given["index"] is None:
        return [f"x = {_tensor(batch.x)}", *_given(batch.y)], []
    name, _ = opened.split(given["split"])
    index = batch.index.tolist()
    lines = [
        f"run = er.Run({str(opened.run.path)!r})",
        "model = run.model()",
        f"split = still(run.data().{name}, 0)",
        f"x, y, _ = next(iter(split.batches({len(index)}, torch.tensor({index}))))",
    ]
    if batch.y is not None:
        lines += ["c = y.float() if y.dim() > 1 else y"] if given["c"] is None else _given(batch.y)
    return lines, ["from elbowroom.data import still"]


def _given(c: Tensor | None) -> list[str]:
    """The line that makes a condition."""
    if c is None:
        return []
    if c.dim() > 1 and bool((c == c[0]).all()):
        return [f"c = {_tensor(c[0])}.expand({len(c)}, -1)"]
    if c.dim() == 1 and bool((c == c[0]).all()):
        return [f"c = torch.full(({len(c)},), {int(c[0])})"]
    return [f"c = torch.tensor({c.tolist()})"]


def _c(c: Tensor | None) -> str:
    return "" if c is None else ", c=c"


def _tensor(values: Tensor) -> str:
    """The expression that makes these numbers again, bit for bit."""
    if not values.is_floating_point():
        return f"torch.tensor({values.tolist()})"
    if values.numel() > NUMBERS:
        raise ValueError(f"{values.numel():,} numbers are too many to paste: save the npz, and read it with numpy")
    shape = "".join(f"{side}, " for side in values.shape).rstrip()
    if values.numel() <= WRITTEN:
        flat = f"torch.tensor({_numbers(values.flatten())})"
        return flat if values.dim() == 1 else f"{flat}.reshape({shape.rstrip(',')})"
    held = base64.b64encode(values.contiguous().numpy().astype("<f4").tobytes()).decode()
    return f'torch.frombuffer(bytearray(base64.b64decode("{held}")), dtype=torch.float32).reshape({shape.rstrip(",")})'


def _numbers(values: Tensor) -> str:
    """Numbers in as few digits as make the same again."""
    return "[" + ", ".join(str(value) for value in values.numpy()) + "]"


WRITERS: dict[str, Callable[[Asking], Any]] = {
    "sample": sample,
    "decode": decode,
    "interpolate": interpolate,
    "traverse": traverse,
    "encode": encode,
    "reconstruct": reconstruct,
}


async def code(request: Request) -> Response:
    """What was asked for as a command line, where there is one for it, and as Python."""
    given = json.parsed(await request.body())
    if not isinstance(given, dict) or "do" not in given:
        raise ValueError(f"the field 'do' is missing: give one of {', '.join(WRITERS)}")
    do = str(given.pop("do"))[:40]
    if do not in WRITERS:
        raise errors.unknown("thing to do", do, WRITERS)
    asking = await CALLS[do].asking(request, given)
    command, python = await WRITERS[do](asking)
    return ok({"command": command, "python": python})


CALLS: dict[str, Call] = {
    do: call for call in (*models.CALLS, *latent_paths.CALLS) for do in WRITERS if call.path == f"/api/{do}"
}
ROUTES: list[BaseRoute] = [Route("/api/code", code, methods=["POST"])]
