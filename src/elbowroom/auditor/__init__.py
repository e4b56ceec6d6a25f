"""The auditor: whether a reported likelihood can be one."""

from elbowroom.auditor.audit import Audit, Outcome, audit
from elbowroom.auditor.registry import CHECKS, Check, CheckFailedError, CheckSkippedError, check

__all__ = ["CHECKS", "Audit", "Check", "CheckFailedError", "CheckSkippedError", "Outcome", "audit", "check"]
