"""Encoder, decoder and sampler as ONNX, each run and compared with torch before it counts as written."""

from __future__ import annotations

import json
import logging
import os
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from elbowroom.exporting.modules import Decoder, Encoder, Sampler
from elbowroom.exporting.source import Told

#: How far what comes out may be from torch's, in the units of the largest value, or of one where all are smaller.
CLOSE = 1e-4
#: Examples on which they are compared.
COMPARED = 16
DESCRIPTION = "model.json"


class Part(NamedTuple):
    """One part of a model, ready to be written.

    Attributes:
        module: from tensors to tensors.
        inputs: by name, a batch of those it is compared on.
        outputs: the names of what comes out.
    """

    module: nn.Module
    inputs: dict[str, Tensor]
    outputs: tuple[str, ...]


class Checked(NamedTuple):
    """A file, and how far its outputs were from torch's at most.

    Attributes:
        path: of the file.
        difference: the largest of any output's numbers.
        examples: how many were compared.
    """

    path: Path
    difference: float
    examples: int


def write(told: Told, folder: Path) -> tuple[list[Checked], str]:
    """Write the parts a model has, and ``model.json`` beside them; all of them, or nothing.

    Args:
        told: the run.
        folder: for the files; made if it is not there.

    Returns:
        The files, and why one is missing; empty where all are there.

    Raises:
        ValueError: a part cannot be exported, or does not do what torch does; or a package or a permission is missing.
    """
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise ValueError(f"ONNX needs the package {error.name}: pip install 'elbowroom[onnx]'") from None
    parts, missing = _parts(told)
    made = not folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".writing-", dir=folder) as beside:
            written = [_written(name, part, Path(beside)) for name, part in parts.items()]
            _describe(told, parts, written, missing, Path(beside))
            for file in Path(beside).iterdir():
                os.replace(file, folder / file.name)
    except OSError as error:
        raise ValueError(
            f"cannot write to {folder} ({error.strerror or error}): give a folder you may write to"
        ) from None
    finally:
        if made and folder.is_dir() and not (folder / DESCRIPTION).exists():
            shutil.rmtree(folder)
    return [c._replace(path=folder / c.path.name) for c in written], missing


def _parts(told: Told) -> tuple[dict[str, Part], str]:
    model, n = told.model, COMPARED
    x, c = told.examples(n)
    given = {} if c is None else {"c": c}
    encoder = Encoder(model).eval()
    with torch.no_grad():
        z = encoder(x, *given.values())[0].reshape(-1, *model.latent_shape)
    parts = {
        "encoder": Part(encoder, {"x": x, **given}, encoder.outputs),
        "decoder": Part(Decoder(model).eval(), {"z": z, **given}, ("mean",)),
    }
    try:
        sampler = Sampler(model).eval()
    except ValueError as error:
        return parts, f"no sampler: {error}"
    eps = torch.randn(len(x), sampler.size, generator=torch.Generator().manual_seed(0))
    parts["sampler"] = Part(sampler, {"noise": eps, **given}, ("mean", "z"))
    return parts, ""


def _written(name: str, part: Part, folder: Path) -> Checked:
    path = folder / f"{name}.onnx"
    inputs = tuple(part.inputs.values())
    batch = torch.export.Dim("batch", min=1)
    try:
        with _quiet():
            # A batch of one would be taken for a size that never changes.
            exported = torch.export.export(
                part.module,
                tuple(t[:2] for t in inputs),
                dynamic_shapes=tuple({0: batch} for _ in inputs),
                strict=False,
            )
            program = torch.onnx.export(
                exported, dynamo=True, input_names=list(part.inputs), output_names=list(part.outputs), verbose=False
            )
            assert program is not None
            program.save(str(path), external_data=False)
    except Exception as error:  # whatever a network of one's own may do, and whatever of it ONNX lacks
        why = " ".join(str(error).split())[:200]
        raise ValueError(
            f"the {name} cannot be written as ONNX ({type(error).__name__}: {why}): nothing was left"
        ) from error
    return Checked(path, _compared(name, part, path), len(inputs[0]))


def _compared(name: str, part: Part, path: Path) -> float:
    """The largest difference between the file's outputs and torch's, on all examples together and on one alone."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    most = 0.0
    for n in (len(next(iter(part.inputs.values()))), 1):
        inputs = {key: t[:n].contiguous() for key, t in part.inputs.items()}
        with torch.no_grad():
            made = part.module(*inputs.values())
        wanted = made if isinstance(made, tuple) else (made,)
        found = session.run(None, {key: t.numpy() for key, t in inputs.items()})
        for output, got, want in zip(part.outputs, found, wanted, strict=True):
            difference = float((torch.from_numpy(got).double() - want.double()).abs().max())
            if got.shape != tuple(want.shape) or not difference <= CLOSE * max(1.0, float(want.abs().max())):
                raise ValueError(
                    f"the {name}'s '{output}' as ONNX is off by {difference:.2g} from torch's: nothing was left; "
                    "report it with this recipe.json"
                )
            most = max(most, difference)
    return most


def _describe(told: Told, parts: dict[str, Part], written: list[Checked], missing: str, folder: Path) -> None:
    """Shapes, names, preprocessing and hash, for whoever runs the files elsewhere."""
    described = {}
    for (name, part), checked in zip(parts.items(), written, strict=True):
        with torch.no_grad():
            made = part.module(*part.inputs.values())
        outputs = zip(part.outputs, made if isinstance(made, tuple) else (made,), strict=True)
        described[checked.path.name] = {
            "part": name,
            "inputs": {key: _form(t) for key, t in part.inputs.items()},
            "outputs": {key: _form(t) for key, t in outputs},
            "largest_difference_from_torch": checked.difference,
        }
    about: dict[str, Any] = {"files": described, "compared_on": told.compared(COMPARED), **told.about()}
    if missing:
        about["missing"] = missing
    text = json.dumps(about, indent=2, ensure_ascii=False)
    (folder / DESCRIPTION).write_text(text + "\n", encoding="utf-8")


def _form(t: Tensor) -> dict[str, Any]:
    return {"shape": ["batch", *t.shape[1:]], "type": str(t.dtype).removeprefix("torch.")}


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the exporter's own news, and in no autograd."""
    log = logging.getLogger("torch.onnx")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.setLevel(level)
