"""Suites of metrics, each measured together."""
