"""Suites of metrics: each module registers one."""
