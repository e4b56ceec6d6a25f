"""The picture of docs/topics.md, the first words of some topics: ``python docs/topics_figure.py``.

Needs ``ELBOWROOM_DATA/Text/bbc_news.tsv``, the news of the BBC as OCTIS has them, and two minutes of one core.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import torch
from matplotlib.figure import Figure

import elbowroom as er

IMAGES = Path(__file__).parent / "images"
#: Topics that are drawn, the most frequent ones; words of each.
TOPICS, WORDS = 8, 8


def train() -> tuple[er.GenerativeModel, er.Data]:
    """Return a topic model of the news, and the data."""
    data = er.load_data(Path(os.environ["ELBOWROOM_DATA"]) / "Text" / "bbc_news.tsv")
    model, objective = er.recipes.prod_lda(data.shape, latent=20, seed=0)
    with tempfile.TemporaryDirectory() as folder:
        quiet = {"report": False, "progress": False, "sampler": "none"}
        run = er.fit(
            model,
            objective,
            data,
            epochs=100,
            batch_size=200,
            lr=0.01,
            seed=0,
            final_weights="best",
            out=f"{folder}/run",
            **quiet,
        )
        return run.model(), data


def draw(model: er.GenerativeModel, data: er.Data) -> Figure:
    """Return a panel for each topic: its first words, with bars as long as their weights."""
    weights, vocabulary = model.topics, data.protocol["items"]
    assert weights is not None
    with torch.no_grad():
        shares = model.encode(data.test.first(1000).x).softmax(-1).mean(0)
    figure = Figure(figsize=(11, 4.6), dpi=130, facecolor="white", layout="constrained")
    for axes, topic in zip(
        figure.subplots(2, TOPICS // 2, sharex=True).flat, shares.argsort(descending=True), strict=False
    ):
        first = weights[topic].topk(WORDS)
        axes.barh(range(WORDS), first.values, color="#0072B2", height=0.65)
        axes.set_yticks(range(WORDS), [vocabulary[i] for i in first.indices], fontsize=9)
        axes.invert_yaxis()
        axes.spines[["top", "right"]].set_visible(False)
        axes.set_title(f"{shares[topic]:.0%} of the text", fontsize=10, loc="left")
    figure.supxlabel("weight of the word in the topic", fontsize=10)
    return figure


def main() -> None:
    """Train, and draw the picture."""
    draw(*train()).savefig(IMAGES / "topics.png")


if __name__ == "__main__":
    main()
