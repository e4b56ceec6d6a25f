"""Checkpoints of other libraries as models and runs: one module for each format."""

from elbowroom.runs.foreign.load import import_run, load_foreign
from elbowroom.runs.foreign.registry import FORMATS, ForeignModel, foreign_format

__all__ = ["FORMATS", "ForeignModel", "foreign_format", "import_run", "load_foreign"]
