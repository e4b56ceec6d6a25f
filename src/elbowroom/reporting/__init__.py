"""The report of a run: one page that opens from disk, with everything in it."""

from elbowroom.reporting.command import Command, command
from elbowroom.reporting.page import write

__all__ = ["Command", "command", "write"]
