"""Anomaly scores, their calibration and their evaluation."""
