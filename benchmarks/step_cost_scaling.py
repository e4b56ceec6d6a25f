"""Cost per step and per example of a long training against a short one.

    python benchmarks/step_cost_scaling.py [--steps 100000]

A small VAE on digits takes many steps; every tenth of them gives a row with its seconds, the memory of the process and
the number of Python objects. Then the classic VAE goes once through 15,000, 30,000 and 60,000 digits of MNIST.
"""

from __future__ import annotations

import argparse
import gc
import tempfile
import time

import psutil
import torch

import elbowroom as er
from elbowroom.training.state import STEP


def resident_mb() -> float:
    """Return the resident memory of the process, MB."""
    return float(psutil.Process().memory_info().rss) / 2**20


def measure_steps(n: int) -> None:
    """Print a row for every tenth of ``n`` steps."""
    print("| steps | seconds | memory, MB | objects |\n|---|---|---|---|")
    last = time.perf_counter()

    @er.every(n // 10)
    @er.on.step
    def note(state: er.State) -> None:
        nonlocal last
        now = time.perf_counter()
        print(f"| {state[STEP]:,} | {now - last:.1f} | {resident_mb():,.0f} | {len(gc.get_objects()):,} |", flush=True)
        last = time.perf_counter()

    torch.manual_seed(0)
    data = er.load_data("digits")
    model, objective = er.recipes.vae(data.shape, latent=2, hidden=(16,))
    er.fit(
        model, objective, data, steps=n, batch_size=32, out=tempfile.mkdtemp() + "/run", callbacks=[note], device="cpu"
    )


def measure_examples() -> None:
    """Print a row for every size of the data."""
    print("\n| examples | seconds per epoch | µs per example |\n|---|---|---|")
    x = er.load_data("mnist", validation=0, test=0).train.x
    for n in (15_000, 30_000, 60_000):
        data = er.load_data(x[:n].numpy(), validation=0, test=0)
        torch.manual_seed(0)
        model, objective = er.recipes.vae(data.shape)
        run = er.fit(model, objective, data, epochs=3, out=tempfile.mkdtemp() + "/run", watch=(), device="cpu")
        ends = [max(r["seconds"] for r in run.metrics("train") if r["epoch"] == e) for e in (1, 3)]
        seconds = (ends[1] - ends[0]) / 2
        print(f"| {n:,} | {seconds:.2f} | {1e6 * seconds / n:.1f} |", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=100_000)
    measure_steps(parser.parse_args().steps)
    measure_examples()
