"""Precision of matrix products during a training, and the library that computes them."""

from __future__ import annotations

import contextlib
import functools
import json
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import nn

from elbowroom.data.cache import cache_dir, exclusive
from elbowroom.serialization import atomic_path

PRECISIONS = ("float32", "bf16")

#: Largest relative error of a product that counts as single precision.
SINGLE_PRECISION_TOLERANCE = 1e-5
#: How many times as fast oneDNN must be to be chosen; well above the noise of a short measurement.
MIN_SPEEDUP = 1.3
#: Matrix products timed, of which the fastest counts.
TIMING_REPEATS = 12


def choose_matmul_mode(precision: str, device: torch.device, model: nn.Module) -> str:
    """Return the mode of :func:`use_matmul_mode` for a model: ``default``, ``onednn``, ``bf16`` or ``autocast``.

    For single precision on a CPU, the setting that would allow bf16 selects oneDNN; on CPUs without matrix units that
    still computes in full single precision, at up to twice the speed of the default library. So both are timed, and
    its error is measured: where it rounds, or is not clearly faster, the default stays. The two differ in the last
    bit, so that the choice is made once for a machine and kept in the cache folder (``matmul.json``; without it, it is
    made again): the same training gives the same weights whatever else the machine does.

    On a CPU bf16 is for matrix products alone, unless there are convolutions: their activations are large, and
    ``autocast`` halves them.

    Raises:
        ValueError: an unknown precision.
    """
    if precision not in PRECISIONS:
        raise ValueError(f"unknown precision '{precision}': choose {' or '.join(PRECISIONS)}")
    if device.type != "cpu":
        return "autocast" if precision == "bf16" else "default"
    if precision == "bf16":
        return "autocast" if any(isinstance(m, nn.Conv1d | nn.Conv2d) for m in model.modules()) else "bf16"
    return _remembered_mode(cache_dir() / "matmul.json")


@functools.cache
def _remembered_mode(file: Path) -> str:
    """Return the mode that was chosen for this machine; it is chosen now if there is none.

    Where it cannot be kept it is the default, as another process would measure otherwise.
    """
    machine = f"{_cpu_name()}, torch {torch.__version__}, float32 128x784 by 784x400"
    if machine in (kept := _read_modes(file)):
        return kept[machine]
    try:
        with exclusive(file):
            kept = _read_modes(file)
            kept.setdefault(machine, "onednn" if _prefers_onednn() else "default")
            with atomic_path(file) as temporary:
                temporary.write_text(json.dumps(kept, indent=2) + "\n", encoding="utf-8")
            return kept[machine]
    except OSError:
        return "default"


def _read_modes(file: Path) -> dict[str, str]:
    """Read the modes that were chosen, by machine; none where the file is missing or damaged."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        return {machine: mode for machine, mode in content.items() if mode in ("onednn", "default")}
    except (OSError, ValueError, AttributeError, TypeError):
        return {}


def _cpu_name() -> str:
    """Return the model of the processor, or its architecture where the system does not tell."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _prefers_onednn() -> bool:
    """Whether oneDNN is exact and clearly faster."""
    device = torch.device("cpu")
    generator = torch.Generator().manual_seed(0)
    a, b = torch.randn(128, 784, generator=generator), torch.randn(784, 400, generator=generator)
    exact = a.double() @ b.double()
    default = _time_product(a, b)
    with use_matmul_mode("onednn", device):
        error = float(((a @ b).double() - exact).norm() / exact.norm())
        return error < SINGLE_PRECISION_TOLERANCE and default > MIN_SPEEDUP * _time_product(a, b)


@contextmanager
def use_matmul_mode(mode: str, device: torch.device) -> Iterator[None]:
    """Compute matrix products in a mode within the context.

    With ``bf16`` numbers are multiplied rounded to 8 bits of precision and summed in single precision; weights,
    activations and the optimiser stay in single precision. ``autocast`` is :class:`torch.autocast`.
    """
    if mode == "autocast":
        # The cache of rounded weights lives as long as the context, here the whole training: they would never change.
        with torch.autocast(device.type, torch.bfloat16, cache_enabled=False):
            yield
        return
    if mode == "default":
        yield
        return
    settings = torch.backends.mkldnn.matmul  # type: ignore[attr-defined]
    previous, settings.fp32_precision = settings.fp32_precision, "bf16"
    try:
        yield
    finally:
        settings.fp32_precision = previous


def _time_product(a: torch.Tensor, b: torch.Tensor) -> float:
    """Return the seconds of a matrix product, the least of a few runs."""
    best = float("inf")
    for _ in range(TIMING_REPEATS):
        start = time.perf_counter()
        a @ b
        best = min(best, time.perf_counter() - start)
    return best
