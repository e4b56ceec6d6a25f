"""Milliseconds of a training step on rows of a table, with its columns scored one by one and in stacks.

    python benchmarks/table_columns.py [--rounds 5] [--steps 100] [--batch 128]

Both score the same columns of the same model: the first as :class:`elbowroom.distributions.IndependentColumns` does,
which was all there was before, the second by one pass for each kind of column. Their rounds alternate in one process;
a figure is the least of all rounds. ``gaussian`` is the plain normal of as many values, with one scale.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from functools import partial

import torch

import elbowroom as er
from elbowroom.distributions import IndependentColumns
from elbowroom.table_shape import TableShape

TABLES = {
    "62 numbers": (1,) * 62,
    "40 numbers, 22 categories": (1,) * 40 + (2, 3, 5, 9, 16, 42, 2, 4, 7, 7, 2) * 2,
    "6 numbers, 8 categories (adult)": (1, 9, 1, 16, 1, 7, 15, 6, 5, 2, 1, 1, 1, 42),
}
"""Sizes of the columns: 1 for numbers, or the number of categories."""


def random_rows(sizes: tuple[int, ...], n: int) -> torch.Tensor:
    """Return n rows of standard normals and uniform categories, a tenth of the values missing."""
    columns = [torch.randn(n) if size == 1 else torch.randint(size, (n,)).float() for size in sizes]
    rows = torch.stack(columns, 1)
    return rows.masked_fill(torch.rand(rows.shape) < 0.1, torch.nan)


def score_one_by_one(family: er.Columns, phi: torch.Tensor) -> IndependentColumns:
    """Return the distribution of rows as a list of columns."""
    return IndependentColumns(family.build_columns(phi))


def make_step(shape: tuple[int, ...], likelihood: str, x: torch.Tensor, is_stacked: bool) -> Callable[[], None]:
    """Return a function that makes one training step of the plain VAE."""
    torch.manual_seed(0)
    model, objective = er.recipes.vae(shape, latent=8, hidden=(128,), likelihood=likelihood)
    if not is_stacked:
        family = model.decoder.family
        assert isinstance(family, er.Columns)
        family.forward = partial(score_one_by_one, family)  # type: ignore[method-assign]
    optimizer = torch.optim.Adam(model.parameters(), 1e-3, fused=True)  # as er.fit has it

    def step() -> None:
        optimizer.zero_grad()
        objective(model.draw(x), torch.tensor(0)).backward()  # type: ignore[no-untyped-call]
        optimizer.step()

    return step


def time_ms(step: Callable[[], None], steps: int) -> float:
    """Return the mean milliseconds of processor time of a step."""
    start = time.process_time()
    for _ in range(steps):
        step()
    return 1000 * (time.process_time() - start) / steps


def main() -> None:
    """Print a row for each table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("rounds", 5), ("steps", 100), ("batch", 128)):
        parser.add_argument(f"--{name}", type=int, default=default)
    args = parser.parse_args()
    torch.set_num_threads(1)
    print(f"{'table':34} {'one by one':>11} {'stacked':>8} {'gaussian':>9}   ms a step, batch {args.batch}")
    for name, sizes in TABLES.items():
        x = random_rows(sizes, args.batch)
        steps = [
            make_step(TableShape(sizes), "columns", x, is_stacked=False),
            make_step(TableShape(sizes), "columns", x, is_stacked=True),
            make_step((len(sizes),), "gaussian", x.nan_to_num(), is_stacked=True),
        ]
        rounds = [[time_ms(step, args.steps) for step in steps] for _ in range(args.rounds)]
        least = [min(values) for values in zip(*rounds, strict=True)]
        print(f"{name:34} {least[0]:11.2f} {least[1]:8.2f} {least[2]:9.2f}")


if __name__ == "__main__":
    main()
