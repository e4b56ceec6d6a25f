"""Ailments of the fit: over-fitting, and a density without bound."""

from __future__ import annotations

import math
from collections.abc import Iterator

from torch import Tensor

from elbowroom.auditor.isolation import eval_mode
from elbowroom.doctor.amortization_gap import measure_amortization_gap
from elbowroom.doctor.evidence import MIN_STEPS, Evidence, first_batch
from elbowroom.doctor.finding import Finding
from elbowroom.doctor.registry import NotApplicableError, diagnosis
from elbowroom.evaluation.suites.likelihood import estimate_bounds
from elbowroom.models.base import GenerativeModel

#: Gap between training and held-out examples in standard deviations of the latter's, small and medium in the words of
#: Cohen 1988, and the standard errors that it must exceed to be one at all.
SMALL_EFFECT, MEDIUM_EFFECT, MIN_STANDARD_ERRORS = 0.2, 0.5, 4.0
#: Posterior samples of each example, and examples whose posteriors are refined.
POSTERIOR_SAMPLES, REFINED_EXAMPLES = 8, 64


@diagnosis("decoder variance running away", during_training=True)
def find_runaway_variance(evidence: Evidence) -> Iterator[Finding]:
    """A standard deviation of p(x|z) below what the data resolves: the density there has no bound."""
    last = evidence.snapshots[-1]
    if last.scale is None:
        raise NotApplicableError("p(x|z) is no density over all numbers, so it has no variance that could run away")
    smallest, median = last.scale
    grain, what = evidence.value_resolution
    if smallest >= grain:
        return
    all_of_it = "of every value" if median < grain else "of some values (the median is " + f"{median:.2g})"
    since = next(look.step for look in evidence.snapshots if look.scale is not None and look.scale[0] < grain)
    yield Finding(
        "decoder variance running away",
        f"the standard deviation {all_of_it} is {smallest:.2g}, below {grain:.2g}, {what}, since step {since:,}",
        "the density of x grows without bound as it shrinks: log p(x|z) and the ELBO can be as large as one likes",
        "give it a floor or fix it (--likelihood gaussian:0.1), or take a likelihood of pixels (discretized-logistic)",
        "fault",
    )


@diagnosis("over-fitting")
def find_overfitting(evidence: Evidence) -> Iterator[Finding]:
    """Held-out examples that are worth much less than those trained on, and whether encoder or decoder is to blame."""
    if evidence.data.validation is None:
        raise NotApplicableError("there is no validation split to compare with")
    if not isinstance(evidence.model, GenerativeModel):
        yield from _find_by_curves(evidence)
        return
    train, held = (_elbo_per_example(evidence, split) for split in (evidence.data.train, evidence.data.validation))
    gap, error = (
        (train.mean() - held.mean()).item(),
        math.sqrt(_squared_standard_error(train) + _squared_standard_error(held)),
    )
    effect = gap / held.std().item()
    if gap < MIN_STANDARD_ERRORS * error or effect < SMALL_EFFECT:
        return
    part, blame, advice = _attribute_gap(evidence, gap)
    yield Finding(
        f"over-fitting{part}",
        f"training examples are worth {train.mean():.2f} nats and validation examples {held.mean():.2f}, a gap of "
        f"{gap:.2f} ± {error:.2f} nats or {effect:.1f} standard deviations{blame}",
        "figures of training say little of new examples, and bounds of held-out ones are lower than they could be",
        advice,
        "warning" if effect >= MEDIUM_EFFECT else "note",
    )


def _elbo_per_example(evidence: Evidence, split: object) -> Tensor:
    """What each of some examples is worth: its ELBO, or minus its reconstruction where there is no KL."""
    batch = first_batch(split, 512, evidence.elbowroom_model)  # type: ignore[arg-type]
    with eval_mode(evidence.elbowroom_model):
        scores = estimate_bounds(evidence.elbowroom_model, batch, POSTERIOR_SAMPLES, 0)
    return scores.get("elbo", -scores["reconstruction"])


def _squared_standard_error(values: Tensor) -> float:
    """The squared standard error of the mean."""
    return values.var().item() / len(values)


def _attribute_gap(evidence: Evidence, gap: float) -> tuple[str, str, str]:
    """Whose the gap is. Zhang, Hayes & Barber 2022, arXiv 2205.11640: held-out examples lose by a posterior that does
    not fit them, which refining it mends, and by a decoder that does not, which nothing does.
    """
    fewer = "stop earlier (--patience 10), or give more examples or a smaller decoder"
    assert evidence.data.validation is not None
    try:
        train, held = (
            measure_amortization_gap(
                evidence.elbowroom_model,
                first_batch(split, REFINED_EXAMPLES, evidence.elbowroom_model),
                POSTERIOR_SAMPLES,
            )
            for split in (evidence.data.train, evidence.data.validation)
        )
    except NotApplicableError as why:
        return "", f"; whose it is cannot be told ({why})", fewer
    encoder = held.gap.mean().item() - train.gap.mean().item()
    share = max(0.0, min(1.0, encoder / gap))
    blame = (
        f"; refined one by one, posteriors gain {train.gap.mean():.2f} nats on training and "
        f"{held.gap.mean():.2f} on validation examples, so {share:.0%} of the gap is the encoder's"
    )
    if share > 0.5:
        advice = "regularise the encoder alone: noise on its inputs or dropout in it, fewer parameters, more examples"
        return " of the encoder", blame, advice
    return " of the decoder", blame, fewer


def _find_by_curves(evidence: Evidence) -> Iterator[Finding]:
    """From the rows alone: training goes on falling while validation has risen."""
    held, train = evidence.split_rows("validation"), evidence.split_rows("train")
    if len(held) < 5 or len(train) < 5 or evidence.n_steps < MIN_STEPS:
        raise NotApplicableError("there are too few validations to see a curve turn")
    losses = [row["loss"] for row in held]
    best = min(range(len(losses)), key=losses.__getitem__)
    risen = losses[-1] - losses[best]
    fallen = losses[0] - losses[best]
    since = [row["loss"] for row in train if row["step"] >= held[best]["step"]]
    if not fallen > 0 or risen < 0.1 * fallen or not since or since[-1] > since[0]:
        return
    yield Finding(
        "over-fitting",
        f"the validation loss was least at step {held[best]['step']:,} ({losses[best]:.4g}) and has risen to "
        f"{losses[-1]:.4g}, while that of training fell to {since[-1]:.4g}; whether encoder or decoder is to blame "
        "cannot be told of a module of one's own",
        "figures of training say little of new examples",
        "stop earlier (--patience 10), or use checkpoints/best.safetensors",
        "warning",
    )
