"""Epochs, batch size and learning rate: which matters, and in which currency: examples seen, or seconds?

    elbowroom lab batch_and_rate
    elbowroom lab batch_and_rate --data digits

The classic in batches of 32, 128 and 512 at three learning rates of Adam, and once for many epochs. Look at the
diagonal of the table, at what a small batch costs in seconds, and at whether the test loss turns.
"""

from __future__ import annotations

from argparse import Namespace
from functools import partial
from itertools import pairwise
from statistics import median
from tempfile import TemporaryDirectory
from time import process_time

import elbowroom as er
from elbowroom.labs import lab_common as lab

FLAGS = {"epochs": {"mnist": 2, "digits": 10}, "long": {"mnist": 10, "digits": 60}, "seed": 0}
BATCHES = (32, 128, 512)
RATES = (3e-4, 1e-3, 3e-3)
CLASSIC = (128, 1e-3)


def main(args: Namespace) -> None:
    """Answer the question."""
    data = er.load_data(args.data, validation=0)
    make = partial(er.recipes.vae, data.shape)
    # The classic's cell of the table is the beginning of its long training.
    long = lab.train_or_load(args.out / "long", make, data, max(args.long, args.epochs), args.seed)
    runs = {
        (size, lr): long
        if (size, lr) == CLASSIC
        else lab.train_or_load(args.out / f"{size}-{lr}", make, data, args.epochs, args.seed, batch_size=size, lr=lr)
        for size in BATCHES
        for lr in RATES
    }
    curves = {key: lab.test_losses(run)[: args.epochs] for key, run in runs.items()}
    seconds = {size: epoch_cpu_seconds(make, data, size) for size in BATCHES}
    last = {key: curve[-1] for key, curve in curves.items()}
    rows = [(size, *(last[size, lr] for lr in RATES), seconds[size]) for size in BATCHES]
    head = ("batch", *(f"rate {lr:g}" for lr in RATES), "CPU seconds per epoch")
    lab.print_table(head, rows)
    test, train = lab.test_losses(long), training_losses(long)
    marks = sorted({n for n in (1, 2, 5, 10, 20, 40, args.long) if n <= len(test)})
    head = ("epochs of the classic", *map(str, marks))
    lab.print_table(head, [(name, *(y[n - 1] for n in marks)) for name, y in (("training", train), ("test", test))])

    figure = lab.new_figure(11, 7)
    (a, b), (c, d) = figure.subplots(2, 2)
    low, high = min(last.values()) - 1, min(max(last.values()) + 18, 2 * min(last.values()))
    for axes in (a, b):
        axes.set_ylim(low, high)
    lines = [(curves[size, 1e-3], f"batch {size}", lab.COLORS[i]) for i, size in enumerate(BATCHES)]
    examples = [n * len(data.train) for n in range(1, args.epochs + 1)]
    lab.plot_labeled_lines(a, [(examples, *line) for line in lines], marker="o", markersize=3)
    a.xaxis.set_major_formatter(lambda n, _: f"{n:,.0f}")
    lab.label_axes(a, "By examples seen", "training examples seen, rate 0.001", "test −ELBO, nats per example")
    for size, (curve, name, color) in zip(BATCHES, lines, strict=True):
        elapsed = [n * seconds[size] for n in range(1, args.epochs + 1)]
        b.plot(elapsed, curve, color=color, linewidth=1.6, marker="o", markersize=3)
        b.annotate(name, (elapsed[-1], curve[-1]), (0, 7), textcoords="offset points", fontsize=8, color=color)
    lab.label_axes(b, "By the clock", "CPU seconds of training, rate 0.001", "test −ELBO, nats per example")

    grid = [[last[size, lr] for lr in RATES] for size in BATCHES]
    c.imshow(grid, cmap="cividis_r", aspect="auto", vmax=min(last.values()) + 30)
    for i, row in enumerate(grid):
        for j, loss in enumerate(row):
            shade = "white" if loss > min(last.values()) + 14 else "#222222"
            c.text(j, i, f"{loss:.1f}", ha="center", va="center", fontsize=10, color=shade)
    lab.label_axes(c, f"Test −ELBO after {args.epochs} epochs, nats per example", "learning rate of Adam", "batch size")
    c.grid(False)
    c.set_xticks(range(3), [f"{lr:g}" for lr in RATES])
    c.set_yticks(range(3), BATCHES)
    d.set_ylim(min(train[-1], *test) - 1, test[min(2, len(test) - 1)] + 2)
    epochs = range(1, len(test) + 1)
    lab.plot_labeled_lines(d, [(epochs, test, "test", lab.COLORS[2]), (epochs, train, "training", lab.COLORS[0])])
    lab.label_axes(d, f"{len(test)} epochs of the classic", "epochs, batch 128, rate 0.001", "−ELBO, nats per example")
    lab.save_figure(figure, args.figure)


def epoch_cpu_seconds(make: partial, data: er.Data, batch_size: int) -> float:
    """Return the CPU seconds of an epoch, by the median step: the same on a busy machine as on an idle one."""
    marks, per_epoch = [], data.train.steps(batch_size)

    @er.on.step
    def mark(state: er.State) -> None:
        marks.append(process_time())

    steps = min(120, 2 * per_epoch)
    with TemporaryDirectory() as folder:
        er.fit(*make(), data, steps=steps, batch_size=batch_size, watch=(), out=f"{folder}/run", callbacks=[mark])
    return median(b - a for a, b in pairwise(marks)) * per_epoch


def training_losses(run: er.Run) -> list[float]:
    """Return the training loss of every epoch: the mean over its examples as they were trained on."""
    epochs: dict[int, list[tuple[float, int]]] = {}
    for row in run.metrics("train"):
        epochs.setdefault(row["epoch"], []).append((row["loss"], row["examples"]))
    return [sum(loss * n for loss, n in rows) / sum(n for _, n in rows) for rows in epochs.values()]
