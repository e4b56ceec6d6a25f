"""Ailments of the loss: what is charged for what."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

from elbowroom.doctor.evidence import Case
from elbowroom.doctor.finding import Finding
from elbowroom.doctor.loss_weights import Charges
from elbowroom.doctor.registry import Unexamined, ailment

#: Weight of the KL relative to the reconstruction, beyond which, up or down, the model is hardly a VAE.
HEAVY = 20.0
#: A schedule of a recipe's objective, as it prints.
_SCHEDULE = re.compile(r"(\w+)\(([^()]*?) in ([\d,]+) steps\)")


@ailment("reconstruction averaged")
def averaged(case: Case) -> Iterator[Finding]:
    """A reconstruction averaged over the values of an example, beside a KL that is summed."""
    try:
        charges = case.charges
    except Unexamined:
        if any("reconstruction" in row for row in case.rows):
            raise
        yield from _by_size(case)
        return
    if not _is_averaged(case, charges):
        return
    yield Finding(
        "reconstruction averaged",
        f"the loss holds 1/{1 / charges.reconstruction:,.0f} of the reconstruction and {charges.kl:.3g} of the KL, and "
        f"an example has {case.values:,} values ({charges.source})",
        f"the KL weighs {charges.kl / charges.reconstruction:,.0f} times as much as in the ELBO: the code collapses",
        "sum the reconstruction over an example's values, and average over examples alone",
        "fault",
    )


def _is_averaged(case: Case, charges: Charges) -> bool:
    batch = case.run.record["training"]["batch_size"]
    by_value = any(_near(charges.reconstruction * case.values, one) for one in (1, 1 / batch))
    return case.values > 1 and by_value and charges.kl > 2 * charges.reconstruction


def _by_size(case: Case) -> Iterator[Finding]:
    """From the loss alone: summed over many values, a first loss is never below one nat."""
    rows = case.figures("train") or case.figures("validation")
    if not rows or case.values < 32:
        raise Unexamined("what the loss charges for reconstruction and KL is not known")
    first = rows[0]["loss"]
    if not 0 < first < 1:
        looks = f"the first loss, {first:.3g} for {case.values} values, does not look averaged"
        raise Unexamined(f"{looks}; more can be said with model=")
    yield Finding(
        "reconstruction averaged",
        f"the first loss is {first:.3g} for examples of {case.values:,} values: {first / case.values:.1g} for each",
        "a loss of this size is a mean over values; beside it a KL that is summed weighs far too much",
        "sum the reconstruction over an example's values, and give er.Loss(…, reduction='sum')",
        "warning",
    )


@ailment("KL out of proportion")
def proportion(case: Case) -> Iterator[Finding]:
    """A KL that weighs much more or much less than the reconstruction, as a slip of scale makes it."""
    charges = case.charges
    if charges.kl == 0 or charges.reconstruction <= 0 or _is_averaged(case, charges):
        return
    ratio = charges.kl / charges.reconstruction
    if 1 / HEAVY < ratio < HEAVY:
        return
    size = next((name for name, n in case.sizes.items() if _near(abs(math.log(ratio)), math.log(n), 0.005)), None)
    known = f", which is the number of {size}" if size else ""
    if ratio < 1:
        shown, consequence = f"1/{1 / ratio:,.4g}", "codes lie far from the prior: samples are not like the data"
    else:
        shown, consequence = f"{ratio:,.4g} times", "the reconstruction hardly counts, and the code collapses"
    yield Finding(
        "KL out of proportion",
        f"the KL weighs {shown} as much as the reconstruction{known} ({charges.source})",
        consequence,
        "sum both over dimensions and average both over examples" if size else "give the KL a weight nearer to 1",
        "fault" if size else "warning",
    )


def _near(a: float, b: float, by: float = 0.03) -> bool:
    return abs(a - b) <= by * abs(b)


@ailment("warm-up unfinished")
def unfinished(case: Case) -> Iterator[Finding]:
    """A schedule that the run ended before: the last objective is not the one that was meant."""
    training, steps = case.run.record["training"], case.steps
    if not case.rows or "reason" not in case.rows[-1]:
        raise Unexamined("the run is not over")
    for kind, what, length in _SCHEDULE.findall(str(case.run.record.get("objective"))):
        last = int(length.replace(",", ""))
        if steps < last:
            yield _early(f"{kind}({what})", last, steps)
    for callback in training["callbacks"]:
        arguments = callback["arguments"] or {}
        if callback["name"] == "Warmup" and (last := (arguments.get("steps") or 0)) > steps:
            yield _early("the KL warm-up", last, steps)


def _early(what: str, last: int, steps: int) -> Finding:
    return Finding(
        "warm-up unfinished",
        f"{what} takes {last:,} steps, and the run ended after {steps:,}: {steps / last:.0%} of the way",
        "the model was not yet trained on the objective that was meant",
        f"train for more than {last:,} steps, or shorten the schedule to less than {steps:,}",
        "warning",
    )
