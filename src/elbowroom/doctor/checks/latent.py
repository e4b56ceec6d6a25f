"""Ailments of the code."""

from __future__ import annotations

from collections.abc import Iterator

from elbowroom.doctor.evidence import SETTLED, Case
from elbowroom.doctor.finding import Finding, Severity
from elbowroom.doctor.registry import Unexamined, ailment
from elbowroom.doctor.snapshot import Look

#: Nats below which a dimension says nothing of x: the epsilon of Lucas et al. 2019, arXiv 1911.02469.
SILENT = 0.01
#: Share of the dimensions that must speak for a code to be worth its name.
FEW = 0.1
#: Growth from one look to the next, above which a code is on its way.
RISING = 1.5


@ailment("posterior collapse", watches=True)
def collapse(case: Case) -> Iterator[Finding]:
    """Dimensions whose KL is below 0.01 nats on average: q(z|x) is the prior, whatever x is."""
    last = case.looks[-1]
    if not any(last.nats):
        raise Unexamined("the posterior is a point or a code of a codebook, and has no spread to compare")
    if last.step < SETTLED:
        raise Unexamined(f"{last.step} steps are too few to tell a code that collapsed from one that has not begun")
    size, speaking = sum(map(len, last.nats)), sum(nats >= SILENT for z in last.nats for nats in z)
    if len(case.looks) > 1 and _total(last) > RISING * _total(case.looks[-2]) and not speaking:
        raise Unexamined("the KL is small, and rising")
    if speaking == size:
        return
    of = f"{size - speaking} of {size} dimensions say less than {SILENT} nats of x ({_named(last)})"
    since = f"since step {_since(case):,}"
    largest = max(max(z) for z in last.nats if z)
    if not speaking:
        yield Finding(
            "posterior collapse",
            f"all {size} dimensions say less than {SILENT} nats of x (the largest {largest:.2g}), {since}",
            "the decoder works without the code: reconstructions are alike, codes mean nothing, samples are the mean",
            _remedy(case),
            "fault",
        )
    elif speaking <= FEW * size or (whole := [i for i, z in enumerate(last.nats, 1) if max(z, default=1) < SILENT]):
        few = speaking <= FEW * size
        yield Finding(
            "posterior collapse",
            f"{of}, {since}",
            f"{'most of the code' if few else f'the whole latent z{whole[0]}'} is the prior, whatever x is",
            _remedy(case),
            "warning",
        )
    else:
        yield Finding(
            "unused dimensions",
            f"{of}, {since}",
            f"no harm by itself: the model found use for {speaking}",
            "give that many dimensions if a smaller code is wanted, or --free-bits 0.05 to have all of them used",
            "note",
        )


def _total(look: Look) -> float:
    return sum(sum(z) for z in look.nats)


def _silent(look: Look) -> set[tuple[int, int]]:
    return {(i, j) for i, z in enumerate(look.nats) for j, nats in enumerate(z) if nats < SILENT}


def _since(case: Case) -> int:
    """The first step from which on, at every look, the dimensions that are silent now were silent."""
    now, since = _silent(case.looks[-1]), case.looks[-1].step
    for look in reversed(case.looks):
        if not now <= _silent(look):
            break
        since = look.step
    return since


def _named(look: Look) -> str:
    """The silent dimensions by their numbers, from 1."""
    several = len([z for z in look.nats if z]) > 1
    names = [f"z{i + 1}[{j + 1}]" if several else str(j + 1) for i, j in sorted(_silent(look))]
    return ", ".join(names[:10]) + (", …" if names[10:] else "")


def _remedy(case: Case) -> str:
    try:
        weight = case.charges.kl / case.charges.reconstruction
    except (Unexamined, ZeroDivisionError):
        weight = 1.0
    if weight > 1.5:
        return f"lower the weight of the KL, which is {weight:.3g} times that of the reconstruction"
    callbacks = {callback["name"] for callback in case.run.record["training"]["callbacks"]}
    if "Warmup" not in callbacks and "ramp" not in str(case.run.record.get("objective")):
        return "let the weight of the KL grow over the start: --kl-warmup 0.3"
    return "leave the first nats of each dimension free: --free-bits 0.05"


@ailment("clamped variance", watches=True)
def clamped(case: Case) -> Iterator[Finding]:
    """Log-variances that sit at a bound, where no gradient reaches the network, at every look so far."""
    if case.looks[-1].clamped is None:
        raise Unexamined("the distributions have no variances to look at")
    last = case.looks[-1]
    for which, share in (last.clamped or {}).items():
        always = all(which in (look.clamped or {}) for look in case.looks[-3:])
        if not always or last.step < SETTLED:
            continue
        yield Finding(
            "clamped variance",
            f"{share:.0%} of the log-variances of {which} sit at one value, through which no gradient comes",
            "the KL and the density are those of the bound, not of the network, and it cannot leave it",
            "remove the clamp, or widen it: log-variances of -20 to 20 do no harm in single precision",
            "warning" if share > 0.5 or which.startswith("q") else "note",
        )


@ailment("dead codes", watches=True)
def dead(case: Case) -> Iterator[Finding]:
    """Codes of a codebook that no example chooses."""
    last = case.looks[-1]
    if last.codes is None:
        raise Unexamined("there is no codebook")
    used, codes, choices = last.codes
    if choices < 4 * codes:
        raise Unexamined(f"{choices:,} choices are too few to see which of {codes} codes are never chosen")
    if last.step < SETTLED:
        raise Unexamined(f"{last.step} steps are too few for a codebook to find its place")
    if used > 0.5 * codes:
        return
    severity: Severity = "fault" if used <= 1 else "warning" if used <= FEW * codes else "note"
    yield Finding(
        "dead codes",
        f"{used} of {codes} codes are chosen, in {choices:,} choices",
        f"each position carries at most {max(used, 1)} possibilities; the rest of the codebook is not trained",
        "restart idle codes on vectors of the batch, as er.Codebook does, or give fewer codes",
        severity,
    )
