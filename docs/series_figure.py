"""The picture and the table of docs/series.md: drawn series of energy beside real ones, of `vrae` and of `vrnn`.

ELBOWROOM_DATA=data python docs/series_figure.py

The windows are those of ``benchmarks/series.py``: ``Series/energy.npz`` of Desai et al. 2021 (arXiv 2111.08095).
"""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import torch
from torch import Tensor

import elbowroom as er

#: The models by name: recipe, arguments and steps of the training.
MODELS: dict[str, tuple[str, dict[str, Any], int]] = {
    "vrae, one scale": ("vrae", {"latent": 16, "width": 64, "warmup": 80, "likelihood": "gaussian"}, 250),
    "vrae": ("vrae", {"latent": 16, "width": 64, "warmup": 80}, 250),
    "vrnn": ("vrnn", {"latent": 8, "width": 64, "warmup": 150}, 500),
}
#: The panels of the picture, of the rows of the table.
SHOWN = ("real", "vrae, draws", "vrnn, draws", "vrnn, means")
#: A smooth channel and one of random numbers.
CHANNELS = (2, 26)
N_CURVES, N_SERIES = 6, 500


def draw_series(data: er.Data, name: str) -> tuple[Tensor, Tensor]:
    """Train a recurrent model, and return draws and means of series, (N, C, T)."""
    recipe, arguments, steps = MODELS[name]
    model, objective = er.recipes.find(recipe)(data.shape, seed=0, **arguments)
    with tempfile.TemporaryDirectory() as folder:
        er.fit(
            model,
            objective,
            data,
            steps=steps,
            batch_size=128,
            lr=4e-3,
            seed=0,
            callbacks=[er.LRSchedule("one-cycle")],
            report=False,
            progress=False,
            watch=(),
            out=Path(folder, "run"),
        )
    model.eval()
    with torch.no_grad():
        return model.sample(N_SERIES, draw=True), model.sample(N_SERIES, draw=False)


def measure_steps(x: Tensor) -> str:
    """Return by how much channels move from one step to the next, as cells of a row."""
    moves = x.diff(dim=-1).abs().mean((0, 2))
    return " | ".join(f"{moves[channel]:.3f}" for channel in CHANNELS) + f" | {moves.median():.3f}"


def main() -> None:
    """Train each model, print the table, and draw the curves."""
    path = Path(os.environ["ELBOWROOM_DATA"]) / "Series" / "energy.npz"
    data = er.load_data(path, series="long", scaling="minmax", validation=0.1, test=0.1, seed=0)
    # Windows that follow each other are nearly the same.
    train = data.train.first(len(data.train)).x
    panels = {"real": train[torch.randperm(len(train), generator=torch.Generator().manual_seed(0))[:N_SERIES]]}
    for name in MODELS:
        start = time.process_time()
        panels[f"{name}, draws"], panels[f"{name}, means"] = draw_series(data, name)
        print(f"{name}: {time.process_time() - start:.0f} processor seconds")
    for title, x in panels.items():
        print(f"| {title} | {measure_steps(x)} |")
    size = (len(CHANNELS), len(SHOWN))
    figure, axes = plt.subplots(*size, figsize=(11, 4.4), sharex=True, sharey=True, layout="constrained")
    for column, title in enumerate(SHOWN):
        x = panels[title]
        axes[0, column].set_title(title, fontsize=10)
        axes[-1, column].set_xlabel("step")
        for row, channel in enumerate(CHANNELS):
            axes[row, column].plot(x[:N_CURVES, channel].T, linewidth=1)
    for row, channel in enumerate(CHANNELS):
        axes[row, 0].set_ylabel(f"channel {channel}")
    figure.savefig(Path(__file__).parent / "images" / "series.png", dpi=110)


if __name__ == "__main__":
    main()
