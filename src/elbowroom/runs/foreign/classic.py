"""The classic example of PyTorch: a state dict of the layers fc1, fc21, fc22, fc3 and fc4."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import torch

from elbowroom.runs.foreign.registry import (
    CheckpointTensors,
    ForeignModel,
    Shape,
    foreign_format,
    linear_layers,
    read_tensors,
    square_shape,
)

LAYERS = ("fc1", "fc21", "fc22", "fc3", "fc4")


def is_classic(path: Path) -> bool:
    """Return whether a file is a state dict with the layers of the example."""
    with suppress(ValueError):
        return path.is_file() and {f"{layer}.weight" for layer in LAYERS} <= read_tensors(path).keys()
    return False


@foreign_format("classic", "the VAE of PyTorch's examples: fc1, fc21, fc22, fc3, fc4", matches=is_classic)
def read_classic(path: Path, shape: Shape | None) -> ForeignModel:
    """Read a state dict as ``vae``: hidden layers of ReLU, mean by fc21, log-variance by fc22, logits of pixels by fc4.

    Raises:
        ValueError: a layer is missing, or there are others.
    """
    tensors = CheckpointTensors(read_tensors(path), path)
    fc1, fc21, fc22, fc3, fc4 = (tensors.take(f"{layer}.weight", f"{layer}.bias") for layer in LAYERS)
    tensors.reject_unused()
    posterior = torch.cat((fc21[0], fc22[0])), torch.cat((fc21[1], fc22[1]))
    weights = linear_layers("encoder", (fc1[0], fc1[1]), posterior)
    weights |= linear_layers("decoder", (fc3[0], fc3[1]), (fc4[0], fc4[1]))
    arguments = {"latent": len(fc21[0]), "hidden": (len(fc1[0]),), "likelihood": "bernoulli"}
    return ForeignModel("vae", shape or square_shape(fc1[0].shape[1]), arguments, weights)
