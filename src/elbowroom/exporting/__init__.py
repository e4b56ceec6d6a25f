"""Exporting: a run as files that need no elbowroom, a page that decodes by itself and ONNX."""

from elbowroom.exporting.export import Exported, export

__all__ = ["Exported", "export"]
