"""Honest figures: each with its protocol and uncertainty."""

from elbowroom.evaluation.evaluate import evaluate
from elbowroom.evaluation.metric import Evaluation, Metric
from elbowroom.evaluation.suits import check_range, check_suits

__all__ = ["Evaluation", "Metric", "check_range", "check_suits", "evaluate"]
