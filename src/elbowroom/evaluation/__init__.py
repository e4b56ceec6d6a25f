"""Honest figures: each with its protocol and uncertainty."""

from elbowroom.evaluation.anomaly import anomaly_scores
from elbowroom.evaluation.conformal import Detector
from elbowroom.evaluation.detection import anomalies
from elbowroom.evaluation.evaluate import evaluate
from elbowroom.evaluation.features import Features
from elbowroom.evaluation.images import images_by
from elbowroom.evaluation.metric import Evaluation, Metric
from elbowroom.evaluation.suits import check_range, check_suits
from elbowroom.evaluation.verdicts import Anomalies

__all__ = [
    "Anomalies",
    "Detector",
    "Evaluation",
    "Features",
    "Metric",
    "anomalies",
    "anomaly_scores",
    "check_range",
    "check_suits",
    "evaluate",
    "images_by",
]
