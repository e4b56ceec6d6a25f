"""Runs: the directory that training leaves, its record and its settings."""

from elbowroom.runs.command import RepeatCommand, repeat_command
from elbowroom.runs.run import Run, list_runs, load, next_path

__all__ = ["RepeatCommand", "Run", "list_runs", "load", "next_path", "repeat_command"]
