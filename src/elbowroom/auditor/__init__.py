"""Checks that a reported log-likelihood can be one."""

from typing import TYPE_CHECKING

from elbowroom.auditor.audit import Audit, audit
from elbowroom.auditor.outcome import CheckFailedError, CheckSkippedError, Outcome
from elbowroom.auditor.registry import CHECKS, Check, check
from elbowroom.deprecation import deprecated_getattr

__all__ = ["CHECKS", "Audit", "Check", "CheckFailedError", "CheckSkippedError", "Outcome", "audit", "check"]

if not TYPE_CHECKING:
    __getattr__ = deprecated_getattr(__name__)
