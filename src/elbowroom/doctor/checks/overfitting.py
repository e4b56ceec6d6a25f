"""Diagnoses of the fit: over-fitting, and a decoder variance that goes to zero."""

from __future__ import annotations

import math
from collections.abc import Iterator

from torch import Tensor

from elbowroom.auditor.isolation import eval_mode
from elbowroom.data import Batch, Split
from elbowroom.doctor import advice
from elbowroom.doctor.amortization_gap import measure_amortization_gap
from elbowroom.doctor.evidence import MIN_STEPS, Evidence, first_batch
from elbowroom.doctor.finding import Finding
from elbowroom.doctor.registry import NotApplicableError, diagnosis
from elbowroom.evaluation.suites.likelihood import estimate_bounds
from elbowroom.formatting import format_fixed, format_number
from elbowroom.models.base import GenerativeModel

#: Gap between training and held-out examples, in standard deviations of the latter, from which it is a note: a small
#: effect in the terms of Cohen 1988.
SMALL_EFFECT = 0.2
#: Gap from which it is a warning: a medium effect.
MEDIUM_EFFECT = 0.5
#: Standard errors that the gap must exceed to be significant.
MIN_STANDARD_ERRORS = 4.0
#: Posterior samples of each example.
POSTERIOR_SAMPLES = 8
#: Examples of each split whose ELBO is computed.
ELBO_EXAMPLES = 512
#: Examples of each split whose posteriors are refined.
REFINED_EXAMPLES = 64


@diagnosis("decoder variance running away", during_training=True)
def find_runaway_variance(evidence: Evidence) -> Iterator[Finding]:
    """Find a standard deviation of p(x|z) below the resolution of the data: the density then has no bound."""
    last = evidence.snapshots[-1]
    if last.scale is None:
        raise NotApplicableError("p(x|z) is no density on the real line, so its variance cannot run away")
    smallest, median = last.scale
    resolution, meaning = evidence.value_resolution
    if smallest >= resolution:
        return
    extent = "every value" if median < resolution else f"some values (the median is {median:.2g})"
    since = next(s.step for s in evidence.snapshots if s.scale is not None and s.scale[0] < resolution)
    yield Finding(
        "decoder variance running away",
        f"the standard deviation of {extent} is {smallest:.2g}, below {resolution:.2g}, {meaning}, "
        f"since step {since:,}",
        "the density of x grows without bound as it shrinks, so log p(x|z) and the ELBO mean nothing",
        advice.bound_variance(evidence),
        "fault",
    )


@diagnosis("over-fitting")
def find_overfitting(evidence: Evidence) -> Iterator[Finding]:
    """Find an ELBO much lower on held-out than on training examples, and whether encoder or decoder causes it."""
    if evidence.data.validation is None:
        raise NotApplicableError("there is no validation split to compare with")
    if not isinstance(evidence.model, GenerativeModel):
        yield from _find_by_curves(evidence)
        return
    train = _elbo_per_example(evidence, evidence.data.train)
    validation = _elbo_per_example(evidence, evidence.data.validation)
    gap = (train.mean() - validation.mean()).item()
    error = math.sqrt(_squared_standard_error(train) + _squared_standard_error(validation))
    effect = gap / validation.std().item()
    if gap < MIN_STANDARD_ERRORS * error or effect < SMALL_EFFECT:
        return
    part, attribution, remedy = _attribute_gap(evidence, gap)
    yield Finding(
        f"over-fitting{part}",
        f"the ELBO is {format_fixed(train.mean().item())} nats on training and "
        f"{format_fixed(validation.mean().item())} on validation examples, a gap of {gap:.2f} ± {error:.2f} nats or "
        f"{effect:.1f} standard deviations{attribution}",
        "training metrics say little about new examples, whose bounds are lower than they could be",
        remedy,
        "warning" if effect >= MEDIUM_EFFECT else "note",
    )


def _elbo_per_example(evidence: Evidence, split: Split) -> Tensor:
    """Return the ELBO of the first examples, or minus their reconstruction if there is no KL, (B,).

    Of a model that has the class as a latent it is that of log p(x): where labels are few in training and all are known
    held out, the one would be a bound of log p(x) and the other of log p(x, y).
    """
    model = evidence.elbowroom_model
    batch = first_batch(split, ELBO_EXAMPLES, model)
    if model.is_classifier:
        batch = Batch(batch.x, None, batch.index)
    with eval_mode(model):
        scores = estimate_bounds(model, batch, POSTERIOR_SAMPLES, 0)
    return scores.get("elbo", -scores["reconstruction"])


def _squared_standard_error(values: Tensor) -> float:
    """Return the squared standard error of the mean."""
    return values.var().item() / len(values)


def _attribute_gap(evidence: Evidence, gap: float) -> tuple[str, str, str]:
    """Attribute the gap to encoder or decoder: the suffix of the title, the reason and the advice.

    A held-out example has a lower ELBO because the encoder's posterior does not fit it, which refining the posterior
    corrects, or because the decoder does not (Zhang, Hayes & Barber 2022, arXiv 2205.11640).
    """
    decoder_advice = f"{advice.stop_earlier(evidence)}, or use more examples or a smaller decoder"
    assert evidence.data.validation is not None
    try:
        train = _mean_amortization_gap(evidence, evidence.data.train)
        validation = _mean_amortization_gap(evidence, evidence.data.validation)
    except NotApplicableError as error:
        return "", f"; encoder and decoder cannot be told apart ({error})", decoder_advice
    share = max(0.0, min(1.0, (validation - train) / gap))
    reason = (
        f"; refining each posterior gains {format_fixed(train)} nats on training and {format_fixed(validation)} on "
        f"validation examples, so {share:.0%} of the gap is the encoder's"
    )
    if share > 0.5:
        encoder_advice = (
            "regularize the encoder alone: noise on its inputs, dropout in it, fewer parameters, more examples"
        )
        return " of the encoder", reason, encoder_advice
    return " of the decoder", reason, decoder_advice


def _mean_amortization_gap(evidence: Evidence, split: Split) -> float:
    batch = first_batch(split, REFINED_EXAMPLES, evidence.elbowroom_model)
    return measure_amortization_gap(evidence.elbowroom_model, batch, POSTERIOR_SAMPLES).gap.mean().item()


def _find_by_curves(evidence: Evidence) -> Iterator[Finding]:
    """Judge by the loss curves alone: the training loss still falls while the validation loss has risen."""
    validation, train = evidence.split_rows("validation"), evidence.split_rows("train")
    if len(validation) < 5 or len(train) < 5 or evidence.n_steps < MIN_STEPS:
        raise NotApplicableError("there are too few validations to see whether the loss rises")
    losses = [row["loss"] for row in validation]
    best = min(range(len(losses)), key=losses.__getitem__)
    best_step, rise, fall = validation[best]["step"], losses[-1] - losses[best], losses[0] - losses[best]
    train_losses = [row["loss"] for row in train if row["step"] >= best_step]
    if not fall > 0 or rise < 0.1 * fall or not train_losses or train_losses[-1] > train_losses[0]:
        return
    yield Finding(
        "over-fitting",
        f"the validation loss was lowest at step {best_step:,} ({format_number(losses[best])}) and has risen to "
        f"{format_number(losses[-1])}, while the training loss fell to {format_number(train_losses[-1])}; encoder and "
        "decoder of a module that is not an elbowroom model cannot be told apart",
        "training metrics say little about new examples",
        f"{advice.stop_earlier(evidence)}, or take the weights in checkpoints/best.safetensors",
        "warning",
    )
