"""The explorer page: one HTML file that decodes latents by itself, with the decoder's graph and weights inside."""

from __future__ import annotations

import base64
import copy
from importlib.resources import files
from typing import Any

import torch
from torch import Tensor

from elbowroom.data.image import is_image
from elbowroom.exporting.description import weights_hash
from elbowroom.exporting.explorer_data import latent_data
from elbowroom.exporting.explorer_sampling import encode_float32
from elbowroom.exporting.exported_run import ExportedRun
from elbowroom.exporting.js.compile import compile_graph
from elbowroom.exporting.js.graph import MIN_WEIGHT_VALUES, Graph
from elbowroom.exporting.modules import Decoder, cycle_conditions
from elbowroom.reporting import summary
from elbowroom.web.render import render_page

#: The largest change of a value by half precision: a quarter of the distance between two of 256 levels.
MAX_HALF_ERROR = 1 / 1020
#: The number of latents on which the error of half precision is measured.
PRECISION_EXAMPLES = 64
#: The number of these latents that the page carries to compare itself with torch.
CHECK_EXAMPLES = 3
#: The facts of the report that the page shows, too.
SHOWN_FACTS = (
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


def render_explorer(view: ExportedRun, max_mb: float) -> tuple[str, str]:
    """Return the page as HTML, and size and precision of its weights in words.

    Args:
        view: the run.
        max_mb: the largest size of the weights, in megabytes.

    Raises:
        ValueError: the interpreter lacks an operation, or the weights are too large.
    """
    decoder = Decoder(view.model).eval()
    z, conditions = _precision_inputs(view)
    graph = compile_graph(decoder, [t[:1] for t in (z, *conditions)], ["z", "c"][: 1 + len(conditions)])
    with torch.no_grad():
        expected = decoder(z, *conditions)
    is_half, precision = _choose_precision(view, z, conditions, expected)
    weights = graph.weight_bytes(is_half)
    if len(weights) > max_mb * 1e6:
        raise ValueError(
            f"the decoder has {len(weights) / 1e6:.1f} MB of weights and a page takes {max_mb:g}: "
            "give a larger --max-mb, or export it with --onnx FOLDER"
        )
    size = f"{len(weights) / 1e6:.1f} MB" if len(weights) >= 1e6 else f"{len(weights) / 1e3:.0f} kB"
    weights_summary = f"{size} {precision}"
    data = _page_data(view, graph, is_half, z, conditions, expected)
    return _render(view, data, weights, weights_summary), weights_summary


def _precision_inputs(view: ExportedRun) -> tuple[Tensor, tuple[Tensor, ...]]:
    """Return latents of the data, or standard normals where there is none, with conditions."""
    model = view.model
    if view.missing_data_reason:
        z = torch.randn(PRECISION_EXAMPLES, *model.latent_shape, generator=torch.Generator().manual_seed(0))
    else:
        z = view.latents[:PRECISION_EXAMPLES].reshape(-1, *model.latent_shape)
    return z, cycle_conditions(model, len(z))


def _choose_precision(
    view: ExportedRun, z: Tensor, conditions: tuple[Tensor, ...], expected: Tensor
) -> tuple[bool, str]:
    """Return whether the weights are kept in half precision, and the precision in words.

    They are where that changes no value of the outputs by more than :data:`MAX_HALF_ERROR`, which no eye sees.
    """
    rounded = copy.deepcopy(view.model)
    for tensor in rounded.state_dict().values():
        if tensor.is_floating_point() and tensor.numel() >= MIN_WEIGHT_VALUES:
            tensor.copy_(tensor.half().float())
    with torch.no_grad():
        error = float((Decoder(rounded).eval()(z, *conditions) - expected).abs().max())
    if view.model.decoder.family.support == (0.0, 1.0) and error <= MAX_HALF_ERROR:
        return True, f"in half precision, which changes no value by more than {error:.1g}"
    return False, "in single precision"


def _page_data(
    view: ExportedRun, graph: Graph, is_half: bool, z: Tensor, conditions: tuple[Tensor, ...], expected: Tensor
) -> dict[str, Any]:
    return {
        "program": graph.to_dict(is_half),
        "shape": list(view.model.shape),
        "picture": is_image(view.model.shape),
        "check": [
            {"inputs": dict(zip(graph.inputs, map(encode_float32, one), strict=True)), "x": encode_float32(x)}
            for x, *one in zip(expected[:CHECK_EXAMPLES], z, *conditions, strict=False)
        ],
        "codes": latent_data(view),
        "condition": _condition_data(view),
        "name": summary.run_title(view.run),
    }


def _condition_data(view: ExportedRun) -> dict[str, Any] | None:
    """Return the names of a condition's values: one of several classes, or attributes that are each on or off."""
    n = view.model.condition_size
    if not n:
        return None
    names = view.attributes or view.classes
    return {"names": [names[i] if i < len(names) else str(i) for i in range(n)], "several": bool(view.attributes)}


def _render(view: ExportedRun, data: dict[str, Any], weights: bytes, weights_summary: str) -> str:
    run = view.run
    facts = [("weights", f"{weights_summary}; hash {weights_hash(view.model)}")]
    facts += [(tile.name, f"{tile.value} {tile.unit}, {tile.protocol}") for tile in summary.metric_tiles(run)]
    facts += [(name, value) for name, value in summary.run_facts(run) if name in SHOWN_FACTS]
    return render_page(
        "explorer",
        summary.run_title(run),
        data,
        scripts=[files("elbowroom.exporting.js").joinpath("interpreter.js").read_text(encoding="utf-8")],
        policy="worker-src blob:",
        sentence=summary.summary_sentence(view),
        missing_data_reason=view.missing_data_reason,
        facts=facts,
        weights=base64.b64encode(weights).decode(),
    )
