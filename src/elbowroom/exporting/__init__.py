"""Exporting: a run as files that need no elbowroom, a page that decodes by itself and ONNX."""

from elbowroom.exporting.export import ExportedFile, export

__all__ = ["ExportedFile", "export"]
