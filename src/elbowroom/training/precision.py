"""In which precision, and by which library, matrices are multiplied for the time of a training."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

PRECISIONS = ("float32", "bf16")

#: Largest relative error of a product that still counts as single precision.
SINGLE_PRECISION_TOLERANCE = 1e-5
#: How much faster the other library must be to be taken; well above the noise of a short measurement.
MIN_SPEEDUP = 1.3


def choose_matmul_mode(precision: str, device: torch.device, model: nn.Module) -> str:
    """What :func:`use_matmul_mode` should do for a model on this device: ``default``, ``onednn``, ``bf16`` or ``autocast``.

    For single precision on a CPU, the setting that would allow bf16 selects oneDNN; on CPUs without matrix units that
    still computes in full single precision, at up to twice the speed of the default library. So both are timed, and
    its error is measured: where it rounds, or is not clearly faster, the default stays.

    On a CPU bf16 is for products alone, unless there are convolutions: what lies between those is as large as they are
    slow, and halved by ``autocast``.

    Raises:
        ValueError: an unknown precision.
    """
    if precision not in PRECISIONS:
        raise ValueError(f"unknown precision '{precision}': choose {' or '.join(PRECISIONS)}")
    if device.type != "cpu":
        return "autocast" if precision == "bf16" else "default"
    if precision == "bf16":
        return "autocast" if any(isinstance(m, nn.Conv1d | nn.Conv2d) for m in model.modules()) else "bf16"
    generator = torch.Generator().manual_seed(0)
    a, b = torch.randn(128, 784, generator=generator), torch.randn(784, 400, generator=generator)
    exact = a.double() @ b.double()
    default = _time_product(a, b)
    with use_matmul_mode("onednn", device):
        error = ((a @ b).double() - exact).norm() / exact.norm()
        return (
            "onednn"
            if error < SINGLE_PRECISION_TOLERANCE and default > MIN_SPEEDUP * _time_product(a, b)
            else "default"
        )


@contextmanager
def use_matmul_mode(mode: str, device: torch.device) -> Iterator[None]:
    """Matrix products as chosen inside; outside, as they were before.

    With ``bf16`` numbers are multiplied rounded to 8 bits of precision and added up in single; weights, activations
    and the optimiser stay single. ``autocast`` is torch's own.
    """
    if mode == "autocast":
        # Its cache of rounded weights lives as long as the context, which is the whole training: they would never move.
        with torch.autocast(device.type, torch.bfloat16, cache_enabled=False):
            yield
        return
    if mode == "default":
        yield
        return
    settings = torch.backends.mkldnn.matmul  # type: ignore[attr-defined]
    before, settings.fp32_precision = settings.fp32_precision, "bf16"
    try:
        yield
    finally:
        settings.fp32_precision = before


def _time_product(a: torch.Tensor, b: torch.Tensor) -> float:
    """The best of a few products: the least disturbed one."""
    best = float("inf")
    for _ in range(12):
        start = time.perf_counter()
        a @ b
        best = min(best, time.perf_counter() - start)
    return best
