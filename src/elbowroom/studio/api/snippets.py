"""Code snippets: the command line and the Python program that give the same result as a request."""

from __future__ import annotations

import base64
import shlex
from collections.abc import Iterable
from typing import Annotated, Any

import msgspec
import numpy as np
from msgspec import Meta
from torch import Tensor

from elbowroom import errors
from elbowroom.data import Batch
from elbowroom.studio.api import inputs
from elbowroom.studio.api.endpoint import ENDPOINTS, ApiRequest, ModelRequest, RunFields, Snippets, endpoint
from elbowroom.studio.api.inputs import ExampleFields
from elbowroom.studio.http.json import parse_json
from elbowroom.studio.services.loaded_model import LoadedModel

#: Length of a command line; there is none if it would be longer.
MAX_COMMAND_CHARS = 100_000
#: Numbers in one tensor of a program.
MAX_NUMBERS = 400_000
#: Numbers that are written as literals; more are written as base64.
MAX_LITERAL_NUMBERS = 64
#: Endings of the files that a command writes in place of a format; of any other, npz.
FILE_SUFFIXES = {"png": "png", "gif": "png", "csv": "csv"}


def file_name(stem: str, output_format: str) -> str:
    """Return the name of the file that a command writes.

    >>> file_name("samples", "gif"), file_name("samples", "csv"), file_name("samples", "json")
    ('samples.png', 'samples.csv', 'samples.npz')
    """
    return f"{stem}.{FILE_SUFFIXES.get(output_format, 'npz')}"


def examples_snippets(request: ModelRequest[ExampleFields], batch: Batch, last_line: str, name: str) -> Snippets:
    """Return the snippets of a function of examples, of which ``last_line`` is the call."""
    lines, imports = _example_lines(request, batch)
    command = format_command(request.loaded, _reconstruct_words(request, batch), name)
    return command, format_python(request.loaded, [*lines, last_line], imports)


def latents_snippets(
    loaded: LoadedModel, z: Tensor, condition: Any, name: str, lines: list[str], imports: Iterable[str] = ()
) -> Snippets:
    """Return the snippets of decoded latents, which ``lines`` define."""
    c = inputs.parse_conditions(loaded, condition, len(z))
    mean = ", draw=False" if loaded.model.samples_are_draws else ""
    lines = [*lines, *condition_lines(c), f"x = model.sample(z=z{condition_argument(c)}{mean})"]
    command = format_command(loaded, decode_words(loaded, z, condition), name)
    return command, format_python(loaded, lines, imports)


def decode_words(loaded: LoadedModel, z: Tensor, condition: Any) -> list[str] | None:
    """Return the command line's words that decode latents; None where it has none for the condition."""
    words = label_words(loaded, condition)
    latents = "; ".join(",".join(map(str, row)) for row in z.flatten(1).numpy())
    mean = ["--mean"] if loaded.model.samples_are_draws else []
    return None if words is None else ["sample", f"--z={latents}", *mean, *words]


def _reconstruct_words(request: ModelRequest[ExampleFields], batch: Batch) -> list[str] | None:
    """The command line only takes the first examples of a split, without changes: None for any others."""
    fields, loaded = request.fields, request.loaded
    if fields.index is None or fields.c is not None or batch.index.tolist() != list(range(len(batch.index))):
        return None
    name, _ = loaded.get_split(fields.split)
    if getattr(loaded.data.splits[name], "is_stochastic", False):
        return None
    return ["reconstruct", "--split", name, "-n", str(len(batch.index))]


def label_words(loaded: LoadedModel, condition: Any) -> list[str] | None:
    """Return the command line's words for a condition; None where it has none for it."""
    spec = loaded.condition_spec
    if spec is None or (condition is None and loaded.can_cycle_classes):
        return []
    if isinstance(condition, list):
        are_ambiguous = any(set("=,") & set(name) for name in spec.names)
        if spec.kind != "attributes" or not loaded.attributes or are_ambiguous:
            return None
        values = np.asarray(condition, np.float32)
        return ["--label", ",".join(f"{name}={value}" for name, value in zip(spec.names, values, strict=True))]
    names = spec.names if condition is None else (spec.names[int(condition)],)
    return None if any("," in name or "=" in name for name in names) else ["--label", ",".join(names)]


def format_command(loaded: LoadedModel, command_words: list[str] | None, name: str) -> str | None:
    """Return the command line that writes this file; None where there is none, or it would be too long."""
    if command_words is None:
        return None
    verb, options = command_words[:1], command_words[1:]
    command = shlex.join(["elbowroom", *verb, str(loaded.run.path), *options, "--out", name])
    return command if len(command) <= MAX_COMMAND_CHARS else None


def format_python(loaded: LoadedModel, lines: list[str], imports: Iterable[str] = ()) -> str:
    """Return the program of these lines, which may use ``model``."""
    head = ["import base64", ""] if any("base64." in line for line in lines) else []
    load = (
        []
        if any(line.startswith(("run = ", "model = ")) for line in lines)
        else [f"model = er.load({str(loaded.run.path)!r})"]
    )
    program = [*head, "import torch", "", "import elbowroom as er", *imports, "", *load, *lines]
    return "\n".join(program) + "\n"


def _example_lines(request: ModelRequest[ExampleFields], batch: Batch) -> tuple[list[str], list[str]]:
    """Return the lines that define x, and c for a conditional model, and the imports they need."""
    fields, loaded = request.fields, request.loaded
    if fields.index is None:
        return [f"x = {tensor_expression(batch.x)}", *condition_lines(batch.y)], []
    name, _ = loaded.get_split(fields.split)
    index = batch.index.tolist()
    lines = [
        f"run = er.Run({str(loaded.run.path)!r})",
        "model = run.model()",
        f"split = freeze(run.data().{name}, 0)",
        f"x, y, _ = next(iter(split.batches({len(index)}, torch.tensor({index}))))",
    ]
    if batch.y is not None:
        lines += ["c = y.float() if y.dim() > 1 else y"] if fields.c is None else condition_lines(batch.y)
    return lines, ["from elbowroom.data import freeze"]


def condition_lines(c: Tensor | None) -> list[str]:
    """Return the line that defines a condition."""
    if c is None:
        return []
    if c.dim() > 1 and bool((c == c[0]).all()):
        return [f"c = {tensor_expression(c[0])}.expand({len(c)}, -1)"]
    if c.dim() == 1 and bool((c == c[0]).all()):
        return [f"c = torch.full(({len(c)},), {int(c[0])})"]
    return [f"c = torch.tensor({c.tolist()})"]


def condition_argument(c: Tensor | None) -> str:
    """Return the argument that passes a condition on."""
    return "" if c is None else ", c=c"


def tensor_expression(values: Tensor) -> str:
    """Return a Python expression for a tensor, exact to the bit."""
    if not values.is_floating_point():
        return f"torch.tensor({values.tolist()})"
    if values.numel() > MAX_NUMBERS:
        raise ValueError(f"{values.numel():,} numbers are too many to paste: save the npz, and read it with numpy")
    shape = ", ".join(map(str, values.shape))
    if values.numel() <= MAX_LITERAL_NUMBERS:
        flat = f"torch.tensor({number_list(values.flatten())})"
        return flat if values.dim() == 1 else f"{flat}.reshape({shape})"
    encoded = base64.b64encode(values.contiguous().numpy().astype("<f4").tobytes()).decode()
    return f'torch.frombuffer(bytearray(base64.b64decode("{encoded}")), dtype=torch.float32).reshape({shape})'


def number_list(values: Tensor) -> str:
    """Return numbers as a list literal with the fewest digits that are exact."""
    return "[" + ", ".join(str(value) for value in values.numpy()) + "]"


class SnippetFields(RunFields, forbid_unknown_fields=False):
    """The fields of a request for snippets, and those of the endpoint."""

    do: Annotated[str, Meta(description="the name of an endpoint; the other fields are those of that endpoint")]


class SnippetTexts(msgspec.Struct):
    """A request as text."""

    command: Annotated[str | None, Meta(description="command line; null where the command line cannot do it")]
    python: Annotated[str, Meta(description="program")]


@endpoint("/api/code", "POST", example={"do": "sample", "n": 4})
async def get_snippets(request: ApiRequest[SnippetFields]) -> SnippetTexts:
    """The command line and the Python program that give the same result, ready to be pasted."""
    writers = {item.name: (item, item.snippets) for item in ENDPOINTS.values() if item.snippets}
    name = request.fields.do
    if name not in writers:
        raise errors.unknown_name("value of 'do'", name[:40], writers)
    values = parse_json(await request.http.body())
    del values["do"]
    item, write_snippets = writers[name]
    command, python = await write_snippets(await item.parse_request(request.http, values))
    return SnippetTexts(command, python)
