"""Export of encoder, decoder and sampler to ONNX, each compared with torch by onnxruntime."""

from __future__ import annotations

import json
import logging
import shutil
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr
from io import StringIO
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from elbowroom.exporting.description import describe_inputs, describe_run, example_inputs
from elbowroom.exporting.exported_run import ExportedRun
from elbowroom.exporting.modules import Decoder, Encoder, NoiseDecoder
from elbowroom.samplers import PRIOR, parse
from elbowroom.serialization import atomic_path

#: The largest difference of an output from torch's, relative to its largest value, or to 1 where that is smaller.
MAX_RELATIVE_ERROR = 1e-4
#: The number of examples on which the outputs are compared.
COMPARED_EXAMPLES = 16
#: The file with names, shapes and preprocessing.
DESCRIPTION_FILE = "model.json"
#: Characters of the exporter's message that an error repeats.
MAX_REASON_CHARS = 200
#: Where torch logs what it cannot make a graph of.
EXPORTER_LOGS = ("torch.onnx", "torch.fx.experimental.symbolic_shapes")


class OnnxComponent(NamedTuple):
    """A component of a model, ready to be written.

    Attributes:
        module: a module from tensors to tensors.
        inputs: a batch of each input by its name, on which the outputs are compared.
        outputs: the names of the outputs.
    """

    def run(self, n: int) -> tuple[Tensor, ...]:
        """Return the module's outputs for the first n examples, computed by torch."""
        with torch.no_grad():
            output = self.module(*(t[:n].contiguous() for t in self.inputs.values()))
        return output if isinstance(output, tuple) else (output,)

    module: nn.Module
    inputs: dict[str, Tensor]
    outputs: tuple[str, ...]


class CheckedFile(NamedTuple):
    """A file that was compared with torch.

    Attributes:
        path: the file.
        max_difference: the largest absolute difference of an output's value.
        n_examples: the number of examples that were compared.
    """

    path: Path
    max_difference: float
    n_examples: int


def write_onnx(view: ExportedRun, folder: Path) -> tuple[list[CheckedFile], str]:
    """Write the components of a model and ``model.json``; all of them, or nothing.

    Args:
        view: the run.
        folder: the folder of the files; made if it does not exist.

    Returns:
        The files, and why one is missing; empty if none is.

    Raises:
        ValueError: a component cannot be exported, or differs from torch; a package or a permission is missing.
    """
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise ValueError(f"ONNX needs the package {error.name}: pip install 'elbowroom[onnx]'") from None
    components, missing = _components(view)
    is_new = not folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # All files take their places together, at the end, the description last.
        with ExitStack() as writing:
            description_file = writing.enter_context(atomic_path(folder / DESCRIPTION_FILE))
            paths = {name: writing.enter_context(atomic_path(folder / f"{name}.onnx")) for name in components}
            checked = {name: _write_component(name, part, paths[name]) for name, part in components.items()}
            files = [file._replace(path=folder / f"{name}.onnx") for name, file in checked.items()]
            _write_description(view, components, files, missing, description_file)
    except OSError as error:
        raise ValueError(
            f"cannot write to {folder} ({error.strerror or error}): give a folder you may write to"
        ) from None
    finally:
        if is_new and folder.is_dir() and not (folder / DESCRIPTION_FILE).exists():
            shutil.rmtree(folder)
    return files, missing


def _components(view: ExportedRun) -> tuple[dict[str, OnnxComponent], str]:
    """Return the components of a model by name, and why there is no sampler; empty if there is one."""
    model = view.model
    if model.has_gradient_posterior:
        raise ValueError(
            "the posterior of this model follows gradients through its decoder, which ONNX has no operations for: "
            "export a page (--html), which decodes alone"
        )
    x, c = example_inputs(view, COMPARED_EXAMPLES)
    condition = {} if c is None else {"c": c}
    encoder = Encoder(model).eval()
    with torch.no_grad():
        z = encoder(x, *condition.values())[0].reshape(-1, *model.latent_shape)
    components = {
        "encoder": OnnxComponent(encoder, {"x": x, **condition}, encoder.outputs),
        "decoder": OnnxComponent(Decoder(model).eval(), {"z": z, **condition}, ("mean",)),
    }
    if view.sampler != PRIOR and parse(view.sampler)[0].is_discrete:
        words = f"{view.sampler} draws one code after the other, which is no graph of a useful size"
        return components, f"no sampler: {words}; --sampler prior exports the prior"
    try:
        sampler = NoiseDecoder(view.sampling_model).eval()
    except ValueError as error:
        return components, f"no sampler: {error}"
    eps = torch.randn(len(x), sampler.noise_size, generator=torch.Generator().manual_seed(0))
    components["sampler"] = OnnxComponent(sampler, {"noise": eps, **condition}, ("mean", "z"))
    return components, ""


def _write_component(name: str, component: OnnxComponent, path: Path) -> CheckedFile:
    """Export a component to ONNX, and compare it with torch."""
    inputs = tuple(component.inputs.values())
    batch = torch.export.Dim("batch", min=1)
    try:
        with _silence_exporter():
            # torch.export takes a dimension of size 1 for a constant, so the batch has two examples.
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
            _rename_inner_values(program, component.outputs)
            program.save(str(path), external_data=False)
    except Exception as error:  # a user's network may raise anything, and use operations that ONNX lacks
        reason = " ".join(str(error).split())[:MAX_REASON_CHARS]
        hint = "; --sampler takes another, as mixture:10" if name == "sampler" else ""
        raise ValueError(
            f"the {name} cannot be written as ONNX ({type(error).__name__}: {reason}): nothing was left{hint}"
        ) from error
    return CheckedFile(path, _compare_with_torch(name, component, path), len(inputs[0]))


def _rename_inner_values(program: Any, names: tuple[str, ...]) -> None:
    """Rename values inside of a graph that have the name of an output, as those of an operation ``mean`` may."""
    graph = program.model.graph
    outputs = {id(value) for value in graph.outputs}
    for value in (value for node in graph for value in node.outputs):
        if value.name in names and id(value) not in outputs:
            value.name = f"inner_{value.name}"


def _compare_with_torch(name: str, component: OnnxComponent, path: Path) -> float:
    """Return the largest difference between the file's outputs and torch's, on all examples together and on one alone.

    Raises:
        ValueError: an output differs by more than :data:`MAX_RELATIVE_ERROR`.
    """
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    max_difference = 0.0
    for n in (len(next(iter(component.inputs.values()))), 1):
        outputs = session.run(None, {key: t[:n].contiguous().numpy() for key, t in component.inputs.items()})
        for output, actual, expected in zip(component.outputs, outputs, component.run(n), strict=True):
            difference = float((torch.from_numpy(actual).double() - expected.double()).abs().max())
            tolerance = MAX_RELATIVE_ERROR * max(1.0, float(expected.abs().max()))
            if actual.shape != tuple(expected.shape) or not difference <= tolerance:
                raise ValueError(
                    f"the {name}'s '{output}' as ONNX is off by {difference:.2g} from torch's: nothing was left; "
                    "report it with this recipe.json"
                )
            max_difference = max(max_difference, difference)
    return max_difference


def _write_description(
    view: ExportedRun, components: dict[str, OnnxComponent], checked: list[CheckedFile], missing: str, path: Path
) -> None:
    """Write names, shapes, preprocessing and hash as JSON, for whoever runs the files elsewhere."""
    files = {}
    for (name, component), file in zip(components.items(), checked, strict=True):
        outputs = zip(component.outputs, component.run(file.n_examples), strict=True)
        files[file.path.name] = {
            "part": name,
            "inputs": {key: _tensor_spec(t) for key, t in component.inputs.items()},
            "outputs": {key: _tensor_spec(t) for key, t in outputs},
            "largest_difference_from_torch": file.max_difference,
        }
    description: dict[str, Any] = {
        "files": files,
        "compared_on": describe_inputs(view, COMPARED_EXAMPLES),
        **describe_run(view),
    }
    if not missing:
        description["sampler"] = view.sampler
    if missing:
        description["missing"] = missing
    text = json.dumps(description, indent=2, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8")


def _tensor_spec(t: Tensor) -> dict[str, Any]:
    return {"shape": ["batch", *t.shape[1:]], "type": str(t.dtype).removeprefix("torch.")}


@contextmanager
def _silence_exporter() -> Iterator[None]:
    """Silence the warnings and the logs of torch's exporter, and the graph that it prints where it fails."""
    levels = {log: log.level for log in map(logging.getLogger, EXPORTER_LOGS)}
    for log in levels:
        log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), redirect_stderr(StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        for log, level in levels.items():
            log.setLevel(level)
