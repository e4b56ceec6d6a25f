"""Export of a run to files that work without elbowroom: an explorer page with the decoder inside, and ONNX."""

from typing import TYPE_CHECKING

from elbowroom.deprecation import deprecated_getattr
from elbowroom.exporting.diffusers import export_diffusers
from elbowroom.exporting.export import ExportedFile, export
from elbowroom.exporting.hub import export_hub

__all__ = ["ExportedFile", "export", "export_diffusers", "export_hub"]

if not TYPE_CHECKING:
    __getattr__ = deprecated_getattr(__name__)
