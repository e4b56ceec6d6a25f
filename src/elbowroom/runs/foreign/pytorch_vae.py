"""Checkpoints of PyTorch-VAE: the state dict, or Lightning's file, of its VanillaVAE and of those with its networks."""

from __future__ import annotations

from contextlib import suppress
from itertools import count, takewhile
from pathlib import Path

import torch
from torch import Tensor

from elbowroom.networks.strided import fold_normalization, strided_sides
from elbowroom.runs.foreign.registry import CheckpointTensors, ForeignModel, Shape, foreign_format, read_tensors

PREFIX = "model."
MARKS = {"encoder.0.0.weight", "fc_mu.weight", "fc_var.weight", "decoder_input.weight", "final_layer.0.weight"}
NORM_PARTS = ("weight", "bias", "running_mean", "running_var")
#: Modules for the training alone: the discriminator of FactorVAE, by the name it has there, and the VGG of DFCVAE.
TRAINING_ONLY = ("discrminator.", "feature_network.")
#: The side of its images, where nothing else is known.
USUAL_SIDE_PX = 64


def read_renamed(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a file by the names in the model, also where Lightning has put ``model.`` before them."""
    tensors = read_tensors(path)
    is_lightning = all(name.startswith(PREFIX) for name in tensors)
    return {name.removeprefix(PREFIX) if is_lightning else name: tensor for name, tensor in tensors.items()}


def is_pytorch_vae(path: Path) -> bool:
    """Return whether a file is a checkpoint with the networks of VanillaVAE."""
    with suppress(ValueError):
        return path.is_file() and read_renamed(path).keys() >= MARKS
    return False


@foreign_format("pytorch-vae", "a checkpoint of PyTorch-VAE's VanillaVAE", matches=is_pytorch_vae)
def read_pytorch_vae(path: Path, shape: Shape | None) -> ForeignModel:
    """Read a checkpoint as ``strided_vae``, its batch normalization folded into the convolutions, as in evaluation.

    The likelihood is ``tanh-gaussian`` with a learned scale of 1: its loss is a squared error with a weight of the KL,
    which is no likelihood of any scale by itself. A model with another number of channels than 3, whose decoder has 3
    all the same, is refused.

    Raises:
        ValueError: tensors are missing, or there are others; the images are not of 3 channels or of another size.
    """
    tensors = CheckpointTensors(read_renamed(path), path)
    first, mean, *_ = tensors.take("encoder.0.0.weight", "fc_mu.weight", *sorted(MARKS))
    shape = shape or (first.shape[1], USUAL_SIDE_PX, USUAL_SIDE_PX)
    names = takewhile(tensors.__contains__, (f"encoder.{i}.0.weight" for i in count()))
    widths = [len(weight) for weight in tensors.take(*names)]
    check_sizes(path, shape, widths, tensors)
    arguments = {"latent": len(mean), "widths": tuple(widths), "likelihood": "tanh-gaussian:1"}
    weights = rename_weights(tensors, len(widths))
    tensors.reject_unused(TRAINING_ONLY)
    return ForeignModel("strided_vae", shape, arguments, weights)


def check_sizes(path: Path, shape: Shape, widths: list[int], tensors: CheckpointTensors) -> None:
    """Raise a ValueError for images that the networks do not take."""
    mean, last = tensors.take("fc_mu.weight", "final_layer.3.weight")
    n_features, sides = mean.shape[1], strided_sides(shape, len(widths))
    if widths[-1] * sides[0] * sides[1] != n_features or len(last) != shape[0]:
        raise ValueError(
            f"{path} has {len(widths)} levels down to {n_features} numbers, and {len(last)} "
            f"channels come out, which do not fit images of {'x'.join(map(str, shape))}: give their --shape"
        )


def rename_weights(tensors: CheckpointTensors, n_levels: int) -> dict[str, Tensor]:
    """Return the weights by the names of the recipe's model."""
    pairs = {f"encoder.net.convs.{i}": _fold(tensors, f"encoder.{i}", False) for i in range(n_levels)}
    pairs |= {f"decoder.net.convs.{i}": _fold(tensors, f"decoder.{i}", True) for i in range(n_levels - 1)}
    pairs[f"decoder.net.convs.{n_levels - 1}"] = _fold(tensors, "final_layer", True)
    weights = {
        f"{name}.{part}": x for name, pair in pairs.items() for part, x in zip(("weight", "bias"), pair, strict=True)
    }
    for part in ("weight", "bias"):
        mean, log_var, stem, head = tensors.take(
            *(f"{layer}.{part}" for layer in ("fc_mu", "fc_var", "decoder_input", "final_layer.3"))
        )
        weights[f"encoder.net.head.{part}"] = torch.cat((mean, log_var))
        weights[f"decoder.net.stem.{part}"] = stem
        weights[f"decoder.net.head.{part}"] = head
    return weights


def _fold(tensors: CheckpointTensors, layer: str, is_transposed: bool) -> tuple[Tensor, Tensor]:
    conv = tensors.take(f"{layer}.0.weight", f"{layer}.0.bias")
    scale, shift, mean, variance = tensors.take(*(f"{layer}.1.{part}" for part in NORM_PARTS))
    return fold_normalization(conv[0], conv[1], scale, shift, mean, variance, is_transposed)
