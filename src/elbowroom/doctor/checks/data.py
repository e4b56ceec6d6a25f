"""Ailments of the data."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch

from elbowroom.auditor.claim import parse_vae_output
from elbowroom.auditor.isolation import eval_mode
from elbowroom.data import Split
from elbowroom.doctor.duplicates import NEAR_DISTANCE_RATIO, Duplicates, find_duplicates
from elbowroom.doctor.evidence import Evidence
from elbowroom.doctor.finding import Finding
from elbowroom.doctor.registry import NotApplicableError, diagnosis
from elbowroom.models.base import GenerativeModel

#: Examples of each split whose values are looked at.
MAX_EXAMPLES = 20_000
#: Share of held-out examples that are training examples, above which figures on them mean nothing.
LEAKED_SHARE = 0.5


@diagnosis("data out of range")
def find_data_out_of_range(evidence: Evidence) -> Iterator[Finding]:
    """Values that the likelihood gives no probability to, or that a bounded reconstruction cannot reach."""
    low, high, whose = _value_range(evidence)
    if math.isinf(low) and math.isinf(high):
        return
    for name, split in evidence.data.splits.items():
        outside, least, most, seen = _measure_range(split, low, high)
        if outside:
            yield Finding(
                "data out of range",
                f"{outside / seen:.2%} of the values of the {name} split lie outside [{low:g}, {high:g}], the range of "
                f"{whose}: they go from {least:.3g} to {most:.3g}",
                "log p(x|z) is no log-probability there: it has no bound, and the loss can fall for ever",
                f"scale the data into [{low:g}, {high:g}], or take a likelihood of all numbers (--likelihood gaussian)",
                "fault",
            )
            return


def _value_range(evidence: Evidence) -> tuple[float, float, str]:
    if isinstance(evidence.model, GenerativeModel):
        family = evidence.model.decoder.family
        return *family.support, type(family).__name__
    if evidence.run.record["training"]["pass_state"]:
        raise NotApplicableError("what the module returns is not known")
    with eval_mode(evidence.model):
        output = parse_vae_output(evidence.model(evidence.batch.x), evidence.batch.x)
    if output is None:
        raise NotApplicableError(f"{type(evidence.model).__name__} does not return (reconstruction, mu, logvar)")
    again = output.reconstruction
    # A sigmoid reaches for both ends; what merely happens to lie between them does not.
    if 0 <= again.min() < 0.05 and 0.95 < again.max() <= 1:
        return 0.0, 1.0, "its reconstructions"
    return -math.inf, math.inf, ""


def _measure_range(split: Split, low: float, high: float) -> tuple[int, float, float, int]:
    """How many values are outside, the least and the largest of all, and how many were looked at."""
    outside = seen = examples = 0
    least, most = math.inf, -math.inf
    with torch.random.fork_rng(devices=[]):
        for batch in split.batches(1000):
            outside += int(((batch.x < low) | (batch.x > high) | batch.x.isnan()).sum())
            least, most = min(least, batch.x.min().item()), max(most, batch.x.max().item())
            seen, examples = seen + batch.x.numel(), examples + len(batch.x)
            if examples >= MAX_EXAMPLES:
                break
    return outside, least, most, seen


@diagnosis("held-out examples in training")
def find_split_overlap(evidence: Evidence) -> Iterator[Finding]:
    """A validation or test split that holds training examples, or is the training split."""
    for name, split in evidence.data.splits.items():
        if name == "train":
            continue
        twins = find_duplicates(split, evidence.data.train)
        if not twins.excess_share:
            continue
        whole = twins.excess_share >= LEAKED_SHARE
        yield Finding(
            "held-out examples in training",
            f"{twins.excess_share:.0%} of {twins.n_compared} {name} examples {_describe_duplicates(twins)}",
            f"{name} figures are those of training: they say nothing of new examples, and over-fitting cannot be seen",
            f"hold out examples of their own: --validation 0.1, or another {name} split"
            if whole
            else f"remove the copies from the training split, and divide by origin rather than at random ({name})",
            "fault" if whole else "warning",
        )


def _describe_duplicates(duplicates: Duplicates) -> str:
    if duplicates.exact >= duplicates.near / 2:
        return "are training examples, value by value"
    return f"are {NEAR_DISTANCE_RATIO:.0%} as far from a training example as training examples are from each other, or nearer"
