"""Load a checkpoint of another library as a model, or write it as a run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from elbowroom import serialization
from elbowroom.recipes import find
from elbowroom.runs.foreign.registry import FORMATS, ForeignModel, Format, Shape, read_tensors
from elbowroom.runs.run import Run
from elbowroom.runs.settings import DEFAULT_BATCH_SIZE, TrainConfig

if TYPE_CHECKING:
    from elbowroom.data import Data
    from elbowroom.models.base import GenerativeModel


def load_foreign(
    path: str | Path, format: str | None = None, shape: Shape | None = None, **arguments: Any
) -> GenerativeModel:
    """Load a checkpoint of another library as a model, in evaluation mode, to evaluate, sample and compare it.

    Weights are read from safetensors, or from pickles that hold tensors alone; nothing in a file is run.

    Args:
        path: the file, or the folder.
        format: "pythae", "pytorch-vae" or "classic"; by default the one that the path has the looks of.
        shape: of an example, where the file does not say it: by default a square gray image of as many pixels.
        **arguments: of the recipe, which replace those that the file says, such as ``likelihood``.

    Raises:
        ValueError: a file of no known format, of another model, with code in it, with numbers that are not finite, or
            damaged.

    >>> import tempfile, torch, elbowroom as er
    >>> file = tempfile.mkdtemp() + "/vae_mnist.pt"
    >>> sizes = {"fc1": (8, 64), "fc21": (2, 8), "fc22": (2, 8), "fc3": (8, 2), "fc4": (64, 8)}
    >>> layers = torch.nn.ModuleDict({name: torch.nn.Linear(n, m) for name, (m, n) in sizes.items()})
    >>> torch.save(layers.state_dict(), file)
    >>> model = er.load_foreign(file)
    >>> model.recipe_call.recipe, model.shape, er.evaluate(model, "digits", samples=2)["elbo"].value < 0
    ('vae', (1, 8, 8), True)
    """
    return _build(read_foreign(Path(path), format, shape), Path(path), arguments)


def read_foreign(path: Path, format: str | None = None, shape: Shape | None = None) -> ForeignModel:
    """Read the model of a checkpoint.

    Raises:
        ValueError: as for :func:`load_foreign`.
    """
    if not path.exists():
        raise ValueError(f"there is no {path}: give the file of a checkpoint, or a folder")
    if format is not None:
        return _read(FORMATS.find(format), path, shape)
    found = next((entry for entry in FORMATS.values() if entry.matches(path)), None)
    if found is None:
        if path.is_file():
            read_tensors(path)  # the reason, where it is that of the file
        kinds = "; ".join(f"{entry.name}: {entry.help}" for entry in FORMATS.values())
        raise ValueError(f"{path} has the looks of no known format: give one ({kinds})")
    return _read(found, path, shape)


def _read(entry: Format, path: Path, shape: Shape | None) -> ForeignModel:
    try:
        return entry.read(path, shape)
    except (RuntimeError, IndexError) as error:  # of tensors whose shapes do not go together
        raise ValueError(
            f"the tensors of {path} do not fit each other ({str(error).partition(chr(10))[0]}): give a checkpoint of "
            f"{entry.help}"
        ) from None


def _build(foreign: ForeignModel, path: Path, arguments: dict[str, Any]) -> GenerativeModel:
    model, _ = find(foreign.recipe)(foreign.shape, seed=0, **{**foreign.arguments, **arguments})
    own = {
        name: tensor
        for name, tensor in serialization.named_tensors(model).items()
        if not name.startswith(("encoder.net.", "decoder.net."))
    }
    advice = "give the file that belongs to its config, another --format, or the --shape of an example"
    serialization.load_into(model, own | dict(foreign.tensors), path, advice=advice)
    model.is_initialized = True
    return model.eval()


def import_run(
    path: str | Path,
    out: str | Path,
    format: str | None = None,
    shape: Shape | None = None,
    data: Data | Any = None,
    overwrite: bool = False,
    **arguments: Any,
) -> Run:
    """Write a checkpoint of another library as a run directory, which everything that takes a run then takes.

    Args:
        path: the file, or the folder.
        out: the run directory.
        format: as for :func:`load_foreign`.
        shape: as there; by default that of the data.
        data: what it was trained on, as :func:`~elbowroom.load_data` takes it, to measure it on that.
        overwrite: whether a run in ``out`` is replaced.
        **arguments: as for :func:`load_foreign`.

    Raises:
        ValueError: as for :func:`load_foreign`; data of another shape; ``out`` holds something.
    """
    from elbowroom.data import load_data

    loaded = None if data is None else load_data(data)
    foreign = read_foreign(Path(path), format, shape or (None if loaded is None else loaded.shape))
    model = _build(foreign, Path(path), arguments)
    call = model.recipe_call
    assert call is not None
    if loaded is not None and tuple(loaded.shape) != model.shape:
        have, want = ("x".join(map(str, one)) for one in (loaded.shape, model.shape))
        raise ValueError(f"the data's examples are {have}, and the model of {path} takes {want}: give its own data")
    unknown = {"name": "unknown data", "shape": list(call.shape)}
    _, objective = find(call.recipe)(call.shape, seed=0, **call.arguments)
    record = {
        "recipe": call.recipe,
        "arguments": call.arguments,
        "shape": list(call.shape),
        "objective": repr(objective),
        "parameters": sum(p.numel() for p in model.parameters()),
        "data": unknown if loaded is None else loaded.protocol,
        "weights_seed": None,
        "imported_from": Path(path).name,
        "training": TrainConfig(batch_size=DEFAULT_BATCH_SIZE).record | {"callbacks": [], "products": ""},
    }
    run = Run.create(out, record, overwrite)
    serialization.save(run.weights, serialization.named_tensors(model))
    run.log({"event": "end", "step": 0, "epoch": 0, "seconds": 0.0, "reason": "imported"})
    run.write_record()
    return run
