"""Figure of the topics of a topic model by their words."""

from __future__ import annotations

import torch

from elbowroom.latent.topics import topics
from elbowroom.plotting.figure import CellTable, FigureSpec
from elbowroom.plotting.registry import register_figure
from elbowroom.runs.run_view import RunView

#: Topics that are shown, at most: the most frequent ones.
MAX_TOPICS = 50


@register_figure("topics", "the words of each topic", "Topics", "data, a topic model", is_special=True)
def topics_figure(view: RunView, words: int = 10) -> FigureSpec:
    """Return a table of the words with the largest weights in each topic, the most frequent topic first.

    Raises:
        ValueError: the model has no topics.
    """
    names = topics(view.model, words)
    with torch.no_grad():
        shares = view.model.encode(view.batch.x.to(view.device)).softmax(-1).mean(0)
    order = shares.argsort(descending=True)[:MAX_TOPICS].tolist()
    rows = [(f"topic {i + 1}", [f"{shares[i]:.1%}", ", ".join(names[i])]) for i in order]
    return FigureSpec(
        "Topics",
        f"The {words} words with the largest weights in each topic, and its mean share at the posterior means of "
        f"{view.split_words}.",
        view.describe_examples(len(view.batch.x)),
        [CellTable("", ["share", "words"], rows, "topic")],
    )
