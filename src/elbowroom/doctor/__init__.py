"""The doctor: what a training suffers from, with evidence, consequence and one thing to do."""

from elbowroom.doctor.examine import examine
from elbowroom.doctor.finding import Finding, Findings
from elbowroom.doctor.registry import AILMENTS, Ailment, Unexamined, ailment

__all__ = ["AILMENTS", "Ailment", "Finding", "Findings", "Unexamined", "ailment", "examine"]
