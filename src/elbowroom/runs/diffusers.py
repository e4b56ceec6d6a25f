"""Folders of ``diffusers.AutoencoderKL``: config and weights as those of a model with the network kl, and back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

from elbowroom import serialization
from elbowroom.runs.record import Record, parse_record
from elbowroom.runs.settings import TrainConfig

if TYPE_CHECKING:
    from elbowroom.models.base import GenerativeModel
    from elbowroom.objectives import Term

CONFIG_FILE = "config.json"
WEIGHTS_FILE = "diffusion_pytorch_model.safetensors"
CLASS_NAME = "AutoencoderKL"
RECIPE = "autoencoder_kl"
BLOCK_TYPES = {"down_block_types": "DownEncoderBlock2D", "up_block_types": "UpDecoderBlock2D"}
#: What diffusers takes where a config does not say.
DEFAULTS: dict[str, Any] = {
    "in_channels": 3,
    "out_channels": 3,
    "sample_size": 32,
    "block_out_channels": [64],
    "latent_channels": 4,
    "layers_per_block": 1,
    "norm_num_groups": 32,
    "act_fn": "silu",
    "mid_block_add_attention": True,
    "use_quant_conv": True,
    "use_post_quant_conv": True,
    **{name: [kind] for name, kind in BLOCK_TYPES.items()},
}
#: Names of the weights of attention before diffusers 0.15.
OLD_NAMES = {"query": "to_q", "key": "to_k", "value": "to_v", "proj_attn": "to_out.0"}
#: The convolutions that are beside encoder and decoder there, and in them here.
_OUTSIDE = {"quant_conv": "encoder", "post_quant_conv": "decoder"}
#: The last convolution: its output is a pixel, in [−1, 1] there and in [0, 1] here.
_TO_PIXELS = "decoder.conv_out"


def is_diffusers_folder(folder: Path) -> bool:
    """Whether a folder holds a model of diffusers, and no run."""
    return (folder / CONFIG_FILE).is_file() and (folder / WEIGHTS_FILE).is_file()


def load_diffusers(
    folder: str | Path, shape: tuple[int, ...] | None = None, **arguments: Any
) -> tuple[GenerativeModel, Term]:
    """Make the recipe ``autoencoder_kl`` with the weights of a folder of ``diffusers.AutoencoderKL``, to tune it.

    Pixels are in [0, 1] here and in [−1, 1] there, which the last convolution takes into account; the encoder does so
    by itself. Encoding and decoding are the same otherwise. The scale of the likelihood is not in the folder.

    Args:
        folder: with ``config.json`` and ``diffusion_pytorch_model.safetensors``.
        shape: of an example, (C, H, W), as ``data.shape``; by default that of the config.
        **arguments: of the recipe, such as ``likelihood``, besides those that the config decides.

    Returns:
        model and objective, as a recipe: ``er.fit(*er.load_diffusers(folder, data.shape), data, freeze=["encoder"])``
        tunes the decoder alone.

    Raises:
        ValueError: there is no such folder, it holds another class or other blocks, or its weights are damaged.
    """
    from elbowroom.recipes import find

    config = read_config(Path(folder))
    shape = shape or config_shape(config)
    model, objective = find(RECIPE)(shape, **{**recipe_arguments(config), **arguments})
    load_weights(model, Path(folder) / WEIGHTS_FILE)
    model.is_initialized = True
    return model, objective


def read_config(folder: Path) -> dict[str, Any]:
    """Read the config of a folder, with what it leaves to the defaults of diffusers.

    Raises:
        ValueError: it cannot be read, or is of a model that the network kl cannot be.
    """
    file = folder / CONFIG_FILE
    try:
        config: dict[str, Any] = DEFAULTS | json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, TypeError) as error:
        raise ValueError(f"cannot read {file} ({error}): give a folder that diffusers saved") from None
    if config.get("_class_name") != CLASS_NAME:
        raise ValueError(f"{file} is of {config.get('_class_name')}: give the folder of an {CLASS_NAME}")
    for name, kind in BLOCK_TYPES.items():
        if others := {*config[name]} - {kind}:
            raise ValueError(f"{file} has blocks of type {min(others)}: those of type {kind} alone can be loaded")
    for name, other in (("in_channels", "out_channels"), ("use_quant_conv", "use_post_quant_conv")):
        if config[name] != config[other]:
            raise ValueError(f"{file} has {name} {config[name]} and {other} {config[other]}: they have to be the same")
    if config["act_fn"] not in ("silu", "swish"):
        raise ValueError(f"{file} has act_fn {config['act_fn']}: models with silu alone can be loaded")
    return config


def config_shape(config: Mapping[str, Any]) -> tuple[int, ...]:
    """Return the shape of the examples that a config is of.

    >>> config_shape(DEFAULTS | {"sample_size": [32, 24]})
    (3, 32, 24)
    """
    size = config["sample_size"]
    return (config["in_channels"], *(size if isinstance(size, list) else (size, size)))


def recipe_arguments(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of the recipe that make the networks of a config."""
    widths = list(config["block_out_channels"])
    return {
        "channels": config["latent_channels"],
        "levels": len(widths) - 1,
        "widths": widths,
        "layers": config["layers_per_block"],
        "groups": config["norm_num_groups"],
        "attention": config["mid_block_add_attention"],
        "quant_conv": config["use_quant_conv"],
    }


def read_record(folder: Path) -> Record:
    """Return the record of a folder as if it were a run: the recipe with its arguments, and no data.

    Raises:
        ValueError: as for :func:`read_config`.
    """
    config = read_config(folder)
    shape = list(config_shape(config))
    training = TrainConfig().record | {"callbacks": [], "products": ""}
    content = {"recipe": RECIPE, "arguments": recipe_arguments(config), "shape": shape, "training": training}
    return parse_record(content | {"data": {"name": "unknown data", "shape": shape}}, folder / CONFIG_FILE)


def load_weights(model: nn.Module, path: Path) -> None:
    """Load the weights of a folder's file into a model; those that it alone has, as its likelihood's, stay.

    Raises:
        ValueError: the file is missing or damaged, of another model, or has numbers that are not finite.
    """
    tensors, _ = serialization.read(path)
    serialization.require_finite(tensors, path)
    own = serialization.named_tensors(model)
    kept = {name: tensor for name, tensor in own.items() if not name.startswith(("encoder.net", "decoder.net"))}
    advice = f"was {CONFIG_FILE} edited, or the file copied from another folder?"
    serialization.load_into(model, from_diffusers(tensors) | kept, path, advice=advice)


def from_diffusers(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return weights of diffusers by the names here, for pixels in [0, 1]; those of older versions too."""
    named = {_own_name(name): tensor.float() for name, tensor in tensors.items()}
    return _change_pixels(named, _own_name(_TO_PIXELS), 0.5, 0.5)


def to_diffusers(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the weights of a model's networks by the names of diffusers, for pixels in [−1, 1]."""
    networks = {name: tensor for name, tensor in tensors.items() if name.startswith(("encoder.net.", "decoder.net."))}
    named = {_their_name(name): tensor for name, tensor in networks.items()}
    return _change_pixels(named, _TO_PIXELS, 2.0, -1.0)


def _change_pixels(tensors: dict[str, Tensor], layer: str, scale: float, shift: float) -> dict[str, Tensor]:
    """Return the tensors with the outputs of a layer changed to scale · output + shift."""
    weight, bias = (tensors.get(f"{layer}.{name}") for name in ("weight", "bias"))
    if weight is None or bias is None:
        return tensors
    return tensors | {f"{layer}.weight": scale * weight, f"{layer}.bias": scale * bias + shift}


def _own_name(name: str) -> str:
    """Return the name of a tensor of diffusers here.

    >>> _own_name("post_quant_conv.bias"), _own_name("encoder.mid_block.attentions.0.query.weight")
    ('decoder.net.post_quant_conv.bias', 'encoder.net.mid_block.attentions.0.to_q.weight')
    """
    first, _, rest = name.partition(".")
    if first in _OUTSIDE:
        return f"{_OUTSIDE[first]}.net.{name}"
    parts = [OLD_NAMES.get(part, part) if ".attentions." in name else part for part in rest.split(".")]
    return f"{first}.net.{'.'.join(parts)}"


def _their_name(name: str) -> str:
    """Return the name of a tensor of a model's networks in diffusers.

    >>> _their_name("encoder.net.quant_conv.weight"), _their_name("decoder.net.conv_in.bias")
    ('quant_conv.weight', 'decoder.conv_in.bias')
    """
    part, _, rest = name.replace(".net.", ".", 1).partition(".")
    return rest if _OUTSIDE.get(rest.partition(".")[0]) == part else f"{part}.{rest}"
