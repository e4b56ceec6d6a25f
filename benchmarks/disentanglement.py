"""Scores of disentanglement on the shapes by factors: recipes by seeds, resumed by rows.

    python benchmarks/disentanglement.py [--recipes vae,ada_gvae] [--seeds 0,1] [--quick] [--out DIR]
    python benchmarks/disentanglement.py --table                              # the means of what has been measured

The published setting (Locatello et al. 2019, arXiv 1811.12359): images of 64x64, 10 latents, Adam at 1e-4 in batches of
64, 300,000 steps, weights in the middle of those that were tried. Theirs sees all of dSprites; here training examples
are drawn anew from the grid that is not held out, and scores are of 10,000 held-out combinations. The network is ours
with 32, 32, 64 and 64 channels, close to that of Burgess et al. 2018, arXiv 1804.03599. ``--quick`` is minutes of one
core: images of 32x32, perceptrons, 3,000 steps at 1e-3 on 20,000 images.

A row of ``results.jsonl`` in the folder is a recipe and a seed; what is there is not measured again, and a training
that was stopped goes on.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

import elbowroom as er

#: Recipes with their weights, from the middle of the published ranges.
RECIPES: dict[str, dict[str, Any]] = {
    "vae": {},
    "beta_vae": {"beta": 4.0},
    "factor_vae": {"gamma": 30.0},
    "beta_tc_vae": {"beta": 6.0},
    "dip_vae": {},
    "ada_gvae": {},
}
#: Of a protocol: its data, arguments of every recipe, and training.
PUBLISHED = (
    {"examples": 726_280, "pairs": "1"},
    {"latent": 10, "network": "conv", "widths": (32, 32, 64, 64)},
    {"batch_size": 64, "lr": 1e-4, "steps": 300_000, "report": False},
)
QUICK = (
    {"resize": 32, "pairs": "1"},
    {"latent": 10, "hidden": (400, 400)},
    {"batch_size": 64, "lr": 1e-3, "steps": 3000, "report": False},
)


def measure(recipe: str, seed: int, protocol: tuple[dict[str, Any], ...], folder: Path) -> dict[str, Any]:
    """Train, or go on training, and return the scores of a recipe and a seed."""
    options, arguments, training = protocol
    run = er.Run(folder / f"{recipe}-{seed}")
    if not run.exists:
        data = er.load_data("shapes", **options)
        model, objective = er.recipes.RECIPES[recipe](data.shape, seed=seed, **arguments, **RECIPES[recipe])
        run = er.fit(model, objective, data, seed=seed, sampler="none", out=run.path, **training)
    elif run.state != "finished":
        run = er.resume(run)
    metrics = er.evaluate(run, metrics="disentanglement,likelihood", samples=1)
    values = {name: metric.value for name, metric in metrics.items() if metric.suite == "disentanglement"}
    chosen = {name: metrics[name].value for name in ("elbo", "kl")}
    return {
        "recipe": recipe,
        "seed": seed,
        "steps": training["steps"],
        "seconds": round(run.seconds),
        **chosen,
        **values,
    }


def read_rows(path: Path) -> list[dict[str, Any]]:
    """Return the rows that have been measured."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def format_table(rows: list[dict[str, Any]]) -> str:
    """Return means over seeds as a Markdown table, with the standard deviation where there are several seeds."""
    names = [name for name in rows[0] if name not in ("recipe", "seed", "steps", "seconds")]
    lines = [f"| recipe | seeds | {' | '.join(names)} |", "|---|" + "---:|" * (len(names) + 1)]
    for recipe in dict.fromkeys(row["recipe"] for row in rows):
        of_recipe = [row for row in rows if row["recipe"] == recipe]
        cells = [format_cell([row[name] for row in of_recipe]) for name in names]
        lines.append(f"| {recipe} | {len(of_recipe)} | {' | '.join(cells)} |")
    return "\n".join(lines)


def format_cell(values: list[float | None]) -> str:
    """Return the mean of values with their standard deviation; a dash where one is undefined.

    >>> format_cell([0.1, 0.3]), format_cell([-41.26]), format_cell([None])
    ('0.20 ± 0.14', '-41.26', '–')
    """
    known = [value for value in values if value is not None]
    if len(known) < len(values):
        return "–"
    spread = f" ± {np.std(known, ddof=1):.2f}" if len(known) > 1 else ""
    return f"{np.mean(known):.2f}{spread}"


def main() -> None:
    """Measure what is not there yet, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipes", default=",".join(RECIPES))
    parser.add_argument("--seeds", default="0,1,2,3,4")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--table", action="store_true")
    parser.add_argument("--out", type=Path, default=Path("runs/disentanglement"))
    args = parser.parse_args()
    results = args.out / "results.jsonl"
    wanted = [] if args.table else [(r, int(s)) for s in args.seeds.split(",") for r in args.recipes.split(",")]
    for recipe, seed in wanted:
        if any((row["recipe"], row["seed"]) == (recipe, seed) for row in read_rows(results)):
            continue
        row = measure(recipe, seed, QUICK if args.quick else PUBLISHED, args.out)
        with results.open("a") as file:
            file.write(json.dumps(row) + "\n")
        print(json.dumps(row), flush=True)
    print(format_table(read_rows(results)) if results.exists() else f"nothing is measured in {args.out} yet")


if __name__ == "__main__":
    main()
