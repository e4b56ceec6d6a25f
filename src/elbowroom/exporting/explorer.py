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
from elbowroom.exporting.explorer_data import encode_float32, latent_data
from elbowroom.exporting.js.compile import compile_graph
from elbowroom.exporting.js.graph import MIN_WEIGHT_VALUES, Graph
from elbowroom.exporting.modules import Decoder, condition_size, cycle_conditions
from elbowroom.exporting.source import ExportSource
from elbowroom.plotting import is_image
from elbowroom.reporting import summary
from elbowroom.web.render import read_asset

#: A quarter of the distance between two of 256 levels: what half precision may move a value by.
MAX_HALF_ERROR = 1 / 1020
#: Codes on which half precision is judged, and of those, how many the page carries to compare itself with torch.
PRECISION_EXAMPLES, CHECK_EXAMPLES = 64, 3


def render_explorer(source: ExportSource, max_mb: float) -> tuple[str, str]:
    """The page as a text, and what its weights are in words.

    Raises:
        ValueError: the interpreter lacks an operation, or the weights are too many.
    """
    decoder = Decoder(source.model).eval()
    z, given = _precision_inputs(source)
    made = compile_graph(decoder, [t[:1] for t in (z, *given)], ["z", "c"][: 1 + len(given)])
    with torch.no_grad():
        wanted = decoder(z, *given)
    half, words = _choose_precision(source, z, given, wanted)
    stored = made.weight_bytes(half)
    if len(stored) > max_mb * 1e6:
        raise ValueError(
            f"the decoder has {len(stored) / 1e6:.1f} MB of weights and a page takes {max_mb:g}: "
            "give a larger --max-mb, or export it with --onnx FOLDER"
        )
    size = f"{len(stored) / 1e6:.1f} MB" if len(stored) >= 1e6 else f"{len(stored) / 1e3:.0f} kB"
    return _fill_template(
        source, _page_data(source, made, half, z, given, wanted), stored, f"{size} {words}"
    ), f"{size} {words}"


def _precision_inputs(source: ExportSource) -> tuple[Tensor, tuple[Tensor, ...]]:
    """Codes of the data, or standard normals where there is none, with conditions."""
    model = source.model
    if source.missing_data_reason:
        z = torch.randn(PRECISION_EXAMPLES, *model.latent_shape, generator=torch.Generator().manual_seed(0))
    else:
        z = source.view.latents[:PRECISION_EXAMPLES].reshape(-1, *model.latent_shape)
    return z, cycle_conditions(model, len(z))


def _choose_precision(
    source: ExportSource, z: Tensor, conditions: tuple[Tensor, ...], expected: Tensor
) -> tuple[bool, str]:
    """Whether the weights are kept in half precision, and why in words: where no eye sees what that moves."""
    rounded = copy.deepcopy(source.model)
    for tensor in rounded.state_dict().values():
        if tensor.is_floating_point() and tensor.numel() >= MIN_WEIGHT_VALUES:
            tensor.copy_(tensor.half().float())
    with torch.no_grad():
        moved = float((Decoder(rounded).eval()(z, *conditions) - expected).abs().max())
    if source.model.decoder.family.support == (0.0, 1.0) and moved <= MAX_HALF_ERROR:
        return True, f"in half precision, which moves no value by more than {moved:.1g}"
    return False, "in single precision"


def _page_data(
    source: ExportSource, graph: Graph, is_half: bool, z: Tensor, conditions: tuple[Tensor, ...], expected: Tensor
) -> dict[str, Any]:
    return {
        "program": graph.to_dict(is_half),
        "shape": list(source.model.shape),
        "picture": is_image(source.model.shape),
        "check": [
            {"inputs": dict(zip(graph.inputs, map(encode_float32, one), strict=True)), "x": encode_float32(x)}
            for x, *one in zip(expected[:CHECK_EXAMPLES], z, *conditions, strict=False)
        ],
        "codes": latent_data(source),
        "condition": _condition_data(source),
        "name": summary.run_title(source.view.run),
    }


def _condition_data(source: ExportSource) -> dict[str, Any] | None:
    """What a decoded code is given, beside it: a class out of several, or attributes each on or off."""
    n = condition_size(source.model)
    if not n:
        return None
    data = None if source.missing_data_reason else source.view.data
    named = data and data.attributes
    names = (named or (data and data.classes) or ()) if data else ()
    return {"names": [str(names[i]) if i < len(names) else str(i) for i in range(n)], "several": bool(named)}


def _fill_template(source: ExportSource, data: dict[str, Any], weights: bytes, weights_text: str) -> str:
    css, js, html = (
        read_asset(name) for name in ("static/explorer.css", "static/explorer.js", "templates/explorer.html")
    )
    script = files("elbowroom.exporting.js").joinpath("interpreter.js").read_text(encoding="utf-8") + js
    run = source.view.run
    figures = [(f.name, f"{f.value} {f.unit}, {f.protocol}") for f in summary.metric_tiles(run)]
    facts = [("weights", f"{weights_text}; hash {source.weights_hash}"), *figures, *_kept_facts(source)]
    fill = {
        "title": escape(summary.run_title(run)),
        "sentence": escape(summary.summary_sentence(source.view)),
        "without": escape(source.missing_data_reason),
        "facts": "".join(f"<dt>{escape(k)}</dt><dd>{escape(v)}</dd>" for k, v in facts),
        "foot": escape(f"elbowroom {__version__}, {datetime.now(UTC):%d %B %Y, %H:%M} UTC"),
        "data": json.dumps(data, separators=(",", ":"), ensure_ascii=False).replace("<", "\\u003c"),
        "weights": base64.b64encode(weights).decode(),
        "css": css,
        "js": script,
        "policy": (
            f"default-src 'none'; style-src '{_csp_hash(css)}'; style-src-attr 'unsafe-inline'; "
            f"script-src '{_csp_hash(script)}'; worker-src blob:; base-uri 'none'; form-action 'none'"
        ),
    }
    return Template(html).substitute(fill)


#: Of the report's facts, those that a page which is handed on needs.
_KEPT_FACTS = (
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


def _kept_facts(source: ExportSource) -> list[tuple[str, str]]:
    return [(name, value) for name, value in summary.run_facts(source.view.run) if name in _KEPT_FACTS]


def _csp_hash(text: str) -> str:
    """What a content security policy knows a style or a script by."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
