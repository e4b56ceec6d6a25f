"""How far a reconstruction is from its example."""

from __future__ import annotations

import torch

from elbowroom.evaluation.metric import Metric, mean
from elbowroom.evaluation.subject import Subject
from elbowroom.evaluation.table import suite


@suite("error", "how far reconstructions are from the data", default=True)
def error(subject: Subject) -> dict[str, Metric]:
    """``mse``, the mean squared error of the reconstruction at the posterior mean."""
    errors = [
        (subject.model.reconstruct(batch.x, batch.y) - batch.x).square().flatten(1).mean(1)
        for batch in subject.part.batches(subject.batch_size)
    ]
    return {"mse": mean(torch.cat(errors), "squared", "per dimension, at the posterior mean")}
