"""Binarized MNIST by the published protocol, in runs that can be stopped and resumed at any time.

    python benchmarks/density/train.py MODEL [--epochs 400] [--out DIR] [--onward RUN] [--precision float32]   # resumes
    python benchmarks/density/train.py MODEL --judge                          # the test split, by the best weights

50,000, 10,000 and 10,000 digits; gated 300-300 perceptrons, 40 latents, Adam in batches of 100, the weight of the KL
grown over the first fifth. ``vae`` and ``vamp`` see training pixels drawn anew each time, ``static`` those of the fixed
set, and ``hierarchy`` is the convolutional one. ``--judge`` evaluates the weights with the best validation bound with
5,000 importance samples (the sphere and the ball 500, ``static`` and ``hamiltonian`` 200, ``hierarchy`` 20), and
appends metrics and their hash to ``results.jsonl``.

The others are those of pythae's table of reproductions, with the networks, latents and samples of its scripts: ``iwae``
(50 samples), ``miwae`` and ``piwae`` (8 groups of 8), ``ciwae`` (a twentieth of the ELBO), with tanh 200-200 and 50
latents; ``hyperspherical`` (ReLU 256-128, von Mises-Fisher on the sphere in 11 dimensions), ``poincare`` (ReLU 600,
wrapped normals in 10 dimensions, on grey images, where the cross-entropy is no likelihood) and ``hamiltonian``
(softplus 300, 64 latents, 4 leapfrog steps). Its four rows of tanh train for 3,280 epochs in batches of 20, most on the
validation images too. ``iwae_5`` and ``iwae_5_dynamic`` are their beginning: an epoch with 5 samples costs a tenth of
one with 50 or 64, which then go onward from there.

Unlike in the papers, which train for up to thousands of epochs at a fixed rate, the rate falls along half a cosine, and
products are taken in bf16 while training, or with ``--precision float32`` in single precision, which is faster on
processors without bf16; evaluation is in single precision. ``--onward RUN`` begins with a run's best
weights, at half the rate and without growing the weight of the KL: a second half cosine.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from pathlib import Path
from typing import Any, NamedTuple

import torch

import elbowroom as er
from elbowroom import serialization

GATED = {"hidden": (300, 300), "activation": "gated", "latent": 40}
TANH = {"hidden": (200, 200), "activation": "tanh", "latent": 50}
#: For batches five times as large as the paper's, whose first rate is 1e-3.
TANH_RATE = {"lr": 3e-3}
DYNAMIC, STATIC, GREY = ("mnist", "dynamic"), ("binarized-mnist", "none"), ("mnist", "none")


class Protocol(NamedTuple):
    """A row of a published table: recipe, arguments, data, samples of the importance bound, and its figure in nats."""

    recipe: str
    arguments: dict[str, Any]
    data: tuple[str, str]
    samples: int
    published: float | None
    settings: dict[str, Any] = {}  # noqa: RUF012 - that differ from those of all
    warmup: float = 0.0


MODELS = {
    "vae": Protocol("vae", GATED, DYNAMIC, 5000, 84.45, warmup=0.2),
    "vamp": Protocol("vamp_vae", GATED | {"components": 500}, DYNAMIC, 5000, 82.43, warmup=0.2),
    "static": Protocol("vae", GATED, STATIC, 200, 89.8, warmup=0.2),
    "hierarchy": Protocol("hierarchical_vae", {"size": "s", "latent": 8, "warmup": 1_500}, DYNAMIC, 20, None),
    "iwae_5": Protocol("iwae", TANH | {"k": 5}, STATIC, 5000, None, TANH_RATE),
    "iwae_5_dynamic": Protocol("iwae", TANH | {"k": 5}, DYNAMIC, 5000, None, TANH_RATE),
    "iwae": Protocol("iwae", TANH | {"k": 50}, STATIC, 5000, 86.82, TANH_RATE),
    "miwae": Protocol("miwae", TANH | {"k": 8, "groups": 8}, DYNAMIC, 5000, 85.09, TANH_RATE),
    "piwae": Protocol("piwae", TANH | {"k": 8, "groups": 8}, DYNAMIC, 5000, 84.58, TANH_RATE),
    "ciwae": Protocol("ciwae", TANH | {"k": 64, "mix": 0.05}, DYNAMIC, 5000, 84.74, TANH_RATE),
    "hyperspherical": Protocol(
        "hyperspherical_vae",
        {"hidden": (256, 128), "latent": 10, "posterior": "vmf"},
        DYNAMIC,
        500,
        93.13,
        {"batch_size": 64, "lr": 3e-3},
    ),
    "poincare": Protocol(
        "poincare_vae",
        {"hidden": (600,), "latent": 10, "curvature": 0.7},
        GREY,
        500,
        101.66,
        {"batch_size": 128, "lr": 5e-4},
    ),
    "hamiltonian": Protocol(
        "hamiltonian_vae",
        {"hidden": (300,), "activation": "softplus", "latent": 64, "leapfrog": 4, "step_size": 0.05},
        STATIC,
        200,
        86.21,
        {"lr": 5e-4},
    ),
}


def load_split(name: str, binarize: str) -> er.Data:
    """Load the split of the papers."""
    return er.load_data(name) if name == "binarized-mnist" else er.load_data(name, binarize=binarize, validation=10_000)


def train(model: str, epochs: int, path: Path, onward: Path | None, precision: str) -> er.Run:
    """Train from the beginning, or resume from the last checkpoint."""
    protocol = MODELS[model]
    if (run := er.Run(path)).exists:
        return er.resume(run) if run.state != "finished" else run
    torch.manual_seed(0)
    data = load_split(*protocol.data)
    callbacks = [er.LRSchedule("cosine"), er.EMA(0.999)]
    model_and_objective = er.recipes.RECIPES[protocol.recipe](data.shape, **protocol.arguments)
    if onward is not None:
        serialization.load_into(model_and_objective[0], serialization.read(er.Run(onward).best_weights)[0], onward)
    elif protocol.warmup:
        callbacks.append(er.Warmup(protocol.warmup))
    settings: dict[str, Any] = {"lr": 1e-3, "batch_size": 100} | protocol.settings
    settings["lr"] *= 1 if onward is None else 0.5
    fixed: dict[str, Any] = {"epochs": epochs, "precision": precision, "watch": ("validation",)}
    return er.fit(*model_and_objective, data, **settings, **fixed, out=path, callbacks=callbacks)


def judge(model: str, run: er.Run) -> None:
    """Evaluate the best weights on the test split, and append the result to ``results.jsonl``."""
    _, _, source, samples, published, _, _ = MODELS[model]
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
    parser.add_argument("--precision", choices=("bf16", "float32"), default="bf16")
    parser.add_argument("--judge", action="store_true")
    args = parser.parse_args()
    path = args.out or Path("runs/density") / args.model
    if args.judge:
        judge(args.model, er.Run(path))
    else:
        train(args.model, args.epochs, path, args.onward, args.precision)
