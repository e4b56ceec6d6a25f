"""What does a small set of faces cost, and what helps?

    elbowroom lab small_sets
    elbowroom lab small_sets --data digits

The same convolutional VAE is trained on the first 400 faces, on 2,000 and on 8,000, as many steps as make ``--epochs``
of the largest set: as they are, and with augmentation (mirrored, moved by up to two pixels) and weight decay. Once more
on the fewest it stops by itself, as with ``--patience``. Look at where the bound of faces not trained on turns, how far
it is from that of the training faces, and at what the doctor says. A second table has the
Fréchet distance (FID) of samples to the test faces, with latents from the prior and from a mixture fitted to those of
the training faces. Below are samples of models of Frey's faces, trained in the same way.
"""

from __future__ import annotations

import math
from argparse import Namespace
from dataclasses import replace
from functools import partial
from typing import Any

import torch

import elbowroom as er
from elbowroom.evaluation.metrics.feature_extractor import Features, default_features
from elbowroom.evaluation.metrics.fid_kid import frechet_distance
from elbowroom.labs import lab_common as lab
from elbowroom.samplers.training_latents import fit_to_model

FLAGS = {
    "data": "celeba",
    "epochs": {"celeba": 4, "digits": 8},
    "latent": 32,
    "lr": 2e-3,
    "seed": 0,
    "sizes": {"celeba": "400,2000,8000", "digits": "200,1200"},
    "resize": {"celeba": 32, "digits": 0},
    "shown": {"celeba": "frey-faces", "digits": "digits"},
    "shown_sizes": {"celeba": "200,700,1573", "digits": "200,1200"},
}
PLAIN = "as it is"
REGULARIZED = "augmented, decayed"
COLORS = dict(zip((PLAIN, REGULARIZED), lab.COLORS, strict=False))
BATCH_SIZE = 32
DECAY_OPTIMIZER = "adamw(weight_decay=0.1)"
#: The density fitted to the latents of the training faces.
SAMPLER = "mixture:10"
#: Epochs without a better validation bound before stopping.
PATIENCE_EPOCHS = 8


def first_examples(data: er.Data, count: int) -> er.Data:
    """Return the data with the first so many training examples, and all others."""
    train: Any = data.train
    protocol = data.protocol | {"sizes": data.protocol["sizes"] | {"train": count}}
    return replace(data, train=train.subset(torch.arange(count)), protocol=protocol)


def load_faces(name: str, how: str, args: Namespace) -> er.Data:
    augmentation = {"flip": True, "shift": 2} if how == REGULARIZED else {}
    size = {"resize": args.resize} if args.resize and name == args.data else {}
    return er.load_data(name, **augmentation, **size, **{"validation": 500, "test": 500} if name == "celeba" else {})


def train_or_load(name: str, count: int, how: str, args: Namespace, *callbacks: er.Callback) -> tuple[er.Run, er.Data]:
    """Return the run of one set, and its data without augmentation."""
    data, plain = (first_examples(load_faces(name, kind, args), count) for kind in (how, PLAIN))
    make = partial(er.recipes.conv_vae, data.shape, latent=args.latent, size="s")
    name = "-".join(filter(None, (name, str(count), "regularized" * (how == REGULARIZED), "stopped" * bool(callbacks))))
    settings = {
        "steps": args.steps,
        "batch_size": BATCH_SIZE,
        "lr": args.lr,
        "optimizer": DECAY_OPTIMIZER if how == REGULARIZED else "adam",
    }
    run = lab.train_or_load(
        args.out / name, make, data, None, args.seed, watch=("validation",), callbacks=callbacks, **settings
    )
    return run, plain


def table_cells(run: er.Run, data: er.Data) -> list[str]:
    """Return the ELBO of training and test examples, one sample each, the best validation ELBO and its step."""
    results = [
        er.evaluate(run.model(), data, split=name, metrics="likelihood", samples=1) for name in ("train", "test")
    ]
    step, elbo = best_validation(run)
    cells = [f"{metrics['elbo'].value:,.0f}" for metrics in results]
    return [*cells, f"{elbo:,.0f}", f"{step:,}", overfitting_finding(run, data)]


def best_validation(run: er.Run) -> tuple[int, float]:
    """Return the step at which the validation ELBO was highest, and the ELBO."""
    rows = run.metrics("validation")
    highest = max(rows, key=lambda row: row["elbo"])
    return highest["step"], highest["elbo"]


def sample_distances(run: er.Run, data: er.Data, features: Features) -> list[str]:
    """Return the FID of as many samples as test faces, from the prior and from a fitted mixture, to the test faces."""
    test, model = data.test, run.model()
    assert test is not None
    torch.manual_seed(0)
    samples = [model.sample(len(test))]
    model.sampler = fit_to_model(model, data.train, SAMPLER)
    samples.append(model.sample(len(test)))
    expected = features([test.first(len(test)).x])
    return [f"{frechet_distance(expected, features([x]))[0]:.1f}" for x in samples]


def overfitting_finding(run: er.Run, data: er.Data) -> str:
    """Return the doctor's finding on over-fitting."""
    findings = [finding for finding in er.doctor.examine(run, data) if finding.title.startswith("over-fitting")]
    return f"{findings[0].severity}: {findings[0].title}" if findings else "nothing"


def plot_curves(axes: Any, runs: dict[str, er.Run]) -> list[float]:
    """Plot the ELBO over steps, validation as a line and training dotted, with a dot at the best validation.

    Returns the values after the first quarter of the steps.
    """
    late: list[float] = []
    for how, run in runs.items():
        for split, style in (("train", ":"), ("validation", "-")):
            steps, elbo = zip(*((row["step"], row["elbo"]) for row in run.metrics(split)), strict=True)
            axes.plot(steps, elbo, style, color=COLORS[how], linewidth=1.6, label=f"{split}, {how}")
            late += [value for step, value in zip(steps, elbo, strict=True) if step >= steps[-1] / 4]
    axes.plot(*best_validation(runs[PLAIN]), "o", color=COLORS[PLAIN], markersize=5)
    return late


def main(args: Namespace) -> None:
    """Answer the question."""
    sizes = lab.parse_counts(args.sizes, "--sizes")
    shown_sizes = lab.parse_counts(args.shown_sizes, "--shown-sizes")
    args.steps = args.epochs * math.ceil(max(sizes) / BATCH_SIZE)
    head = ("faces", "training", "bound of training faces", "of test faces", "best of validation", "at step", "doctor")
    runs, rows, distances = {}, [], []
    features = default_features(load_faces(args.data, PLAIN, args))
    for count in sizes:
        for how in COLORS:
            run, data = runs[count, how] = train_or_load(args.data, count, how, args)
            rows.append([f"{count:,}", how, *table_cells(run, data)])
            distances.append([f"{count:,}", how, *sample_distances(run, data, features)])
    run, data = train_or_load(args.data, sizes[0], PLAIN, args, er.EarlyStopping(PATIENCE_EPOCHS))
    rows.append([f"{sizes[0]:,}", f"stopped at step {run.metrics('train')[-1]['step']:,}", *table_cells(run, data)])
    lab.print_table(head, rows)
    lab.print_table(("faces", "training", "FID, prior", f"FID, {SAMPLER}"), distances)

    figure = lab.new_figure(12, 5.8)
    above, below = figure.subfigures(2, 1, height_ratios=(3.4, 2))
    panels = above.subplots(1, len(sizes), sharex=True, sharey=True)
    late: list[float] = []
    for axes, count in zip(panels, sizes, strict=True):
        late += plot_curves(axes, {how: runs[count, how][0] for how in COLORS})
        lab.label_axes(axes, f"{args.data}: {count:,} to train on", "steps", "bound, nats" if count == sizes[0] else "")
    margin = 0.05 * (max(late) - min(late))
    panels[-1].set_ylim(min(late) - margin, max(late) + margin)
    panels[-1].legend(frameon=False, fontsize=8, loc="upper left")
    for axes, count in zip(below.subplots(1, len(shown_sizes)), shown_sizes, strict=True):
        run, data = train_or_load(args.shown, count, PLAIN, args)
        torch.manual_seed(0)
        lab.draw_images(axes, run.model().sample(16).split(8))
        axes.set_title(f"{args.shown}: samples after {count:,}", loc="left", fontsize=10)
    lab.save_figure(figure, args.figure)
