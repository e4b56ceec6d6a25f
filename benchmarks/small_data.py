"""Time of a training on small data, by what it is spent on: 200 epochs of two steps.

    python benchmarks/small_data.py [--rounds 3] [--epochs 200]

Each round trains three times, one after the other in this process: with all that is not a step left to the last one
(``max_overhead=0``), by default, and with validation, monitoring and a checkpoint after every epoch
(``max_overhead=1``). What the last step ends with is left out, as is the report. Wall-clock and processor seconds
are those of the main thread, so that the ratio of the latter holds on a busy machine too.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
import torch

import elbowroom as er
from elbowroom.training.budget import BUDGET
from elbowroom.training.state import STEP, STEPS, State

#: Examples, of which a tenth each is set aside for validation and test: two batches of 128 are left.
EXAMPLES = 320
VARIANTS = {"only at the end": 0.0, "by default": 0.1, "after every epoch": 1.0}
ACTIVITIES = ("validation", "Doctor", "SampleImages", "checkpoint")


class Stopwatch(er.Callback):
    """Time from the start to the last step, and what of it the budget was charged with."""

    def start(self, state: State) -> None:
        self._began = time.perf_counter(), time.thread_time()

    def step(self, state: State) -> None:
        if state[STEP] == state[STEPS]:
            self.wall, self.cpu = time.perf_counter() - self._began[0], time.thread_time() - self._began[1]
            seconds = state[BUDGET].seconds.items()
            self.seconds = {key if isinstance(key, str) else type(key).__name__: value for key, value in seconds}


def measure(data: er.Data, epochs: int, share: float) -> Stopwatch:
    """Train the default VAE and return the times."""
    stopwatch = Stopwatch()
    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model, objective = er.recipes.vae(data.shape)
        er.fit(
            *(model, objective, data),
            epochs=epochs,
            device="cpu",
            out=Path(folder, "run"),
            callbacks=[stopwatch],
            max_overhead=share,
            report=False,
        )
    return stopwatch


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=200)
    arguments = parser.parse_args()
    data = er.load_data(np.random.default_rng(0).random((EXAMPLES, 1, 8, 8), dtype=np.float32))
    measure(data, 5, 1.0)  # imports
    print("| beside the steps | seconds | processor | " + " | ".join(ACTIVITIES) + " | ratio | of processor |")
    print("|---" * (5 + len(ACTIVITIES)) + "|")
    ratios: dict[str, list[float]] = {name: [] for name in VARIANTS}
    for _ in range(arguments.rounds):
        times = {name: measure(data, arguments.epochs, share) for name, share in VARIANTS.items()}
        least = times["only at the end"]
        for name, one in times.items():
            ratios[name].append(one.cpu / least.cpu)
            shares = " | ".join(f"{one.seconds.get(activity, 0) / one.wall:.1%}" for activity in ACTIVITIES)
            ratio = f"{one.wall / least.wall:.2f} | {ratios[name][-1]:.2f}"
            print(f"| {name} | {one.wall:.2f} | {one.cpu:.2f} | {shares} | {ratio} |", flush=True)
    medians = ", ".join(f"{name} {statistics.median(values):.2f}" for name, values in ratios.items())
    print(f"\nprocessor time against 'only at the end', median of {arguments.rounds}: {medians}")


if __name__ == "__main__":
    main()
