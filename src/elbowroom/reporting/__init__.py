"""The report of a run: one page that opens from disk, with everything in it."""

from elbowroom.reporting.report import write_report

__all__ = ["write_report"]
