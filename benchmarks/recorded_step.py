"""Milliseconds of a step by recipe: eager, eager with freed memory kept, and recorded.

    python benchmarks/recorded_step.py [--rounds 12] [--steps 10] [--batch 128] [RECIPE ...]

Each recipe with its defaults on images of 28x28, float32, on the threads that torch takes; losses, gradients and fused
Adam, without the loop. The three take turns within one process, ``--steps`` steps at a time; a time is the median of
the rounds. A recorded step is bit for bit the eager one; memory is kept by ``elbowroom.training.heap``, for recorded
steps too. For the classic (``vae``) the step with gradients by hand of ``training.py`` takes its turn as well.
"""

from __future__ import annotations

import argparse
import statistics
import time
from contextlib import nullcontext

import torch

from elbowroom.data import Batch
from elbowroom.recipes import RECIPES
from elbowroom.training.backward import EagerStep
from elbowroom.training.capture.recorded_step import EAGER_STEPS, RecordedStep
from elbowroom.training.heap import keep_freed_memory
from elbowroom.training.step import Step
from training import hand_written_step

DEFAULT_RECIPES = ("vae", "conv_vae", "iwae", "factor_vae", "hierarchical_vae", "vq_vae")


class Trainer:
    """A recipe's step with its optimisers, on one batch."""

    def __init__(self, recipe: str, batch_size: int, is_recorded: bool) -> None:
        torch.manual_seed(0)
        self.step = Step(*RECIPES[recipe]((1, 28, 28))).train()
        eager = EagerStep(self.step, torch.device("cpu"))
        self.compute = RecordedStep(eager) if is_recorded else eager
        self.optimizers = [torch.optim.Adam(player.parameters, lr=1e-4, fused=True) for player in self.step.players]
        x, y = torch.rand(batch_size, 1, 28, 28), torch.randint(0, 10, (batch_size,))
        self.batch, self.count = Batch(x, y, torch.arange(batch_size)), torch.tensor(0)

    def run(self, steps: int) -> float:
        """Return the milliseconds of a step, the mean of ``steps``."""
        start = time.perf_counter()
        for _ in range(steps):
            for parameter in self.step.parameters():
                parameter.grad = None
            self.compute(self.batch, self.count, 1.0)
            for optimizer in self.optimizers:
                optimizer.step()
        return (time.perf_counter() - start) / steps * 1000


class HandWritten:
    """The classic's step with gradients by hand, on one batch."""

    def __init__(self, batch_size: int) -> None:
        self.step, self.x = hand_written_step(), torch.rand(batch_size, 784)

    def run(self, steps: int) -> float:
        """Return the milliseconds of a step, the mean of ``steps``."""
        start = time.perf_counter()
        for _ in range(steps):
            self.step(self.x)
        return (time.perf_counter() - start) / steps * 1000


def measure(recipe: str, batch_size: int, rounds: int, steps: int) -> dict[str, float]:
    """Return the median milliseconds of a step by way, the ways in turn."""
    trainers = {way: Trainer(recipe, batch_size, way == "recorded") for way in ("eager", "kept", "recorded")}
    trainers |= {"by hand": HandWritten(batch_size)} if recipe == "vae" else {}
    times: dict[str, list[float]] = {way: [] for way in trainers}
    for _ in range(rounds):
        for way, trainer in trainers.items():
            with keep_freed_memory() if way in ("kept", "recorded") else nullcontext():
                trainer.run(EAGER_STEPS + 2)
                times[way].append(trainer.run(steps))
    return {way: statistics.median(values) for way, values in times.items()}


def main() -> None:
    """Measure each recipe, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipes", nargs="*", default=DEFAULT_RECIPES, metavar="RECIPE", help=", ".join(RECIPES))
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--batch", type=int, default=128)
    args = parser.parse_args()
    print("| recipe | eager, ms | memory kept | recorded | recorded / eager | by hand |\n|---|---|---|---|---|---|")
    for recipe in args.recipes:
        ms = measure(recipe, args.batch, args.rounds, args.steps)
        ratio = ms["recorded"] / ms["eager"]
        by_hand = f"{ms['by hand']:.2f}" if "by hand" in ms else ""
        print(
            f"| {recipe} | {ms['eager']:.2f} | {ms['kept']:.2f} | {ms['recorded']:.2f} | {ratio:.2f} | {by_hand} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
