"""What does a small set of faces cost, and what helps?

    python labs/small_sets.py
    python labs/small_sets.py --data digits --sizes 200,1200 --shown digits --shown-sizes 200,1200 --resize 0

The same convolutional VAE is trained on the first 400 faces, on 2,000 and on 8,000, as many steps as make ``--epochs``
of the largest set: as they are, and with augmentation (mirrored, moved by up to two pixels) and weight decay. Once more
on the fewest it stops by itself, as with ``--patience``. Look at where the bound of faces not trained on turns, how far
it is from that of those that were, and at what the doctor says. Below are samples of models of Frey's faces,
trained in the same way.
"""

from __future__ import annotations

import argparse
import math
from dataclasses import replace
from functools import partial
from typing import Any

import sheet
import torch

import elbowroom as er

AS_IT_IS, HELPED = "as it is", "augmented, decayed"
COLOURS = dict(zip((AS_IT_IS, HELPED), sheet.COLOURS, strict=False))
BATCH = 32
DECAY = "adamw(weight_decay=0.1)"
#: Epochs without a better validation bound before stopping.
PATIENCE = 8


def of(data: er.Data, count: int) -> er.Data:
    """The same validation and test examples, and the first so many to train on."""
    train: Any = data.train
    protocol = data.protocol | {"sizes": data.protocol["sizes"] | {"train": count}}
    return replace(data, train=train.part(torch.arange(count)), protocol=protocol)


def loaded(name: str, how: str, args: argparse.Namespace) -> er.Data:
    moved = {"flip": True, "shift": 2} if how == HELPED else {}
    sized = {"resize": args.resize} if args.resize and name == args.data else {}
    return er.load_data(name, **moved, **sized, **{"validation": 500, "test": 500} if name == "celeba" else {})


def trained(
    name: str, count: int, how: str, args: argparse.Namespace, *callbacks: er.Callback
) -> tuple[er.Run, er.Data]:
    """The run of one set, and its data as it is."""
    data, still = (of(loaded(name, kind, args), count) for kind in (how, AS_IT_IS))
    make = partial(er.recipes.conv_vae, data.shape, latent=args.latent, size="s")
    name = "-".join(filter(None, (name, str(count), "helped" * (how == HELPED), "stopped" * bool(callbacks))))
    settings = {
        "steps": args.steps,
        "batch_size": BATCH,
        "lr": args.lr,
        "optimizer": DECAY if how == HELPED else "adam",
    }
    run = sheet.trained(
        args.out / name, make, data, None, args.seed, watch=("validation",), callbacks=callbacks, **settings
    )
    return run, still


def cells(run: er.Run, data: er.Data) -> list[str]:
    """The ELBO of training and of test examples as they are in the set, one sample each; when validation was best."""
    found = [er.evaluate(run.model(), data, split=name, metrics="likelihood", samples=1) for name in ("train", "test")]
    step, bound = best(run)
    return [*(f"{figures['elbo'].value:,.0f}" for figures in found), f"{bound:,.0f}", f"{step:,}", fitted(run, data)]


def best(run: er.Run) -> tuple[int, float]:
    """The step at which the validation bound was highest, and the bound."""
    rows = run.metrics("validation")
    highest = max(rows, key=lambda row: row["elbo"])
    return highest["step"], highest["elbo"]


def fitted(run: er.Run, data: er.Data) -> str:
    """What the doctor says of over-fitting."""
    found = [finding for finding in er.doctor.examine(run, data) if finding.title.startswith("over-fitting")]
    return f"{found[0].severity}: {found[0].title}" if found else "nothing"


def curves(axes: Any, runs: dict[str, er.Run]) -> list[float]:
    """The bound over the steps, of validation as a line and of training dotted; a dot where validation was best.

    Returns what comes after the first quarter of the steps.
    """
    late: list[float] = []
    for how, run in runs.items():
        for split, style in (("train", ":"), ("validation", "-")):
            steps, elbo = zip(*((row["step"], row["elbo"]) for row in run.metrics(split)), strict=True)
            axes.plot(steps, elbo, style, color=COLOURS[how], linewidth=1.6, label=f"{split}, {how}")
            late += [bound for step, bound in zip(steps, elbo, strict=True) if step >= steps[-1] / 4]
    axes.plot(*best(runs[AS_IT_IS]), "o", color=COLOURS[AS_IT_IS], markersize=5)
    return late


def main() -> None:
    own = {"sizes": "400,2000,8000", "resize": 32, "shown": "frey-faces", "shown_sizes": "200,700,1573"}
    args = sheet.flags(__doc__, "small-sets", epochs=4, data="celeba", latent=32, lr=2e-3, seed=0, **own)
    sizes, shown_sizes = ([int(n) for n in text.split(",")] for text in (args.sizes, args.shown_sizes))
    args.steps = args.epochs * math.ceil(max(sizes) / BATCH)
    head = ("faces", "training", "bound of training faces", "of test faces", "best of validation", "at step", "doctor")
    found, rows = {}, []
    for count in sizes:
        for how in COLOURS:
            run, data = found[count, how] = trained(args.data, count, how, args)
            rows.append([f"{count:,}", how, *cells(run, data)])
    run, data = trained(args.data, sizes[0], AS_IT_IS, args, er.EarlyStopping(PATIENCE))
    rows.append([f"{sizes[0]:,}", f"stopped at step {run.metrics('train')[-1]['step']:,}", *cells(run, data)])
    sheet.table(head, rows)

    picture = sheet.figure(12, 5.8)
    above, below = picture.subfigures(2, 1, height_ratios=(3.4, 2))
    panels = above.subplots(1, len(sizes), sharex=True, sharey=True)
    late: list[float] = []
    for axes, count in zip(panels, sizes, strict=True):
        late += curves(axes, {how: found[count, how][0] for how in COLOURS})
        sheet.dress(axes, f"{args.data}: {count:,} to train on", "steps", "bound, nats" if count == sizes[0] else "")
    room = 0.05 * (max(late) - min(late))
    panels[-1].set_ylim(min(late) - room, max(late) + room)
    panels[-1].legend(frameon=False, fontsize=8, loc="upper left")
    for axes, count in zip(below.subplots(1, len(shown_sizes)), shown_sizes, strict=True):
        run, data = trained(args.shown, count, AS_IT_IS, args)
        torch.manual_seed(0)
        sheet.mosaic(axes, run.model().sample(16).split(8))
        axes.set_title(f"{args.shown}: samples after {count:,}", loc="left", fontsize=10)
    sheet.save(picture, args.picture)


if __name__ == "__main__":
    main()
