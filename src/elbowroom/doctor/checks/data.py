"""Ailments of the data."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch

from elbowroom.auditor.classic import classic
from elbowroom.auditor.quiet import at_rest
from elbowroom.data import Split
from elbowroom.doctor.duplicates import NEAR, Twins, compared
from elbowroom.doctor.evidence import Case
from elbowroom.doctor.finding import Finding
from elbowroom.doctor.registry import Unexamined, ailment
from elbowroom.models.base import Generative

#: Examples of each split whose values are looked at.
LOOKED_AT = 20_000
#: Share of held-out examples that are training examples, above which figures on them mean nothing.
MOST = 0.5


@ailment("data out of range")
def out_of_range(case: Case) -> Iterator[Finding]:
    """Values that the likelihood gives no probability to, or that a bounded reconstruction cannot reach."""
    low, high, whose = _range(case)
    if math.isinf(low) and math.isinf(high):
        return
    for name, split in case.data.splits.items():
        outside, least, most, seen = _reach(split, low, high)
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


def _range(case: Case) -> tuple[float, float, str]:
    if isinstance(case.model, Generative):
        family = case.model.decoder.family
        return *family.support, type(family).__name__
    if case.run.record["training"]["pass_state"]:
        raise Unexamined("what the module returns is not known")
    with at_rest(case.model):
        output = classic(case.model(case.batch.x), case.batch.x)
    if output is None:
        raise Unexamined(f"{type(case.model).__name__} does not return (reconstruction, mu, logvar)")
    again = output.reconstruction
    # A sigmoid reaches for both ends; what merely happens to lie between them does not.
    if 0 <= again.min() < 0.05 and 0.95 < again.max() <= 1:
        return 0.0, 1.0, "its reconstructions"
    return -math.inf, math.inf, ""


def _reach(split: Split, low: float, high: float) -> tuple[int, float, float, int]:
    """How many values are outside, the least and the largest of all, and how many were looked at."""
    outside = seen = examples = 0
    least, most = math.inf, -math.inf
    with torch.random.fork_rng(devices=[]):
        for batch in split.batches(1000):
            outside += int(((batch.x < low) | (batch.x > high) | batch.x.isnan()).sum())
            least, most = min(least, batch.x.min().item()), max(most, batch.x.max().item())
            seen, examples = seen + batch.x.numel(), examples + len(batch.x)
            if examples >= LOOKED_AT:
                break
    return outside, least, most, seen


@ailment("held-out examples in training")
def leaked(case: Case) -> Iterator[Finding]:
    """A validation or test split that holds training examples, or is the training split."""
    for name, split in case.data.splits.items():
        if name == "train":
            continue
        twins = compared(split, case.data.train)
        if not twins.shared:
            continue
        whole = twins.shared >= MOST
        yield Finding(
            "held-out examples in training",
            f"{twins.shared:.0%} of {twins.looked_at} {name} examples {_alike(twins)}",
            f"{name} figures are those of training: they say nothing of new examples, and over-fitting cannot be seen",
            f"hold out examples of their own: --validation 0.1, or another {name} split"
            if whole
            else f"remove the copies from the training split, and divide by origin rather than at random ({name})",
            "fault" if whole else "warning",
        )


def _alike(twins: Twins) -> str:
    if twins.same >= twins.near / 2:
        return "are training examples, value by value"
    return f"are {NEAR:.0%} as far from a training example as training examples are from each other, or nearer"
