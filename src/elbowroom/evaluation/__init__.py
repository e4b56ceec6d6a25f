"""Evaluation of models: metrics with their protocol and standard error, anomaly scores, compatibility checks."""

from typing import TYPE_CHECKING

from elbowroom.deprecation import deprecated_getattr
from elbowroom.evaluation import disentanglement
from elbowroom.evaluation.anomaly.conformal import Detector
from elbowroom.evaluation.anomaly.detect import anomalies
from elbowroom.evaluation.anomaly.results import Anomalies
from elbowroom.evaluation.anomaly.scores import anomaly_scores
from elbowroom.evaluation.compatibility import check_compatible, check_range, warn_of_scale
from elbowroom.evaluation.evaluate import evaluate
from elbowroom.evaluation.metric import Evaluation, Metric
from elbowroom.evaluation.suites.images import image_suite
from elbowroom.networks.features import Features

__all__ = [
    "Anomalies",
    "Detector",
    "Evaluation",
    "Features",
    "Metric",
    "anomalies",
    "anomaly_scores",
    "check_compatible",
    "check_range",
    "disentanglement",
    "evaluate",
    "image_suite",
    "warn_of_scale",
]

if not TYPE_CHECKING:
    __getattr__ = deprecated_getattr(__name__)
