"""Diagnose known problems of a training run, each with evidence, consequence and advice."""

from typing import TYPE_CHECKING

from elbowroom.deprecation import deprecated_getattr
from elbowroom.doctor.examine import examine
from elbowroom.doctor.finding import Finding, Findings
from elbowroom.doctor.registry import DIAGNOSES, Diagnosis, NotApplicableError, diagnosis

__all__ = ["DIAGNOSES", "Diagnosis", "Finding", "Findings", "NotApplicableError", "diagnosis", "examine"]

if not TYPE_CHECKING:
    __getattr__ = deprecated_getattr(__name__)
