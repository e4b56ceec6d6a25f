"""Export of a run to files that work without elbowroom: an explorer page with the decoder inside, and ONNX."""

from typing import TYPE_CHECKING

from elbowroom.deprecation import deprecated_getattr
from elbowroom.exporting.export import ExportedFile, export

__all__ = ["ExportedFile", "export"]

if not TYPE_CHECKING:
    __getattr__ = deprecated_getattr(__name__)
