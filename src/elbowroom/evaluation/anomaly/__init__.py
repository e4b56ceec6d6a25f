"""Anomaly detection: scores, calibrated thresholds, evaluation and heat maps."""
