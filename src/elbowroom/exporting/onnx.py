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

from elbowroom.exporting.modules import Decoder, Encoder, PriorSampler
from elbowroom.exporting.source import ExportSource

#: How far what comes out may be from torch's, in the units of the largest value, or of one where all are smaller.
MAX_RELATIVE_ERROR = 1e-4
#: Examples on which they are compared.
COMPARED_EXAMPLES = 16
DESCRIPTION_FILE = "model.json"


class OnnxComponent(NamedTuple):
    """One part of a model, ready to be written.

    Attributes:
        module: from tensors to tensors.
        inputs: by name, a batch of those it is compared on.
        outputs: the names of what comes out.
    """

    module: nn.Module
    inputs: dict[str, Tensor]
    outputs: tuple[str, ...]


class CheckedFile(NamedTuple):
    """A file, and how far its outputs were from torch's at most.

    Attributes:
        path: of the file.
        max_difference: the largest of any output's numbers.
        n_examples: how many were compared.
    """

    path: Path
    max_difference: float
    n_examples: int


def write_onnx(source: ExportSource, folder: Path) -> tuple[list[CheckedFile], str]:
    """Write the parts a model has, and ``model.json`` beside them; all of them, or nothing.

    Args:
        source: the run.
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
    parts, missing = _components(source)
    made = not folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".writing-", dir=folder) as beside:
            written = [_write_component(name, part, Path(beside)) for name, part in parts.items()]
            _write_description(source, parts, written, missing, Path(beside))
            for file in Path(beside).iterdir():
                os.replace(file, folder / file.name)
    except OSError as error:
        raise ValueError(
            f"cannot write to {folder} ({error.strerror or error}): give a folder you may write to"
        ) from None
    finally:
        if made and folder.is_dir() and not (folder / DESCRIPTION_FILE).exists():
            shutil.rmtree(folder)
    return [c._replace(path=folder / c.path.name) for c in written], missing


def _components(source: ExportSource) -> tuple[dict[str, OnnxComponent], str]:
    model, n = source.model, COMPARED_EXAMPLES
    x, c = source.examples(n)
    given = {} if c is None else {"c": c}
    encoder = Encoder(model).eval()
    with torch.no_grad():
        z = encoder(x, *given.values())[0].reshape(-1, *model.latent_shape)
    parts = {
        "encoder": OnnxComponent(encoder, {"x": x, **given}, encoder.outputs),
        "decoder": OnnxComponent(Decoder(model).eval(), {"z": z, **given}, ("mean",)),
    }
    try:
        sampler = PriorSampler(model).eval()
    except ValueError as error:
        return parts, f"no sampler: {error}"
    eps = torch.randn(len(x), sampler.noise_size, generator=torch.Generator().manual_seed(0))
    parts["sampler"] = OnnxComponent(sampler, {"noise": eps, **given}, ("mean", "z"))
    return parts, ""


def _write_component(name: str, component: OnnxComponent, folder: Path) -> CheckedFile:
    path = folder / f"{name}.onnx"
    inputs = tuple(component.inputs.values())
    batch = torch.export.Dim("batch", min=1)
    try:
        with _silence_exporter():
            # A batch of one would be taken for a size that never changes.
            exported = torch.export.export(
                component.module,
                tuple(t[:2] for t in inputs),
                dynamic_shapes=tuple({0: batch} for _ in inputs),
                strict=False,
            )
            program = torch.onnx.export(
                exported,
                dynamo=True,
                input_names=list(component.inputs),
                output_names=list(component.outputs),
                verbose=False,
            )
            assert program is not None
            program.save(str(path), external_data=False)
    except Exception as error:  # whatever a network of one's own may do, and whatever of it ONNX lacks
        why = " ".join(str(error).split())[:200]
        raise ValueError(
            f"the {name} cannot be written as ONNX ({type(error).__name__}: {why}): nothing was left"
        ) from error
    return CheckedFile(path, _compare_with_torch(name, component, path), len(inputs[0]))


def _compare_with_torch(name: str, component: OnnxComponent, path: Path) -> float:
    """The largest difference between the file's outputs and torch's, on all examples together and on one alone."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    most = 0.0
    for n in (len(next(iter(component.inputs.values()))), 1):
        inputs = {key: t[:n].contiguous() for key, t in component.inputs.items()}
        with torch.no_grad():
            made = component.module(*inputs.values())
        wanted = made if isinstance(made, tuple) else (made,)
        found = session.run(None, {key: t.numpy() for key, t in inputs.items()})
        for output, got, want in zip(component.outputs, found, wanted, strict=True):
            difference = float((torch.from_numpy(got).double() - want.double()).abs().max())
            if got.shape != tuple(want.shape) or not difference <= MAX_RELATIVE_ERROR * max(
                1.0, float(want.abs().max())
            ):
                raise ValueError(
                    f"the {name}'s '{output}' as ONNX is off by {difference:.2g} from torch's: nothing was left; "
                    "report it with this recipe.json"
                )
            most = max(most, difference)
    return most


def _write_description(
    source: ExportSource, components: dict[str, OnnxComponent], written: list[CheckedFile], missing: str, folder: Path
) -> None:
    """Shapes, names, preprocessing and hash, for whoever runs the files elsewhere."""
    described = {}
    for (name, part), checked in zip(components.items(), written, strict=True):
        with torch.no_grad():
            made = part.module(*part.inputs.values())
        outputs = zip(part.outputs, made if isinstance(made, tuple) else (made,), strict=True)
        described[checked.path.name] = {
            "part": name,
            "inputs": {key: _tensor_spec(t) for key, t in part.inputs.items()},
            "outputs": {key: _tensor_spec(t) for key, t in outputs},
            "largest_difference_from_torch": checked.max_difference,
        }
    about: dict[str, Any] = {
        "files": described,
        "compared_on": source.describe_examples(COMPARED_EXAMPLES),
        **source.description(),
    }
    if missing:
        about["missing"] = missing
    text = json.dumps(about, indent=2, ensure_ascii=False)
    (folder / DESCRIPTION_FILE).write_text(text + "\n", encoding="utf-8")


def _tensor_spec(t: Tensor) -> dict[str, Any]:
    return {"shape": ["batch", *t.shape[1:]], "type": str(t.dtype).removeprefix("torch.")}


@contextmanager
def _silence_exporter() -> Iterator[None]:
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
