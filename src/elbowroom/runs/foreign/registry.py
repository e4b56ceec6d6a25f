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


FORMATS: Registry[Format] = Registry(
    "format", ("elbowroom.runs.foreign.pythae", ".pytorch_vae", ".classic", ".*"), advice="; see docs/importing.md"
)
foreign_format = FORMATS.decorator(Format, help=lambda entry: entry.help)


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a checkpoint by name: of .safetensors, or of a pickle that holds tensors alone.

    A state dict may lie under ``state_dict``, ``model_state_dict`` or ``model``, as Lightning and others write it.

    Raises:
        ValueError: there is no such file; it is no checkpoint; it holds code, which is not run, or no tensors by name.
    """
    if path.suffix == ".safetensors":
        return serialization.read(path)[0]
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


def take(tensors: Mapping[str, Tensor], path: Path, *names: str) -> list[Tensor]:
    """Return tensors by their names.

    Raises:
        ValueError: one of them is not there.
    """
    missing = [name for name in names if name not in tensors]
    if missing:
        raise ValueError(
            f"{path} has no tensor '{missing[0]}' (it has {', '.join(list(tensors)[:4])}, …): give another --format"
        )
    return [tensors[name] for name in names]


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
