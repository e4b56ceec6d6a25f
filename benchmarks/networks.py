"""Parameters and cost of a training step of each network, for the VAE on images of two shapes.

    python benchmarks/networks.py [--steps 8] [--batch 32]

A step is forward, backward and Adam, without the recording of steps that long trainings use. Its cost is the processor
time of one thread, the least of ``--steps`` after one that is not counted: the wait for a core that other programs use
is no part of it, though they share its caches. It compares networks, and is no promise for another machine.
"""

from __future__ import annotations

import argparse
import time

import torch

import elbowroom as er

SHAPES = ((1, 28, 28), (3, 64, 64))
SIZES = ("s", "m")


def variants() -> list[tuple[str, dict[str, str]]]:
    """Return each network with the arguments of its sizes."""
    networks = er.networks.NETWORKS
    return [
        (f"{name} {size}".strip(), {"network": name} | ({"size": size} if size else {}))
        for name in networks
        for size in (SIZES if name in er.networks.BLOCKS else ("",))
    ]


def cheapest_step(model: er.GenerativeModel, objective: er.Term, x: torch.Tensor, steps: int) -> float:
    """Return the processor time of the cheapest training step, seconds."""
    optimizer, seconds = torch.optim.Adam(model.parameters()), []
    for step in range(steps + 1):
        start = time.process_time()
        optimizer.zero_grad()
        objective(model.draw(x), torch.tensor(step)).backward()
        optimizer.step()
        seconds.append(time.process_time() - start)
    return min(seconds[1:])


def main() -> None:
    """Print a table for each shape."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--batch", type=int, default=32)
    args = parser.parse_args()
    torch.set_num_threads(1)
    for shape in SHAPES:
        print(f"\n{'x'.join(map(str, shape))}\n\n| network | parameters | CPU ms per example |\n|---|---:|---:|")
        x = torch.rand(args.batch, *shape)
        for name, arguments in variants():
            model, objective = er.recipes.vae(shape, seed=0, **arguments)
            parameters = sum(parameter.numel() for parameter in model.parameters())
            milliseconds = 1000 * cheapest_step(model, objective, x, args.steps) / args.batch
            print(f"| {name} | {parameters:,} | {milliseconds:.2f} |", flush=True)


if __name__ == "__main__":
    main()
