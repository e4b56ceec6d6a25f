"""What do digits without a label add to a hundred, or a thousand, with one? M2 against its classifier alone.

    elbowroom lab semisupervised
    elbowroom lab semisupervised --data digits

Look at the test error of the same network with and without unlabelled digits, and at one style in ten classes.
"""

from __future__ import annotations

from argparse import Namespace
from functools import partial

import torch
import torch.nn.functional as F

import elbowroom as er
from elbowroom.labs import lab_common as lab

FLAGS = {
    "epochs": {"mnist": 12, "digits": 30},
    "seed": 0,
    "lr": 3e-3,
    "labeled_share": 0.125,
    "labels": {"mnist": "100,1000", "digits": "50,200"},
    "weight": 30.0,
    "beta": 3.0,
}
BATCH = 128
#: Test error of M2 in Kingma et al. 2014, arXiv 1406.5298, table 1, in percent.
PUBLISHED = {100: 11.97, 600: 4.94, 1000: 3.60}
#: Steps of the classifier alone.
STEPS = 500
#: Latents in the figure, one a row.
ROWS = 8


def main(args: Namespace) -> None:
    """Answer the question."""
    rows, errors, styles = [], [], None
    for count in lab.parse_counts(args.labels, "--labels"):
        few = {"labeled": count, "labeled_share": args.labeled_share, "seed": args.seed}
        data = er.load_data(args.data, validation=0, **few, binarize="dynamic")
        sizes = {"labels": len(data.classes), "cooldown": args.epochs * data.train.steps(BATCH)}
        make = partial(er.recipes.m2, data.shape, **sizes, weight=args.weight, beta=args.beta)
        settings = {"callbacks": (er.LRSchedule("cosine"),), "batch_size": BATCH, "lr": args.lr}
        run = lab.train_or_load(args.out / f"{count}", make, data, args.epochs, args.seed, **settings)
        error = er.evaluate(run, data, samples=1, metrics="reconstruction")["class_error"]
        alone = 100 * supervised_error(make, data, args.seed)
        published = PUBLISHED.get(count) if args.data == "mnist" else None
        rows.append((f"{count:,}", alone, 100 * error.value, 100 * error.standard_error, published or ""))
        errors.append((count, alone, 100 * error.value, published))
        styles = decode_all_classes(run.model(), data)
    lab.print_table(("labels", "classifier alone, %", "m2, %", "± over the test set", "published M2, %"), rows)

    figure = lab.new_figure(12, 4.2)
    left, right = figure.subplots(1, 2)
    for column, name in enumerate(("classifier alone", "m2", "M2 as published"), 1):
        # The bars that there are stand about the tick: few numbers of labels have a published error.
        starts = [i - 0.27 * (1 if row[3] is not None else 0.5) for i, row in enumerate(errors)]
        places = [start + 0.27 * (column - 1) for start in starts]
        bars = [(x, row[column]) for x, row in zip(places, errors, strict=True) if row[column] is not None]
        color = (*lab.COLORS[1::-1], lab.COLORS[6])[column - 1]
        left.bar(*zip(*bars, strict=True), width=0.24, color=color, label=name) if bars else None
        for at, height in bars:
            left.annotate(f"{height:.1f}", (at, height), (0, 2), textcoords="offset points", ha="center", fontsize=8)
    left.set_xticks(range(len(errors)), [f"{row[0]:,} labels" for row in errors])
    left.legend(frameon=False, fontsize=8)
    lab.label_axes(left, "Test error", "", "percent")
    lab.draw_images(right, styles)
    right.set_title(f"A row is one latent z, a column one class ({errors[-1][0]:,} labels)", loc="left", fontsize=10)
    lab.save_figure(figure, args.figure)


def supervised_error(make: partial, data: er.Data, seed: int) -> float:
    """Return the test error of the model's classifier trained on the labelled examples alone, from the same weights."""
    torch.manual_seed(seed)
    classifier = make()[0].classifier
    labeled = (data.train.y >= 0).nonzero().flatten()
    optimizer = torch.optim.Adam(classifier.parameters(), 1e-3)
    for _ in range(STEPS):
        x, y, _ = data.train.gather(labeled[torch.randint(len(labeled), (BATCH,))])
        loss = F.cross_entropy(classifier(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    test = data.test.first(len(data.test))
    with torch.no_grad():
        return (classifier(test.x).argmax(-1) != test.y).float().mean().item()


def decode_all_classes(model: er.GenerativeModel, data: er.Data) -> list[torch.Tensor]:
    """Decode every class at the same latent, with one latent from the prior for each row."""
    classes = torch.arange(len(data.classes))
    with torch.random.fork_rng():
        torch.manual_seed(1)
        latents = model.draw_prior(ROWS)
    return [model.sample(z=z.expand(len(classes), -1), c=classes) for z in latents]
