"""Where to compute."""

from __future__ import annotations

import torch

from elbowroom import distributed


def resolve(name: str | None = None) -> torch.device:
    """The device of this name; without one, the fastest there is: cuda, then mps, then cpu.

    Of several processes that ``torchrun`` starts on a machine, each has a GPU of its own.

    Raises:
        ValueError: there is no such device on this machine.

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
        there = ["cpu"] + ["cuda"] * torch.cuda.is_available() + ["mps"] * torch.backends.mps.is_available()
        raise ValueError(
            f"no device '{name}' on this machine: choose from {', '.join(there)}, or leave it out"
        ) from None
    return device
