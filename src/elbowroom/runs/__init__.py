"""Runs: the directory that training leaves, its record and its settings."""

from elbowroom.runs.command import RepeatCommand, repeat_command
from elbowroom.runs.run import Run, load, next_path, list_runs

__all__ = ["RepeatCommand", "Run", "repeat_command", "load", "next_path", "list_runs"]
