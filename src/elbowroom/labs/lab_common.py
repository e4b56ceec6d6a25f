"""Helpers of the labs: trainings that are kept and loaded, tables, and figures of one style."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import torch
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from PIL import Image

import elbowroom as er
from elbowroom.plotting.style import INK_COLOR, style_axes

#: Line colors that the color-blind can tell apart (Okabe & Ito 2008).
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#55554f")

#: Points x and y, name and color.
Line = tuple[Sequence[float], Sequence[float], str, str]

#: States of a run that has not reached its end.
INCOMPLETE_STATES = ("unfinished", "damaged", "interrupted", "terminated")


def train_or_load(
    path: Path,
    make: Callable[[], tuple[Any, Any]],
    data: er.Data,
    epochs: int | None,
    seed: int = 0,
    watch: Sequence[str] = ("test",),
    callbacks: Sequence[er.Callback] = (),
    **settings: Any,
) -> er.Run:
    """Train what ``make`` returns, with weights and order from the seed; or load the finished run at ``path``."""
    run = er.Run(path)
    if not run.exists:
        print(f"\ntraining {path}", file=sys.stderr, flush=True)
        torch.manual_seed(seed)
        watched = {"watch": watch, "callbacks": callbacks, "validate_every": 1}
        return er.fit(*make(), data, epochs=epochs, seed=seed, out=path, **watched, **settings)
    settings = {"epochs": epochs, "seed": seed, **settings}
    settings |= {name: data.protocol[name] for name in ("fingerprint", "sizes")}
    record = run.record["training"] | run.record["data"] | {"seed": run.record["training"]["seed"]}
    given, kept = data.protocol["arguments"], run.record["data"]["arguments"]
    is_other = any(record[name] != value for name, value in settings.items())
    is_other |= any(given[name] != kept[name] for name in given.keys() & kept.keys())
    if run.state in INCOMPLETE_STATES or is_other:
        raise ValueError(f"{path} holds another training, or a part of one: remove it, or give another --out")
    return run


def test_losses(run: er.Run) -> list[float]:
    """Return the test loss after every epoch, −ELBO for a VAE: one sample per example, nats."""
    return [row["loss"] for row in run.metrics("test")]


def print_table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a Markdown table, floats with two decimals."""
    print(f"\n| {' | '.join(head)} |\n{'|---' * len(head)}|")
    for row in rows:
        print("| " + " | ".join(f"{cell:.2f}" if isinstance(cell, float) else str(cell) for cell in row) + " |")


def new_figure(width: float, height: float) -> Figure:
    return Figure(figsize=(width, height), layout="constrained", dpi=110)


def label_axes(axes: Any, title: str, x: str, y: str) -> None:
    """Set the title and the axis labels, and draw the grid."""
    axes.set_title(title, loc="left", fontsize=10, color=INK_COLOR)
    axes.set(xlabel=x, ylabel=y)
    style_axes(axes)


def plot_labeled_lines(
    axes: Any, lines: Sequence[tuple[Sequence[float], Sequence[float], str, str]], **style: Any
) -> None:
    """Draw lines (x, y, name, color), each with its name at its end without overlap. Set the limits before."""
    for x, y, _, color in lines:
        axes.plot(x, y, color=color, linewidth=1.6, **style)
    low, high = axes.get_ylim()
    spacing, height = 0.055 * (high - low), float("-inf")
    for x, y, name, color in sorted(lines, key=lambda line: line[1][-1]):
        height = max(min(y[-1], high), height + spacing)
        axes.annotate(
            name,
            (x[-1], height),
            (6, 0),
            textcoords="offset points",
            color=color,
            fontsize=8,
            va="center",
            annotation_clip=False,
        )
    axes.set_xlim(right=max(max(x) for x, *_ in lines))


def label_class(axes: Any, points: torch.Tensor, name: object) -> None:
    """Write the name of a class at the median of its points (N, 2)."""
    x, y = points.median(0).values.tolist()
    halo = [withStroke(linewidth=2.5, foreground="white")]
    axes.text(x, y, name, fontsize=12, fontweight="bold", color=INK_COLOR, ha="center", va="center", path_effects=halo)


def draw_images(axes: Any, rows: Sequence[torch.Tensor], names: Sequence[str] = (), gap: int = 2) -> None:
    """Draw rows of images (N, C, H, W), values in [0, 1], each row with its name."""
    height, width = rows[0].shape[-2:]
    canvas = torch.ones(len(rows) * (height + gap) - gap, max(map(len, rows)) * (width + gap) - gap)
    for i, row in enumerate(rows):
        for j, x in enumerate(row):
            top, left = i * (height + gap), j * (width + gap)
            canvas[top : top + height, left : left + width] = x.mean(0).clamp(0, 1)
    axes.imshow(canvas.numpy(), cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    axes.set_xticks([])
    axes.set_yticks([i * (height + gap) + height / 2 for i in range(len(names))], names, fontsize=8.5, color=INK_COLOR)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


def save_figure(figure: Figure, path: Path) -> None:
    """Write the figure as PNG with a palette, at a third of the size."""
    path.parent.mkdir(parents=True, exist_ok=True)
    buffer = BytesIO()
    figure.savefig(buffer)
    Image.open(buffer).convert("RGB").quantize(256, dither=Image.Dither.NONE).save(path, optimize=True)
    print(f"\n{path}")


def parse_counts(text: str, flag: str) -> list[int]:
    """Return the counts that a flag names.

    Raises:
        ValueError: none is named, or something that is no whole number from 1.

    >>> parse_counts("100, 1000", "--labels")
    [100, 1000]
    """
    words = [word.strip() for word in text.split(",")]
    if not all(word.isdecimal() and int(word) > 0 for word in words):
        raise ValueError(f"{flag} '{text}' is no list of whole numbers from 1: write one, or several, as 50,200")
    return [int(word) for word in words]
