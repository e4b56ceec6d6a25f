"""Diagnosis of a critic: one that is never wrong."""

from __future__ import annotations

from collections.abc import Iterator

from elbowroom.doctor.evidence import MIN_STEPS, Evidence
from elbowroom.doctor.finding import Finding
from elbowroom.doctor.registry import NotApplicableError, diagnosis

#: The share of logits on the right side from which a critic has won.
WON_ACCURACY = 0.99
#: The last share of the training's rows that are looked at.
LAST_SHARE = 0.25


@diagnosis("critic won")
def find_winning_critic(evidence: Evidence) -> Iterator[Finding]:
    """Find a critic that tells what the model makes from what is real without a mistake."""
    rows = [row for row in evidence.split_rows("train") if "critic_accuracy" in row]
    if not rows:
        raise NotApplicableError("the run has no critic that tells real from fake")
    if evidence.n_steps < MIN_STEPS:
        raise NotApplicableError(f"{evidence.n_steps} steps are too few to tell who wins")
    last = [row["critic_accuracy"] for row in rows if row["step"] > (1 - LAST_SHARE) * evidence.n_steps]
    accuracy = sum(last) / len(last) if last else 0.0
    if accuracy < WON_ACCURACY:
        return
    yield Finding(
        "critic won",
        f"over the last {LAST_SHARE:.0%} of the steps the critic was right on {accuracy:.1%} of what it saw",
        "what the model makes comes no nearer to what is real in its eyes, and its gradient says little about how",
        "give the critic a smaller rate (optimizer={'lr': …}), a penalty (r1=10) or less width; if the data are bits, "
        "leave it out: reconstructions are grey and give themselves away",
        "warning",
    )
