"""The auditor: whether a reported likelihood can be one."""

from elbowroom.auditor.audit import audit
from elbowroom.auditor.page import Audit, Outcome
from elbowroom.auditor.registry import CHECKS, Check, CheckFailedError, CheckSkippedError, check

__all__ = ["CHECKS", "Audit", "Check", "CheckFailedError", "CheckSkippedError", "Outcome", "audit", "check"]
