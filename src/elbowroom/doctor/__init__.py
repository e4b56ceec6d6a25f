"""The doctor: what a training suffers from, with evidence, consequence and one thing to do."""

from elbowroom.doctor.examine import examine
from elbowroom.doctor.finding import Finding, Findings
from elbowroom.doctor.registry import DIAGNOSES, Diagnosis, NotApplicableError, diagnosis

__all__ = ["DIAGNOSES", "Diagnosis", "Finding", "Findings", "NotApplicableError", "diagnosis", "examine"]
