"""Diagnoses of the data: values out of range, and held-out examples in the training split."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch

from elbowroom.auditor.isolation import eval_mode
from elbowroom.data import Split
from elbowroom.doctor import advice
from elbowroom.doctor.duplicates import NEAR_DISTANCE_RATIO, Duplicates, find_duplicates
from elbowroom.doctor.evidence import Evidence
from elbowroom.doctor.finding import Finding
from elbowroom.doctor.registry import NotApplicableError, diagnosis
from elbowroom.formatting import format_number
from elbowroom.models.adapter import parse_vae_output
from elbowroom.models.base import GenerativeModel

#: Examples of each split whose values are checked.
MAX_EXAMPLES = 20_000
#: Share of duplicates of training examples in a split, above which its metrics mean nothing.
LEAKED_SHARE = 0.5


@diagnosis("data out of range")
def find_data_out_of_range(evidence: Evidence) -> Iterator[Finding]:
    """Find values outside the support of the likelihood, or outside the range of a bounded reconstruction."""
    low, high, owner = _value_range(evidence)
    if math.isinf(low) and math.isinf(high):
        return
    for name, split in evidence.data.splits.items():
        n_outside, minimum, maximum, n_seen = _measure_range(split, low, high)
        if n_outside:
            yield Finding(
                "data out of range",
                f"{n_outside / n_seen:.2%} of the values of the {name} split lie outside [{low:g}, {high:g}], the "
                f"range of {owner}: they go from {format_number(minimum, 3)} to {format_number(maximum, 3)}",
                "log p(x|z) is no log-probability there: it has no upper bound, and the loss can fall for ever",
                f"scale the data into [{low:g}, {high:g}], or "
                f"{advice.choose_likelihood(evidence, 'gaussian', 'a likelihood of all numbers')}",
                "fault",
            )
            return


def _value_range(evidence: Evidence) -> tuple[float, float, str]:
    """Return the lowest and highest value that x may have, and what sets them, in words."""
    if isinstance(evidence.model, GenerativeModel):
        family = evidence.model.decoder.family
        return *family.support, type(family).__name__
    if evidence.run.record["training"]["pass_state"]:
        raise NotApplicableError("the output of a module that takes the training state is not known")
    with eval_mode(evidence.model):
        output = parse_vae_output(evidence.model(evidence.batch.x), evidence.batch.x)
    if output is None:
        raise NotApplicableError(f"{type(evidence.model).__name__} does not return (reconstruction, mu, logvar)")
    reconstruction = output.reconstruction
    # A sigmoid comes close to both 0 and 1; values that lie between them by chance do not.
    if 0 <= reconstruction.min() < 0.05 and 0.95 < reconstruction.max() <= 1:
        return 0.0, 1.0, "its reconstructions"
    return -math.inf, math.inf, ""


def _measure_range(split: Split, low: float, high: float) -> tuple[int, float, float, int]:
    """Return the number of values outside the range, the minimum, the maximum, and the number of values checked."""
    n_outside = n_seen = n_examples = 0
    minimum, maximum = math.inf, -math.inf
    with torch.random.fork_rng(devices=[]):
        for batch in split.batches(1000):
            n_outside += int(((batch.x < low) | (batch.x > high) | batch.x.isnan()).sum())
            minimum, maximum = min(minimum, batch.x.min().item()), max(maximum, batch.x.max().item())
            n_seen, n_examples = n_seen + batch.x.numel(), n_examples + len(batch.x)
            if n_examples >= MAX_EXAMPLES:
                break
    return n_outside, minimum, maximum, n_seen


@diagnosis("held-out examples in training")
def find_split_overlap(evidence: Evidence) -> Iterator[Finding]:
    """Find a validation or test split that contains training examples, or is the training split."""
    for name, split in evidence.data.splits.items():
        if name == "train":
            continue
        duplicates = find_duplicates(split, evidence.data.train)
        if not duplicates.excess_share:
            continue
        is_leaked = duplicates.excess_share >= LEAKED_SHARE
        yield Finding(
            "held-out examples in training",
            f"{duplicates.excess_share:.0%} of {duplicates.n_compared} {name} examples {_describe_kind(duplicates)}",
            f"{name} metrics are those of training: they say nothing about new examples, and hide over-fitting",
            advice.hold_out(evidence, name)
            if is_leaked
            else f"remove the copies from the training split, and split by origin rather than at random ({name})",
            "fault" if is_leaked else "warning",
        )


@diagnosis("test examples in validation")
def find_validation_overlap(evidence: Evidence) -> Iterator[Finding]:
    """Find a test split that shares examples with the validation split, which the best weights were chosen on."""
    validation, test = evidence.data.validation, evidence.data.test
    if validation is None or test is None:
        raise NotApplicableError("there is no test split beside a validation split")
    duplicates = find_duplicates(test, validation)
    if not duplicates.excess_share:
        return
    yield Finding(
        "test examples in validation",
        f"{duplicates.excess_share:.0%} of {duplicates.n_compared} test examples are validation examples, or nearly",
        "what was chosen on the validation split (weights, settings) was chosen on the test split too",
        advice.hold_out(evidence, "test"),
    )


def _describe_kind(duplicates: Duplicates) -> str:
    if duplicates.exact >= duplicates.near / 2:
        return "are training examples, value by value"
    distance = f"{NEAR_DISTANCE_RATIO:.0%} of the distance between training examples"
    return f"are within {distance} from a training example"
