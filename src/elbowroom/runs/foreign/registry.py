"""Registry of the formats of checkpoints, and how their tensors are read: safetensors, or pickles of tensors alone."""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from elbowroom import serialization
from elbowroom.formatting import format_count
from elbowroom.registry import Registry

Shape = tuple[int, ...]


@dataclass(frozen=True)
class ForeignModel:
    """A checkpoint as a recipe with its weights.

    Attributes:
        recipe: the name of the recipe that makes the same networks.
        shape: of an example.
        arguments: of the recipe.
        tensors: the weights of the networks, by the names of the recipe's model.
    """

    recipe: str
    shape: Shape
    arguments: dict[str, Any] = field(default_factory=dict)
    tensors: Mapping[str, Tensor] = field(default_factory=dict)


@dataclass(frozen=True)
class Format:
    """A format of checkpoints.

    Attributes:
        read: from a file or folder, and the shape of an example where it was given, to the model in it.
        name: as given in ``format=`` and ``--format``.
        help: what it is, in a line.
        matches: whether a path is of this format.
    """

    read: Callable[[Path, Shape | None], ForeignModel]
    name: str
    help: str
    matches: Callable[[Path], bool]


class CheckpointTensors:
    """The tensors of a checkpoint by name, which remember those that a reader has not taken.

    Args:
        tensors: by name.
        path: of the file, for errors.
    """

    def __init__(self, tensors: Mapping[str, Tensor], path: Path) -> None:
        self._tensors, self._path, self._unused = tensors, path, dict.fromkeys(tensors)

    def __contains__(self, name: str) -> bool:
        return name in self._tensors

    def take(self, *names: str) -> list[Tensor]:
        """Return tensors by their names.

        Raises:
            ValueError: one of them is not there.
        """
        for name in names:
            if name not in self._tensors:
                some = ", ".join(list(self._tensors)[:4])
                raise ValueError(f"{self._path} has no tensor '{name}' (it has {some}, …): give another --format")
            self._unused.pop(name, None)
        return [self._tensors[name] for name in names]

    def reject_unused(self, training_only: tuple[str, ...] = ()) -> None:
        """Raise a ValueError for tensors that were not taken: they are of a model that computes something else.

        Args:
            training_only: how the names of those begin that only its training used; a warning says so.
        """
        # Batch normalization counts its batches, and computes nothing with that.
        unused = [name for name in self._unused if not name.endswith("num_batches_tracked")]
        others = [name for name in unused if not name.startswith(training_only)]
        if others:
            raise ValueError(
                f"{self._path} holds '{others[0]}' ({format_count(len(others), 'tensor')} that this format has no use "
                "for): it is of another model, which would not be the same without: give another --format"
            )
        if unused:
            modules = ", ".join(dict.fromkeys(name.partition(".")[0] for name in unused))
            warnings.warn(f"{self._path}: {modules} is left out, which only the training used", stacklevel=5)


FORMATS: Registry[Format] = Registry(
    "format", ("elbowroom.runs.foreign.pythae", ".pytorch_vae", ".classic", ".*"), advice="; see docs/importing.md"
)
foreign_format = FORMATS.decorator(Format, help=lambda entry: entry.help)


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a checkpoint by name: of .safetensors, or of a pickle that holds tensors alone.

    A state dict may lie under ``state_dict``, ``model_state_dict`` or ``model``, as Lightning and others write it.

    Raises:
        ValueError: there is no such file; it is no checkpoint; it holds code, which is not run, or no tensors by name;
            a number is not finite.
    """
    tensors = serialization.read(path)[0] if path.suffix == ".safetensors" else _read_pickle(path)
    serialization.require_finite(tensors, path)
    return tensors


def _read_pickle(path: Path) -> dict[str, Tensor]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of another protocol of pickles
            content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        if not _starts_as_checkpoint(path):
            raise ValueError(f"{path} is no checkpoint: give a file of torch.save, or safetensors") from None
        raise ValueError(
            f"{path} holds more than tensors, and what it holds would be run as code: save the state dict alone, "
            "torch.save(model.state_dict(), FILE)"
        ) from None
    except (OSError, RuntimeError) as error:
        raise ValueError(
            f"cannot read {path} ({str(error).partition(chr(10))[0]}): give a file of torch.save"
        ) from None
    except Exception:  # other bytes, read as if they were a pickle, fail in any way
        raise ValueError(f"{path} is no checkpoint: give a file of torch.save, or safetensors") from None
    for key in ("state_dict", "model_state_dict", "model"):
        content = content[key] if isinstance(content, Mapping) and isinstance(content.get(key), Mapping) else content
    tensors = {str(k): v.float() for k, v in content.items()} if is_state_dict(content) else {}
    if not tensors:
        raise ValueError(f"{path} holds no tensors by name: save the state dict, torch.save(model.state_dict(), FILE)")
    return tensors


def _starts_as_checkpoint(path: Path) -> bool:
    """Whether a file begins as those of torch.save do: as a zip file, or as a pickle of protocol 2 or later."""
    with path.open("rb") as file:
        return file.read(2).startswith((b"PK", b"\x80"))


def is_state_dict(content: Any) -> bool:
    """Return whether a value is a mapping of names to tensors."""
    return isinstance(content, Mapping) and all(isinstance(value, Tensor) for value in content.values())


def linear_layers(prefix: str, *layers: tuple[Tensor, Tensor]) -> dict[str, Tensor]:
    """Return the weights and biases of a perceptron by the names of :class:`elbowroom.MLP` below ``prefix``."""
    names = [f"{prefix}.net.layers.{i}{'.0' if i < len(layers) - 1 else ''}" for i in range(len(layers))]
    pairs = zip(names, layers, strict=True)
    return {
        f"{name}.{part}": tensor for name, pair in pairs for part, tensor in zip(("weight", "bias"), pair, strict=True)
    }


def square_shape(size: int) -> Shape:
    """Return the shape of a square gray image of so many pixels, or of a vector.

    >>> square_shape(784), square_shape(10)
    ((1, 28, 28), (10,))
    """
    side = round(size**0.5)
    return (1, side, side) if side > 1 and side * side == size else (size,)
