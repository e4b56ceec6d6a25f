"""The random streams that a training draws from, to be put back where they were."""

from __future__ import annotations

import torch
from torch import Tensor


def rng_state() -> dict[str, Tensor]:
    """The state of every device's generator."""
    streams = {"cpu": torch.get_rng_state()}
    if torch.cuda.is_available():
        streams["cuda"] = torch.cuda.get_rng_state()
    if torch.backends.mps.is_available():
        streams["mps"] = torch.mps.get_rng_state()
    return streams


def restore_rng(streams: dict[str, Tensor]) -> None:
    """Put the generators back; a device that is not here any more is left out."""
    torch.set_rng_state(streams["cpu"])
    if "cuda" in streams and torch.cuda.is_available():
        torch.cuda.set_rng_state(streams["cuda"])
    if "mps" in streams and torch.backends.mps.is_available():
        torch.mps.set_rng_state(streams["mps"])
