"""Other people's tools, each imported when it is first used."""

from elbowroom.integrations.loggers import CSV, TensorBoard, Visdom, WandB

__all__ = ["CSV", "TensorBoard", "Visdom", "WandB"]
