"""The explorer: one HTML file that decodes by itself, with the decoder's weights inside."""

from __future__ import annotations

import base64
import copy
import hashlib
import json
from datetime import UTC, datetime
from html import escape
from importlib.resources import files
from string import Template
from typing import Any

import torch
from torch import Tensor

from elbowroom import __version__
from elbowroom.exporting.explorer_data import codes, encoded
from elbowroom.exporting.js.compile import program
from elbowroom.exporting.js.graph import LARGE, Program
from elbowroom.exporting.modules import Decoder, condition, conditions
from elbowroom.exporting.source import Told
from elbowroom.plotting import is_picture
from elbowroom.reporting import summary
from elbowroom.web.render import read_asset

#: A quarter of the distance between two of 256 levels: what half precision may move a value by.
UNSEEN = 1 / 1020
#: Codes on which half precision is judged, and of those, how many the page carries to compare itself with torch.
JUDGED, CARRIED = 64, 3


def page(told: Told, max_mb: float) -> tuple[str, str]:
    """The page as a text, and what its weights are in words.

    Raises:
        ValueError: the interpreter lacks an operation, or the weights are too many.
    """
    decoder = Decoder(told.model).eval()
    z, given = _judged(told)
    made = program(decoder, [t[:1] for t in (z, *given)], ["z", "c"][: 1 + len(given)])
    with torch.no_grad():
        wanted = decoder(z, *given)
    half, words = _precision(told, z, given, wanted)
    stored = made.weights(half)
    if len(stored) > max_mb * 1e6:
        raise ValueError(
            f"the decoder has {len(stored) / 1e6:.1f} MB of weights and a page takes {max_mb:g}: "
            "give a larger --max-mb, or export it with --onnx FOLDER"
        )
    size = f"{len(stored) / 1e6:.1f} MB" if len(stored) >= 1e6 else f"{len(stored) / 1e3:.0f} kB"
    return _filled(told, _data(told, made, half, z, given, wanted), stored, f"{size} {words}"), f"{size} {words}"


def _judged(told: Told) -> tuple[Tensor, tuple[Tensor, ...]]:
    """Codes of the data, or standard normals where there is none, with conditions."""
    model = told.model
    if told.without_data:
        z = torch.randn(JUDGED, *model.latent_shape, generator=torch.Generator().manual_seed(0))
    else:
        z = told.look.codes[:JUDGED].reshape(-1, *model.latent_shape)
    return z, condition(model, len(z))


def _precision(told: Told, z: Tensor, given: tuple[Tensor, ...], wanted: Tensor) -> tuple[bool, str]:
    """Whether the weights are kept in half precision, and why in words: where no eye sees what that moves."""
    rounded = copy.deepcopy(told.model)
    for tensor in rounded.state_dict().values():
        if tensor.is_floating_point() and tensor.numel() >= LARGE:
            tensor.copy_(tensor.half().float())
    with torch.no_grad():
        moved = float((Decoder(rounded).eval()(z, *given) - wanted).abs().max())
    if told.model.decoder.family.support == (0.0, 1.0) and moved <= UNSEEN:
        return True, f"in half precision, which moves no value by more than {moved:.1g}"
    return False, "in single precision"


def _data(
    told: Told, made: Program, half: bool, z: Tensor, given: tuple[Tensor, ...], wanted: Tensor
) -> dict[str, Any]:
    return {
        "program": made.told(half),
        "shape": list(told.model.shape),
        "picture": is_picture(told.model.shape),
        "check": [
            {"inputs": dict(zip(made.inputs, map(encoded, one), strict=True)), "x": encoded(x)}
            for x, *one in zip(wanted[:CARRIED], z, *given, strict=False)
        ],
        "codes": codes(told),
        "condition": _condition(told),
        "name": summary.title(told.look.run),
    }


def _condition(told: Told) -> dict[str, Any] | None:
    """What a decoded code is given, beside it: a class out of several, or attributes each on or off."""
    n = conditions(told.model)
    if not n:
        return None
    data = None if told.without_data else told.look.data
    named = data and data.attributes
    names = (named or (data and data.classes) or ()) if data else ()
    return {"names": [str(names[i]) if i < len(names) else str(i) for i in range(n)], "several": bool(named)}


def _filled(told: Told, data: dict[str, Any], stored: bytes, words: str) -> str:
    css, js, html = (
        read_asset(name) for name in ("static/explorer.css", "static/explorer.js", "templates/explorer.html")
    )
    script = files("elbowroom.exporting.js").joinpath("interpreter.js").read_text(encoding="utf-8") + js
    run = told.look.run
    figures = [(f.name, f"{f.value} {f.unit}, {f.how}") for f in summary.figures(run)]
    facts = [("weights", f"{words}; hash {told.hash}"), *figures, *_facts(told)]
    fill = {
        "title": escape(summary.title(run)),
        "sentence": escape(summary.sentence(told.look)),
        "without": escape(told.without_data),
        "facts": "".join(f"<dt>{escape(k)}</dt><dd>{escape(v)}</dd>" for k, v in facts),
        "foot": escape(f"elbowroom {__version__}, {datetime.now(UTC):%d %B %Y, %H:%M} UTC"),
        "data": json.dumps(data, separators=(",", ":"), ensure_ascii=False).replace("<", "\\u003c"),
        "weights": base64.b64encode(stored).decode(),
        "css": css,
        "js": script,
        "policy": (
            f"default-src 'none'; style-src '{_hash(css)}'; style-src-attr 'unsafe-inline'; "
            f"script-src '{_hash(script)}'; worker-src blob:; base-uri 'none'; form-action 'none'"
        ),
    }
    return Template(html).substitute(fill)


#: Of the report's facts, those that a page which is handed on needs.
_KEPT = (
    "recipe",
    "arguments",
    "objective",
    "parameters",
    "data",
    "preprocessing",
    "asked for",
    "optimiser",
    "seed",
    "versions",
)


def _facts(told: Told) -> list[tuple[str, str]]:
    return [(name, value) for name, value in summary.facts(told.look.run) if name in _KEPT]


def _hash(text: str) -> str:
    """What a content security policy knows a style or a script by."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
