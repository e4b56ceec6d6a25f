"""What an importance bound costs beside the products of the decoder that it cannot do without.

    python benchmarks/evaluation.py [--run runs/vae-mnist-1] [--samples 5000] [--examples 8] [--rounds 15]

The work: the bound with 5,000 samples on test digits, by the classic 784-400-20. Its floor is the decoder's linear
layers alone, on as many codes, at the number of rows that suits them best. Both are measured in turn, on the same few
digits, ``--rounds`` times over; the ratio is the median over the rounds, with quartiles, of seconds on the clock and of
seconds of computing. On a machine that does other things too, the second with OMP_NUM_THREADS=1 is the one to trust.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import torch

import elbowroom as er
from elbowroom.evaluation.suites import likelihood

#: Of codes in one product; the best of them is the floor.
ROWS = (1000, 2000, 4000)
CLOCKS = {"on the clock": time.perf_counter, "of computing": time.process_time}


def seconds(work: Callable[[], object]) -> list[float]:
    """How long it takes, by each of the clocks."""
    before = [clock() for clock in CLOCKS.values()]
    work()
    return [clock() - start for clock, start in zip(CLOCKS.values(), before, strict=True)]


@torch.inference_mode()
def products(layers: list[torch.nn.Linear], codes: int, rows: int) -> None:
    """The decoder's linear layers on ``codes`` codes, ``rows`` at a time, and nothing else."""
    inputs = [torch.randn(rows, layer.in_features) for layer in layers]
    for _ in range(codes // rows):
        for layer, x in zip(layers, inputs, strict=True):
            layer(x)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", help="a trained run; without one, fresh weights, which cost the same")
    parser.add_argument("--samples", type=int, default=5000)
    parser.add_argument("--examples", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=15)
    given = parser.parse_args()
    data = er.load_data("mnist")
    model = (er.load(given.run) if given.run else er.recipes.vae(data.shape)[0]).eval()
    layers = [module for module in model.decoder.modules() if isinstance(module, torch.nn.Linear)]
    assert data.test is not None
    batch, codes = data.test.first(given.examples), given.samples * given.examples
    floors: dict[int, list[list[float]]] = {rows: [] for rows in ROWS}
    bounds = []
    for _ in range(given.rounds + 1):
        for rows, found in floors.items():
            found.append(seconds(lambda rows=rows: products(layers, codes, rows)))
        bounds.append(seconds(lambda: likelihood.estimate_bounds(model, batch, given.samples, 0)))
    print(
        f"{codes:,} codes a round, {given.rounds} rounds and one to warm up; {torch.get_num_threads()} threads, "
        f"torch {torch.__version__}"
    )
    for i, clock in enumerate(CLOCKS):
        taken = [times[i] for times in bounds[1:]]
        floor = min(([times[i] for times in found[1:]] for found in floors.values()), key=statistics.median)
        low, ratio, high = statistics.quantiles([bound / least for bound, least in zip(taken, floor, strict=True)])
        whole = len(data.test) / given.examples
        print(f"seconds {clock}: bound {ratio:.2f} times the products (quartiles {low:.2f} and {high:.2f});")
        print(f"    whole test split, by the median: products {statistics.median(floor) * whole:.0f}, ", end="")
        print(f"bound {statistics.median(taken) * whole:.0f}")


if __name__ == "__main__":
    main()
