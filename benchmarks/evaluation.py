"""Cost of an importance bound relative to its lower limit, the matrix products of the decoder.

    python benchmarks/evaluation.py [--run runs/vae-mnist-1] [--samples 5000] [--examples 8] [--rounds 15]

The work: the bound with 5,000 samples on test digits, by the classic 784-400-20. Its floor is the decoder's linear
layers alone, on as many latents, at the fastest number of rows. Both are measured in turn, on the same few digits,
``--rounds`` times over; the ratio is the median over the rounds, with quartiles, of wall time and of CPU time. On a
busy machine CPU time with OMP_NUM_THREADS=1 is the more reliable.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import torch

import elbowroom as er
from elbowroom.evaluation.suites import likelihood

#: Latents in one matrix product; the fastest of these is the floor.
ROWS = (1000, 2000, 4000)
CLOCKS = {"on the clock": time.perf_counter, "of computing": time.process_time}


def time_work(work: Callable[[], object]) -> list[float]:
    """Return the seconds of work by each of the clocks."""
    starts = [clock() for clock in CLOCKS.values()]
    work()
    return [clock() - start for clock, start in zip(CLOCKS.values(), starts, strict=True)]


@torch.inference_mode()
def run_products(layers: list[torch.nn.Linear], n_latents: int, rows: int) -> None:
    """Apply the decoder's linear layers to ``n_latents`` latents, ``rows`` at a time, and nothing else."""
    inputs = [torch.randn(rows, layer.in_features) for layer in layers]
    for _ in range(n_latents // rows):
        for layer, x in zip(layers, inputs, strict=True):
            layer(x)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", help="a trained run; without one, fresh weights, which cost the same")
    parser.add_argument("--samples", type=int, default=5000)
    parser.add_argument("--examples", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=15)
    args = parser.parse_args()
    data = er.load_data("mnist")
    model = (er.load(args.run) if args.run else er.recipes.vae(data.shape)[0]).eval()
    layers = [module for module in model.decoder.modules() if isinstance(module, torch.nn.Linear)]
    assert data.test is not None
    batch, n_latents = data.test.first(args.examples), args.samples * args.examples
    floors: dict[int, list[list[float]]] = {rows: [] for rows in ROWS}
    bounds = []
    for _ in range(args.rounds + 1):
        for rows, times in floors.items():
            times.append(time_work(lambda rows=rows: run_products(layers, n_latents, rows)))
        bounds.append(time_work(lambda: likelihood.estimate_bounds(model, batch, args.samples, 0)))
    print(
        f"{n_latents:,} latents a round, {args.rounds} rounds and one to warm up; {torch.get_num_threads()} threads, "
        f"torch {torch.__version__}"
    )
    for i, clock in enumerate(CLOCKS):
        taken = [times[i] for times in bounds[1:]]
        floor = min(([times[i] for times in floor[1:]] for floor in floors.values()), key=statistics.median)
        low, ratio, high = statistics.quantiles([bound / least for bound, least in zip(taken, floor, strict=True)])
        whole = len(data.test) / args.examples
        print(f"seconds {clock}: bound {ratio:.2f} times the products (quartiles {low:.2f} and {high:.2f});")
        print(f"    whole test split, by the median: products {statistics.median(floor) * whole:.0f}, ", end="")
        print(f"bound {statistics.median(taken) * whole:.0f}")


if __name__ == "__main__":
    main()
