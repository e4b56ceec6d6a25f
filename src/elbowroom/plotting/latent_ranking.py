"""Latent dimensions of a run, ranked by how much they tell of an example, and their names."""

from __future__ import annotations

from dataclasses import replace

import torch

from elbowroom.data import InMemorySplit
from elbowroom.evaluation.evaluate import evaluate
from elbowroom.evaluation.metric import Evaluation
from elbowroom.formatting import latent_symbol
from elbowroom.runs.run_view import BATCH_SIZE, RunView


def latent_metrics(view: RunView) -> Evaluation:
    """Return KL per dimension and active units of every latent, over the examples of a view; measured once."""

    def measure() -> Evaluation:
        data = replace(view.data, test=InMemorySplit(view.batch.x, view.batch.y))
        return evaluate(view.model, data, metrics="latent", samples=1, seed=view.seed, batch_size=BATCH_SIZE)

    return view.get_or_compute("latent metrics", measure)


def ranked_dimensions(view: RunView) -> tuple[list[int], list[float], str]:
    """Return latent dimensions, the most informative first; the score of each; the unit of the scores.

    The score is the KL, or the variance of the posterior mean where the KL of single dimensions is undefined.
    """
    kl = [m.value for name, m in latent_metrics(view).items() if name.startswith("kl_per_dimension")][-1]
    if kl is None:
        scores, unit = view.latents.var(0, correction=0).tolist(), "variance over the data"
    else:
        scores, unit = torch.tensor(kl).flatten().tolist(), "KL in nats"
    order = sorted(range(len(scores)), key=lambda dim: -scores[dim])
    return order, [scores[dim] for dim in order], unit


def n_latents(view: RunView) -> int:
    """Return the number of latents in the hierarchy; 1 where there is no data to count them by."""
    try:
        return sum(name.startswith("kl_per_dimension") for name in latent_metrics(view))
    except ValueError:
        return 1


def dimension_name(view: RunView, dim: int) -> str:
    """Return the name of a latent dimension; in a hierarchy, one of the uppermost latent."""
    n = n_latents(view)
    return latent_symbol(dim) if n == 1 else f"{latent_symbol(n - 1)}[{dim + 1}]"


def require_continuous(view: RunView) -> None:
    """Raise a ValueError if latents are codes, which cannot be moved along an axis."""
    if view.model.is_quantized:
        raise ValueError("the latents are codes of a quantizer: they have no axes to move along, and nothing between")
