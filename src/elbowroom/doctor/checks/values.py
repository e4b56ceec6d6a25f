"""Diagnoses of how values were read: on far too small a scale, or with fewer levels than the source has."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from elbowroom.data.image import is_image
from elbowroom.doctor import advice
from elbowroom.doctor.evidence import MAX_EXAMPLES, Evidence, first_batch
from elbowroom.doctor.finding import Finding
from elbowroom.doctor.registry import NotApplicableError, diagnosis
from elbowroom.models.base import GenerativeModel

#: The largest value of images below which they were scaled twice, as 1/255 is what bytes divided by 255 twice reach.
SMALL_RANGE = 0.02
#: Levels of an image of 8 bits.
BYTE_LEVELS = 256


@diagnosis(
    "values in a small range",
    explains=("posterior collapse", "unused dimensions", "no active unit", "decoder variance running away"),
)
def find_small_range(evidence: Evidence) -> Iterator[Finding]:
    """Find images, or values of a likelihood on [0, 1], that are all near 0, as after a second division by 255."""
    if not is_image(evidence.view.shape) and not _has_unit_support(evidence):
        raise NotApplicableError("it is for images and values between 0 and 1")
    high = max(_largest_magnitude(evidence, name) for name in evidence.data.splits)
    if not 0 < high < SMALL_RANGE:
        return
    source_high = high * _recorded_scale(evidence)
    yield Finding(
        "values in a small range",
        f"the values of all splits lie within {high:.3g} of 0, the first {MAX_EXAMPLES} examples of each",
        "the model sees images that are all black: what it reconstructs and generates is one gray, whatever they show",
        f"read {source_high:.4g} as 1: {advice.format_option(evidence, 'value_range', f'0,{source_high:.4g}')}",
        "fault",
    )


def _has_unit_support(evidence: Evidence) -> bool:
    model = evidence.model
    return isinstance(model, GenerativeModel) and model.decoder.family.support == (0.0, 1.0)


def _largest_magnitude(evidence: Evidence, name: str) -> float:
    batch = first_batch(evidence.data.splits[name], MAX_EXAMPLES, torch.nn.Identity())
    return batch.x.nan_to_num(0.0).abs().max().item()


def _recorded_scale(evidence: Evidence) -> float:
    """Return the value of the source that became 1."""
    recorded = (evidence.run.record["data"].get("arguments") or {}).get("value_range")
    return float(recorded[1]) if isinstance(recorded, list | tuple) else 1.0


@diagnosis("fewer levels than the source")
def find_lost_levels(evidence: Evidence) -> Iterator[Finding]:
    """Find images that were read as bytes, though the source has more than 256 levels."""
    if not is_image(evidence.view.shape):
        raise NotApplicableError("it is for images")
    if not _was_read_as_bytes(evidence):
        return
    levels = evidence.source_levels
    if levels <= BYTE_LEVELS:
        return
    yield Finding(
        "fewer levels than the source",
        f"the source has {levels:,} different values, in its first examples, and the run was trained on at most "
        f"{BYTE_LEVELS}, as bytes",
        "differences between dark, or bright, parts of the images were lost before the training",
        "train anew: images of more than 8 bits now keep their levels",
    )


def _was_read_as_bytes(evidence: Evidence) -> bool:
    recorded = evidence.run.record["data"]
    value_range = (recorded.get("arguments") or {}).get("value_range")
    is_scaled = "divided by 255" in str(recorded.get("preprocessing", ""))
    return is_scaled and (value_range is None or list(value_range) == [0, 255])
