"""The report of a run: one page that opens from disk, with everything in it."""

from elbowroom.reporting.report import write

__all__ = ["write"]
