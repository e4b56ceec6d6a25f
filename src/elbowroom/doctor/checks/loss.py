"""Diagnoses of the loss: the weights of reconstruction and KL, and schedules that did not end."""

from __future__ import annotations

import contextlib
import math
import re
from collections.abc import Iterator

from elbowroom.doctor import advice
from elbowroom.doctor.evidence import Evidence
from elbowroom.doctor.finding import Finding, Severity
from elbowroom.doctor.loss_weights import LossWeights
from elbowroom.doctor.registry import NotApplicableError, diagnosis
from elbowroom.recipes.registry import find

#: Ratio of the weights of KL and reconstruction, or its inverse, beyond which the model is hardly a VAE.
MAX_KL_RATIO = 20.0
#: The factor up to which a ratio is that of a recipe's default: further terms change it a little.
MAX_DEFAULT_FACTOR = 3.0
#: A schedule in the repr of an objective.
_SCHEDULE_PATTERN = re.compile(r"(\w+)\(([^()]*?) in ([\d,]+) steps\)")


@diagnosis("reconstruction averaged", explains=("posterior collapse", "unused dimensions", "no active unit"))
def find_averaged_reconstruction(evidence: Evidence) -> Iterator[Finding]:
    """Find a reconstruction that is averaged over the values of an example, beside a KL that is summed."""
    try:
        weights = evidence.loss_weights
    except NotApplicableError:
        if any("reconstruction" in row for row in evidence.metric_rows):
            raise
        yield from _find_by_first_loss(evidence)
        return
    if not _is_averaged(evidence, weights):
        return
    yield Finding(
        "reconstruction averaged",
        f"the loss has 1/{1 / weights.reconstruction:,.0f} of the reconstruction and {weights.kl:.3g} of the KL, and "
        f"an example has {evidence.n_values:,} values ({weights.source})",
        f"the KL weighs {weights.kl / weights.reconstruction:,.0f} times as much as in the ELBO: posteriors collapse",
        "sum the reconstruction over the values of an example, and average over examples only",
        "fault",
    )


def _is_averaged(evidence: Evidence, loss_weights: LossWeights) -> bool:
    batch = evidence.run.record["training"]["batch_size"]
    by_value = any(_is_close(loss_weights.reconstruction * evidence.n_values, one) for one in (1, 1 / batch))
    return evidence.n_values > 1 and by_value and loss_weights.kl > 2 * loss_weights.reconstruction


def _find_by_first_loss(evidence: Evidence) -> Iterator[Finding]:
    """Judge by the first loss alone: if summed over many values, it is never below one nat."""
    rows = evidence.split_rows("train") or evidence.split_rows("validation")
    if not rows or evidence.n_values < 32:
        raise NotApplicableError("the weights of reconstruction and KL in the loss are not known")
    first = rows[0]["loss"]
    if not 0 < first < 1:
        reason = f"the first loss, {first:.3g} for {evidence.n_values} values, does not look averaged"
        raise NotApplicableError(f"{reason}; pass model= to know more")
    yield Finding(
        "reconstruction averaged",
        f"the first loss is {first:.3g} for examples of {evidence.n_values:,} values: "
        f"{first / evidence.n_values:.1g} for each",
        "a loss this small is a mean over values; beside it a summed KL weighs far too much",
        "sum the reconstruction over the values of an example, and use er.Loss(…, reduction='sum')",
        "warning",
    )


@diagnosis("KL out of proportion", explains=("posterior collapse", "unused dimensions", "no active unit"))
def find_kl_imbalance(evidence: Evidence) -> Iterator[Finding]:
    """Find a KL that weighs much more or much less than the reconstruction, as by an error of scale."""
    weights = evidence.loss_weights
    if weights.kl <= 0 or weights.reconstruction <= 0 or _is_averaged(evidence, weights):
        return
    ratio = weights.kl / weights.reconstruction
    if 1 / MAX_KL_RATIO < ratio < MAX_KL_RATIO:
        return
    matches = (name for name, n in evidence.divisors.items() if _is_close(abs(math.log(ratio)), math.log(n), 0.005))
    size = next(matches, None)
    meaning = f", which is the number of {size}" if size else ""
    if ratio < 1:
        factor, consequence = (
            f"1/{1 / ratio:,.4g}",
            "latents lie far from the prior, and samples of it are not like data",
        )
    else:
        factor, consequence = f"{ratio:,.4g} times", "the reconstruction hardly counts, and the posterior collapses"
    remedy, severity = _make_remedy(evidence, ratio, is_mistake=bool(size))
    yield Finding(
        "KL out of proportion",
        f"the KL weighs {factor} as much as the reconstruction{meaning} ({weights.source})",
        consequence,
        remedy,
        severity,
    )


def _is_default_weight(evidence: Evidence, ratio: float) -> bool:
    """Whether the recipe weighs the KL so by default, as autoencoder_kl does, whose samples are not the prior's."""
    name = evidence.run.record["recipe"]
    with contextlib.suppress(ValueError):  # a recipe that is not known here
        default = None if name is None else find(name).arguments.get("beta")
        return default is not None and abs(math.log(ratio / default.default)) < math.log(MAX_DEFAULT_FACTOR)
    return False


def _make_remedy(evidence: Evidence, ratio: float, is_mistake: bool) -> tuple[str, Severity]:
    """Return advice and severity."""
    if _is_default_weight(evidence, ratio):
        return "leave it where samples come from a density fitted to the latents: it is the recipe's own", "note"
    if is_mistake:
        return "sum both over dimensions and average both over examples", "fault"
    return advice.weaken_kl(evidence) if ratio > 1 else "give the KL a weight nearer to 1", "warning"


def _is_close(a: float, b: float, tolerance: float = 0.03) -> bool:
    return abs(a - b) <= tolerance * abs(b)


@diagnosis("warm-up unfinished")
def find_unfinished_warmup(evidence: Evidence) -> Iterator[Finding]:
    """Find a schedule that is longer than the run, so that the final objective was never trained on."""
    training, steps = evidence.run.record["training"], evidence.n_steps
    if not evidence.metric_rows or "reason" not in evidence.metric_rows[-1]:
        raise NotApplicableError("the run has not ended")
    for kind, values, length in _SCHEDULE_PATTERN.findall(str(evidence.run.record.get("objective"))):
        last = int(length.replace(",", ""))
        if steps < last:
            yield _unfinished_finding(f"{kind}({values})", last, steps)
    for callback in training["callbacks"]:
        arguments = callback["arguments"] or {}
        if callback["name"] == "Warmup" and (last := (arguments.get("steps") or 0)) > steps:
            yield _unfinished_finding("the KL warm-up", last, steps)


def _unfinished_finding(name: str, last: int, steps: int) -> Finding:
    return Finding(
        "warm-up unfinished",
        f"{name} takes {last:,} steps, and the run ended after {steps:,}: {steps / last:.0%} of the way",
        "the model was never trained on the final objective",
        f"train for more than {last:,} steps, or shorten the schedule to less than {steps:,}",
        "warning",
    )
