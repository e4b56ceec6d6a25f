"""Binarized MNIST by the published protocol, in runs that can be stopped and resumed at any time.

    python benchmarks/density/train.py MODEL [--epochs 400] [--out DIR] [--onward RUN]      # again, to resume
    python benchmarks/density/train.py MODEL --judge                          # the test split, by the best weights

50,000, 10,000 and 10,000 digits; gated 300-300 perceptrons, 40 latents, Adam in batches of 100, the weight of the KL
grown over the first fifth. ``vae`` and ``vamp`` see training pixels drawn anew each time, ``static`` those of the fixed
set, and ``hierarchy`` is the convolutional one. ``--judge`` evaluates the weights with the best validation bound with
5,000 importance samples (``static`` 200, ``hierarchy`` 20), and appends metrics and their hash to ``results.jsonl``.

Unlike in the papers, which train for up to thousands of epochs at a fixed rate, the rate falls along half a cosine, and
products are taken in bf16 while training; evaluation is in single precision. ``--onward RUN`` begins with a run's best
weights, at half the rate and without growing the weight of the KL: a second half cosine.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from pathlib import Path

import torch

import elbowroom as er
from elbowroom import serialization

GATED = {"hidden": (300, 300), "activation": "gated", "latent": 40}
#: recipe, its arguments, data, samples of the importance bound, what is published
MODELS = {
    "vae": ("vae", GATED, ("mnist", "dynamic"), 5000, 84.45),
    "vamp": ("vamp_vae", GATED | {"components": 500}, ("mnist", "dynamic"), 5000, 82.43),
    "static": ("vae", GATED, ("binarized-mnist", "none"), 200, 89.8),
    "hierarchy": ("hierarchical_vae", {"size": "s", "latent": 8, "warmup": 1_500}, ("mnist", "dynamic"), 20, None),
}


def load_split(name: str, binarize: str) -> er.Data:
    """Load the split of the papers."""
    return er.load_data(name) if name == "binarized-mnist" else er.load_data(name, binarize=binarize, validation=10_000)


def train(model: str, epochs: int, path: Path, onward: Path | None) -> er.Run:
    """Train from the beginning, or resume from the last checkpoint."""
    recipe, arguments, source, _, _ = MODELS[model]
    if (run := er.Run(path)).exists:
        return er.resume(run) if run.state != "finished" else run
    torch.manual_seed(0)
    data = load_split(*source)
    callbacks = [er.LRSchedule("cosine"), er.EMA(0.999)]
    model_and_objective = er.recipes.RECIPES[recipe](data.shape, **arguments)
    if onward is not None:
        serialization.load_into(model_and_objective[0], serialization.read(er.Run(onward).best_weights)[0], onward)
    elif recipe != "hierarchical_vae":
        callbacks.append(er.Warmup(0.2))
    settings = {"lr": 1e-3 if onward is None else 5e-4} | {
        "epochs": epochs,
        "batch_size": 100,
        "precision": "bf16",
        "watch": ("validation",),
    }
    return er.fit(*model_and_objective, data, **settings, out=path, callbacks=callbacks)


def judge(model: str, run: er.Run) -> None:
    """Evaluate the best weights on the test split, and append the result to ``results.jsonl``."""
    _, _, source, samples, published = MODELS[model]
    tensors, header = serialization.read(run.best_weights)
    best = run.model()
    serialization.load_into(best, tensors, run.best_weights)
    metrics = er.evaluate(best, load_split(*source), samples=samples, metrics=("likelihood",))
    row = {
        "model": model,
        "epochs": max(r["epoch"] for r in run.metrics("train")),
        "best_step": int(header["step"]),
        "seconds": round(run.seconds),
        "test_nll": round(-metrics["importance_bound"].value, 2),
        "standard_error": round(metrics["importance_bound"].standard_error, 2),
        "test_elbo": round(metrics["elbo"].value, 2),
        "samples": samples,
        "published": published,
        "weights_sha256": hashlib.sha256(run.best_weights.read_bytes()).hexdigest(),
    }
    print(json.dumps(row))
    with Path(__file__).with_name("results.jsonl").open("a") as file:
        file.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", choices=MODELS)
    parser.add_argument("--epochs", type=int, default=400)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--onward", type=Path)
    parser.add_argument("--judge", action="store_true")
    args = parser.parse_args()
    path = args.out or Path("runs/density") / args.model
    judge(args.model, er.Run(path)) if args.judge else train(args.model, args.epochs, path, args.onward)
