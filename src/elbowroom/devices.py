"""The device to compute on."""

from __future__ import annotations

import torch

from elbowroom import distributed


def resolve(name: str | None = None) -> torch.device:
    """Return the device of this name; without a name, the fastest available: cuda, then mps, then cpu.

    Of several processes that ``torchrun`` starts on a machine, each gets the GPU of its local rank.

    Raises:
        ValueError: the device does not exist on this machine.

    >>> resolve("cpu")
    device(type='cpu')
    """
    if name is None:
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        device = torch.device(name)
        if device.type == "cuda" and distributed.under_torchrun():
            device = torch.device("cuda", distributed.local_rank())
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError):
        available = ["cpu"] + ["cuda"] * torch.cuda.is_available() + ["mps"] * torch.backends.mps.is_available()
        raise ValueError(
            f"no device '{name}' on this machine: choose from {', '.join(available)}, or leave it out"
        ) from None
    return device
