"""Runs: the directory that training leaves, its record and its settings."""

from elbowroom.runs.command import Command, command
from elbowroom.runs.run import Run, load, next_path, runs

__all__ = ["Command", "Run", "command", "load", "next_path", "runs"]
