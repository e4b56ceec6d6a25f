"""Ailments of the fit: over-fitting, and a density without bound."""

from __future__ import annotations

import math
from collections.abc import Iterator

from torch import Tensor

from elbowroom.auditor.quiet import at_rest
from elbowroom.doctor.amortization_gap import refined
from elbowroom.doctor.evidence import SETTLED, Case, some
from elbowroom.doctor.finding import Finding
from elbowroom.doctor.registry import Unexamined, ailment
from elbowroom.evaluation.suites.likelihood import score
from elbowroom.models.base import Generative

#: Gap between training and held-out examples in standard deviations of the latter's, small and medium in the words of
#: Cohen 1988, and the standard errors that it must exceed to be one at all.
SMALL, MEDIUM, ERRORS = 0.2, 0.5, 4.0
#: Posterior samples of each example, and examples whose posteriors are refined.
SAMPLES, REFINED = 8, 64


@ailment("decoder variance running away", watches=True)
def running_away(case: Case) -> Iterator[Finding]:
    """A standard deviation of p(x|z) below what the data resolves: the density there has no bound."""
    last = case.looks[-1]
    if last.scale is None:
        raise Unexamined("p(x|z) is no density over all numbers, so it has no variance that could run away")
    smallest, median = last.scale
    grain, what = case.grain
    if smallest >= grain:
        return
    all_of_it = "of every value" if median < grain else "of some values (the median is " + f"{median:.2g})"
    since = next(look.step for look in case.looks if look.scale is not None and look.scale[0] < grain)
    yield Finding(
        "decoder variance running away",
        f"the standard deviation {all_of_it} is {smallest:.2g}, below {grain:.2g}, {what}, since step {since:,}",
        "the density of x grows without bound as it shrinks: log p(x|z) and the ELBO can be as large as one likes",
        "give it a floor or fix it (--likelihood gaussian:0.1), or take a likelihood of pixels (discretised-logistic)",
        "fault",
    )


@ailment("over-fitting")
def over_fitting(case: Case) -> Iterator[Finding]:
    """Held-out examples that are worth much less than those trained on, and whether encoder or decoder is to blame."""
    if case.data.validation is None:
        raise Unexamined("there is no validation split to compare with")
    if not isinstance(case.model, Generative):
        yield from _by_curves(case)
        return
    train, held = (_values(case, split) for split in (case.data.train, case.data.validation))
    gap, error = (train.mean() - held.mean()).item(), math.sqrt(_square(train) + _square(held))
    effect = gap / held.std().item()
    if gap < ERRORS * error or effect < SMALL:
        return
    part, blame, advice = _parts(case, gap)
    yield Finding(
        f"over-fitting{part}",
        f"training examples are worth {train.mean():.2f} nats and validation examples {held.mean():.2f}, a gap of "
        f"{gap:.2f} ± {error:.2f} nats or {effect:.1f} standard deviations{blame}",
        "figures of training say little of new examples, and bounds of held-out ones are lower than they could be",
        advice,
        "warning" if effect >= MEDIUM else "note",
    )


def _values(case: Case, split: object) -> Tensor:
    """What each of some examples is worth: its ELBO, or minus its reconstruction where there is no KL."""
    batch = some(split, 512, case.ours)  # type: ignore[arg-type]
    with at_rest(case.ours):
        scores = score(case.ours, batch, SAMPLES, 0)
    return scores.get("elbo", -scores["reconstruction"])


def _square(values: Tensor) -> float:
    """The squared standard error of the mean."""
    return values.var().item() / len(values)


def _parts(case: Case, gap: float) -> tuple[str, str, str]:
    """Whose the gap is. Zhang, Hayes & Barber 2022, arXiv 2205.11640: held-out examples lose by a posterior that does
    not fit them, which refining it mends, and by a decoder that does not, which nothing does.
    """
    fewer = "stop earlier (--patience 10), or give more examples or a smaller decoder"
    assert case.data.validation is not None
    try:
        train, held = (
            refined(case.ours, some(split, REFINED, case.ours), SAMPLES)
            for split in (case.data.train, case.data.validation)
        )
    except Unexamined as why:
        return "", f"; whose it is cannot be told ({why})", fewer
    encoder = held.gained.mean().item() - train.gained.mean().item()
    share = max(0.0, min(1.0, encoder / gap))
    blame = (
        f"; refined one by one, posteriors gain {train.gained.mean():.2f} nats on training and "
        f"{held.gained.mean():.2f} on validation examples, so {share:.0%} of the gap is the encoder's"
    )
    if share > 0.5:
        advice = "regularise the encoder alone: noise on its inputs or dropout in it, fewer parameters, more examples"
        return " of the encoder", blame, advice
    return " of the decoder", blame, fewer


def _by_curves(case: Case) -> Iterator[Finding]:
    """From the rows alone: training goes on falling while validation has risen."""
    held, train = case.figures("validation"), case.figures("train")
    if len(held) < 5 or len(train) < 5 or case.steps < SETTLED:
        raise Unexamined("there are too few validations to see a curve turn")
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
