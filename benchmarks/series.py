"""Drawn series beside real ones, on the windows that TimeVAE was published with: discriminative and predictive score.

    python benchmarks/series.py [--out FOLDER] [--sets energy air] [--models time_vae vrae ...] [--seeds 0 1]

The sets are ``ELBOWROOM_DATA/Series/{air,energy}.npz`` (N, T, D) of Desai et al. 2021 (arXiv 2111.08095), each channel
brought to [0, 1] by the training split; 80 % of the windows are trained on, 10 % set aside, at random, although windows
may share steps.

The discriminative score is that of the training series against as many drawn ones, at most 2,000 of either, as TimeGAN
and TimeVAE have it: 70 % of both train the classifier, and 30 % are judged. The predictive score is of a network
trained on the drawn series and judged on the held-out ones. ``real`` are two halves of the training series, and
the training series in place of drawn ones: the floor. ``noise`` are normals of the same mean and deviation at each
step: the ceiling.

A result is one JSON line in ``FOLDER/results.jsonl``; what is there already is not measured again.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import torch
from images.results import Results, Row, print_markdown
from torch import Tensor

import elbowroom as er
from elbowroom.evaluation.metrics.sequence_scores import discriminative_score, predictive_error

#: Arguments of the recipes.
MODELS: dict[str, dict[str, Any]] = {
    "time_vae": {"latent": 16, "trend": 2, "seasons": (12,)},
    "time_vae residual": {"latent": 16, "trend": 2, "seasons": (12,), "network": "residual", "size": "s"},
    "vrae": {"latent": 16, "width": 64, "warmup": 500},
    "vrnn": {"latent": 8, "width": 64, "warmup": 300},
}
TRAINING: dict[str, Any] = {"batch_size": 128, "lr": 2e-3, "report": False, "progress": False, "watch": ()}
#: Learning rates of those models that are not trained by that above.
RATES = {"vrnn": 4e-3}
#: Series of either kind, at most.
MAX_SERIES = 2000


def load(name: str, seed: int) -> er.Data:
    """Return the windows of a set, channels before steps, each brought to [0, 1]."""
    path = Path(os.environ["ELBOWROOM_DATA"]) / "Series" / f"{name}.npz"
    return er.load_data(path, series="long", scaling="minmax", validation=0.1, test=0.1, seed=seed)


def score(drawn: Tensor, data: er.Data, kind: str, seed: int, real: Tensor | None = None) -> Row:
    """Return both scores of drawn series, with their standard errors."""
    # At random: windows are in the order of time, and the first are unlike the others.
    train = data.train.first(len(data.train)).x
    chosen = torch.randperm(len(train), generator=torch.Generator().manual_seed(seed))[:MAX_SERIES]
    train = train[chosen] if real is None else real
    told_apart = discriminative_score(train, drawn, seed)
    learned = predictive_error(drawn, data.test.first(MAX_SERIES).x, seed)
    return {
        "samples": kind,
        "discriminative": told_apart.value,
        "discriminative_error": told_apart.standard_error,
        "predictive": learned.value,
        "predictive_error": learned.standard_error,
        "series": len(drawn),
    }


def measure_references(data: er.Data, seed: int) -> Iterator[Row]:
    """Yield the scores of training series, and of normals without memory."""
    train = data.train.first(2 * MAX_SERIES).x
    generator = torch.Generator().manual_seed(seed)
    first, second = train[torch.randperm(len(train), generator=generator)].chunk(2)
    yield score(first, data, "real", seed, real=second)
    train = train[:MAX_SERIES]
    noise = train.mean(0) + train.std(0) * torch.randn(train.shape, generator=generator)
    yield score(noise, data, "noise", seed)


def measure_model(data: er.Data, name: str, steps: int, seed: int) -> Iterator[Row]:
    """Train a model, and yield the scores of its draws and of its means."""
    model, objective = getattr(er.recipes, name.partition(" ")[0])(data.shape, seed=seed, **MODELS[name])
    start = time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        schedule = er.LRSchedule("one-cycle")
        settings = TRAINING | {"lr": RATES.get(name, TRAINING["lr"])}
        run = er.fit(
            model, objective, data, steps=steps, seed=seed, out=f"{folder}/run", callbacks=[schedule], **settings
        )
        seconds = time.process_time() - start
        elbo = er.evaluate(run, samples=1, metrics="likelihood")["elbo"].value
        model = er.load(run)
    n = min(MAX_SERIES, len(data.train))
    torch.manual_seed(seed)
    for kind in ("draws", "means"):
        with torch.no_grad():
            drawn = torch.cat([model.sample(min(500, n - i), draw=kind == "draws") for i in range(0, n, 500)])
        yield score(drawn, data, kind, seed) | {"elbo": elbo, "cpu_seconds": seconds}


def print_scores(results: Results) -> None:
    """Print all rows as a table."""
    head = ("set", "model", "samples", "seed", "discriminative", "predictive", "ELBO", "CPU seconds")
    rows = [
        (
            *(str(row[key]) for key in ("set", "model", "samples", "seed")),
            f"{row['discriminative']:.3f} ± {row['discriminative_error']:.3f}",
            f"{row['predictive']:.4f} ± {row['predictive_error']:.4f}",
            f"{row['elbo']:.1f}" if "elbo" in row else "",
            f"{row['cpu_seconds']:.0f}" if "cpu_seconds" in row else "",
        )
        for row in results.rows({})
    ]
    print_markdown(head, rows)


def main() -> None:
    """Measure what is not there yet, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("benchmark-series"))
    parser.add_argument("--sets", nargs="+", default=["energy", "air"])
    parser.add_argument("--models", nargs="+", default=["time_vae", "vrae", "vrnn"], choices=MODELS)
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    options = parser.parse_args()
    results = Results(options.out)
    for name in options.sets:
        for seed in options.seeds:
            data = load(name, seed)
            key = {"set": name, "seed": seed}
            results.measure(key | {"model": "-"}, partial(measure_references, data, seed))
            for model in options.models:
                task = partial(measure_model, data, model, options.steps, seed)
                results.measure(key | {"model": model, "steps": options.steps}, task)
    print_scores(results)


if __name__ == "__main__":
    main()
