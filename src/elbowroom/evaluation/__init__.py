"""Honest figures: each with its protocol and uncertainty."""

from elbowroom.evaluation.evaluate import evaluate
from elbowroom.evaluation.metric import Evaluation, Metric

__all__ = ["Evaluation", "Metric", "evaluate"]
