"""The command line."""

from elbowroom.cli.main import main

__all__ = ["main"]
