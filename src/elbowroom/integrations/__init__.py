"""Integrations with other tools, each imported on first use: loggers, Pyro."""

from importlib import import_module
from types import ModuleType

from elbowroom.workbench.monitoring.loggers import CSV, TensorBoard, Visdom, WandB

__all__ = ["CSV", "TensorBoard", "Visdom", "WandB"]


def __getattr__(name: str) -> ModuleType:
    if name == "pyro":
        return import_module(f"{__name__}.pyro")
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
