"""Samples of faces after the same CPU seconds: elbowroom against PyTorch-VAE's and pythae's models as published.

    python benchmarks/images/face_samples.py [--cpu-seconds 600] [--seed 0] [--only NAME ...] [--side 64] [--out FOLDER]

The data: 10,000 faces of CelebA in colour at 64x64, or at ``--side``, 7,500 to train on, 2,000 for test. Every variant
is trained for the same CPU seconds of this process (``process_time``: 600 are five minutes of two cores), then 5,000
samples, clamped to [0, 1], are measured against the test images:

- FID and KID in the features that ``elbowroom evaluate`` has for this data, a classifier of its attributes. The row
  ``training images`` is the floor: as many training images in place of samples;
- the share of 500 samples in which OpenCV's frontal-face detector finds a face, beside that of training images, and of
  test images blurred to 4x4 pixels, in which there is none to be found;
- the distance to the nearest training image (Euclidean, values in [0, 1], median), beside that of test images: much
  smaller ones would be copies.

Variants of elbowroom are recipes with settings of ``er.fit`` (``our_recipes.py``), each sampled from its prior, if it
has one, and from a sampler fitted to its latents, whose seconds are not counted. Those of peers (``peers.py``) are
written from their published descriptions: networks, losses, optimiser, decay, batch and range of values as published,
in a plain loop without logs. pythae is the package itself, which has to be installed, with its trainer's defaults in
the same loop; and once more with elbowroom's network and a rate of 1e-3, since its own network is large for minutes
of a CPU. Those named ``sweep: …`` are what the settings of ``faces`` were chosen from; they run by name only.

A result is one JSON line in ``FOLDER/results.jsonl``; what is there already is not measured again. Beside it are
pages of 64 samples.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import torch
from our_recipes import OUR_VARIANTS
from peers import PEER_VARIANTS
from results import Results, print_markdown
from scores import SAMPLES, Judge

import elbowroom as er

VARIANTS = OUR_VARIANTS | PEER_VARIANTS


def measure(
    name: str, judge: Judge, data: er.Data, results: Results, budget: dict[str, Any]
) -> Iterator[dict[str, Any]]:
    """Train a variant and yield the scores of its samples, one row a density of latents."""
    cpu_s, seed = budget["budget_s"], budget["seed"]
    trained = VARIANTS[name](data, cpu_s, seed)
    cost = {"parameters": trained.parameters, "steps": trained.steps, "cpu_s": round(trained.cpu_s, 2)}
    for sampler, draw in trained.draws.items():
        torch.manual_seed(seed)
        images = draw(SAMPLES)
        results.save_page(f"{name}-{sampler}-{budget['side']}px-{cpu_s:g}s-{seed}", images[:64])
        yield {"variant": name, "latents": sampler} | cost | judge.score(images)


def measure_references(judge: Judge) -> Iterator[dict[str, Any]]:
    for name, images in judge.references().items():
        yield {"variant": name, "latents": ""} | judge.score(images)
    yield {"variant": "test images", "latents": ""} | judge.score_few(judge.test)


def print_table(rows: list[dict[str, Any]]) -> None:
    """Print the rows as Markdown, the best FID first."""
    head = ("model", "latents from", "FID", "KID, thousandths", "with a face", "nearest training image")
    head += ("parameters", "steps", "CPU s", "CPU s a step", "seed")
    print_markdown(head, map(table_cells, sorted(rows, key=lambda row: row.get("fid", 0.0))))


def table_cells(row: dict[str, Any]) -> list[str]:
    """Return the cells of a row; empty ones for what it has none of: distances to itself, costs of no model."""
    distances = [
        f"{scale * row[name]:.{digits}f} ± {scale * row[f'{name}_error']:.{digits}f}" if name in row else ""
        for name, scale, digits in (("fid", 1, 2), ("kid", 1000, 1))
    ]
    cells = [row["variant"], row["latents"], *distances, f"{row['faces']:.1%}", f"{row['nearest']:.2f}"]
    if "steps" not in row:
        return [*cells, *("",) * 5]
    cells += [f"{row['parameters']:,}", f"{row['steps']:,}", f"{row['cpu_s']:.0f}"]
    return [*cells, f"{row['cpu_s'] / max(row['steps'], 1):.3f}", str(row["seed"])]


def main() -> None:
    """Measure the variants that are not in the results yet, and print the table of all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cpu-seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=0)
    compared = (name for name in VARIANTS if not name.startswith("sweep: "))
    parser.add_argument("--side", type=int, default=64, help="of the images, in pixels")
    parser.add_argument("--only", nargs="+", choices=list(VARIANTS), default=[*compared], metavar="NAME")
    parser.add_argument("--out", type=Path, default=Path("runs/face-samples"), help="of results.jsonl and the pages")
    args = parser.parse_args()
    results, data = Results(args.out), er.load_data("celeba", validation=0.05, test=0.2, resize=args.side)
    judge = Judge(data)
    features = {"side": args.side, "features": judge.features.hash}
    budget = {"seed": args.seed, "budget_s": args.cpu_seconds} | features
    results.measure({"task": "references"} | features, partial(measure_references, judge))
    for name in args.only:
        results.measure({"task": name} | budget, partial(measure, name, judge, data, results, budget))
    print_table([*results.rows({"task": "references"}), *results.rows(budget)])


if __name__ == "__main__":
    main()
