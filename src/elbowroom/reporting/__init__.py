"""The report of a run: one page that opens from disk, with everything in it."""

from elbowroom.runs.command import Command, command
from elbowroom.reporting.report import write

__all__ = ["Command", "command", "write"]
