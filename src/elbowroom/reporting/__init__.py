"""Report of a run as one self-contained HTML page."""

from typing import TYPE_CHECKING

from elbowroom.deprecation import deprecated_getattr
from elbowroom.reporting.report import write_report

__all__ = ["write_report"]

if not TYPE_CHECKING:
    __getattr__ = deprecated_getattr(__name__)
