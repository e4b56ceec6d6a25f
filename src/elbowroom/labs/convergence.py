"""What made VAEs train in minutes: the activation, or the optimiser?

    elbowroom lab convergence
    elbowroom lab convergence --data digits

ReLU with Adam at 1e-3 against sigmoid with AdaGrad at two rates of Kingma & Welling 2014, and the two mixed pairs;
batches of 100, 500 hidden units, 20 latent dimensions throughout. Look at how many epochs each needs for what
the first has after one, and at which of the two changes buys it.
"""

from __future__ import annotations

from argparse import Namespace
from functools import partial

import elbowroom as er
from elbowroom.labs import lab_common as lab

FLAGS = {"epochs": {"mnist": 10, "digits": 40}, "seed": 0}
SETTINGS = {
    "ReLU, Adam 0.001": ("relu", "adam", 0.001, 0),
    "sigmoid, Adam 0.001": ("sigmoid", "adam", 0.001, 5),
    "ReLU, AdaGrad 0.01": ("relu", "adagrad", 0.01, 2),
    "sigmoid, AdaGrad 0.1": ("sigmoid", "adagrad", 0.1, 3),
    "sigmoid, AdaGrad 0.02": ("sigmoid", "adagrad", 0.02, 1),
}


def main(args: Namespace) -> None:
    """Answer the question."""
    data = er.load_data(args.data, validation=0)
    curves = {}
    for name, (activation, optimizer, lr, _) in SETTINGS.items():
        make = partial(er.recipes.vae, data.shape, hidden=(500,), activation=activation)
        path = args.out / f"{activation}-{optimizer}-{lr}"
        settings = {"batch_size": 100, "optimizer": optimizer, "lr": lr}
        curves[name] = lab.test_losses(lab.train_or_load(path, make, data, args.epochs, args.seed, **settings))

    marks = sorted({n for n in (1, 2, 5, 10, 20, args.epochs) if n <= args.epochs})
    first = next(iter(curves.values()))

    def epochs_until(curve: list[float], goal: float) -> str:
        return next((str(n) for n, loss in enumerate(curve, 1) if loss <= goal), f"over {args.epochs}")

    lab.print_table(
        ("setting", *(f"epoch {n}" for n in marks), f"epochs to {first[0]:.1f}"),
        [(name, *(curve[n - 1] for n in marks), epochs_until(curve, first[0])) for name, curve in curves.items()],
    )
    figure = lab.new_figure(8.6, 4.8)
    axes = figure.subplots()
    axes.set_ylim(min(map(min, curves.values())) * 0.985, min(max(map(max, curves.values())), 2.05 * min(first)))
    epochs = range(1, args.epochs + 1)
    lab.plot_labeled_lines(
        axes,
        [(epochs, curve, name, lab.COLORS[SETTINGS[name][-1]]) for name, curve in curves.items()],
        marker="o",
        markersize=2.5,
    )
    lab.label_axes(axes, "Test loss as it falls", "epochs (passes over the training set)", "−ELBO, nats per example")
    axes.locator_params(axis="x", integer=True)
    lab.save_figure(figure, args.figure)
