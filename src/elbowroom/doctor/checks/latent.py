"""Ailments of the code."""

from __future__ import annotations

from collections.abc import Iterator

from elbowroom.doctor.evidence import MIN_STEPS, Evidence
from elbowroom.doctor.finding import Finding, Severity
from elbowroom.doctor.registry import NotApplicableError, diagnosis
from elbowroom.doctor.snapshot import Snapshot

#: Nats below which a dimension says nothing of x: the epsilon of Lucas et al. 2019, arXiv 1911.02469.
SILENT_NATS = 0.01
#: Share of the dimensions that must speak for a code to be worth its name.
MIN_ACTIVE_SHARE = 0.1
#: Growth from one look to the next, above which a code is on its way.
RISING_FACTOR = 1.5


@diagnosis("posterior collapse", during_training=True)
def find_posterior_collapse(evidence: Evidence) -> Iterator[Finding]:
    """Dimensions whose KL is below 0.01 nats on average: q(z|x) is the prior, whatever x is."""
    last = evidence.snapshots[-1]
    if not any(last.nats):
        raise NotApplicableError("the posterior is a point or a code of a codebook, and has no spread to compare")
    if last.step < MIN_STEPS:
        raise NotApplicableError(
            f"{last.step} steps are too few to tell a code that collapsed from one that has not begun"
        )
    size, speaking = sum(map(len, last.nats)), sum(nats >= SILENT_NATS for z in last.nats for nats in z)
    if (
        len(evidence.snapshots) > 1
        and _total_nats(last) > RISING_FACTOR * _total_nats(evidence.snapshots[-2])
        and not speaking
    ):
        raise NotApplicableError("the KL is small, and rising")
    if speaking == size:
        return
    of = f"{size - speaking} of {size} dimensions say less than {SILENT_NATS} nats of x ({_name_silent_dimensions(last)})"
    since = f"since step {_silent_since_step(evidence):,}"
    largest = max(max(z) for z in last.nats if z)
    if not speaking:
        yield Finding(
            "posterior collapse",
            f"all {size} dimensions say less than {SILENT_NATS} nats of x (the largest {largest:.2g}), {since}",
            "the decoder works without the code: reconstructions are alike, codes mean nothing, samples are the mean",
            _suggest_remedy(evidence),
            "fault",
        )
    elif speaking <= MIN_ACTIVE_SHARE * size or (
        whole := [i for i, z in enumerate(last.nats, 1) if max(z, default=1) < SILENT_NATS]
    ):
        few = speaking <= MIN_ACTIVE_SHARE * size
        yield Finding(
            "posterior collapse",
            f"{of}, {since}",
            f"{'most of the code' if few else f'the whole latent z{whole[0]}'} is the prior, whatever x is",
            _suggest_remedy(evidence),
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


def _total_nats(snapshot: Snapshot) -> float:
    return sum(sum(z) for z in snapshot.nats)


def _silent_dimensions(snapshot: Snapshot) -> set[tuple[int, int]]:
    return {(i, j) for i, z in enumerate(snapshot.nats) for j, nats in enumerate(z) if nats < SILENT_NATS}


def _silent_since_step(evidence: Evidence) -> int:
    """The first step from which on, at every look, the dimensions that are silent now were silent."""
    now, since = _silent_dimensions(evidence.snapshots[-1]), evidence.snapshots[-1].step
    for look in reversed(evidence.snapshots):
        if not now <= _silent_dimensions(look):
            break
        since = look.step
    return since


def _name_silent_dimensions(snapshot: Snapshot) -> str:
    """The silent dimensions by their numbers, from 1."""
    several = len([z for z in snapshot.nats if z]) > 1
    names = [f"z{i + 1}[{j + 1}]" if several else str(j + 1) for i, j in sorted(_silent_dimensions(snapshot))]
    return ", ".join(names[:10]) + (", …" if names[10:] else "")


def _suggest_remedy(evidence: Evidence) -> str:
    try:
        weight = evidence.loss_weights.kl / evidence.loss_weights.reconstruction
    except (NotApplicableError, ZeroDivisionError):
        weight = 1.0
    if weight > 1.5:
        return f"lower the weight of the KL, which is {weight:.3g} times that of the reconstruction"
    callbacks = {callback["name"] for callback in evidence.run.record["training"]["callbacks"]}
    if "Warmup" not in callbacks and "ramp" not in str(evidence.run.record.get("objective")):
        return "let the weight of the KL grow over the start: --kl-warmup 0.3"
    return "leave the first nats of each dimension free: --free-bits 0.05"


@diagnosis("clamped variance", during_training=True)
def find_clamped_variance(evidence: Evidence) -> Iterator[Finding]:
    """Log-variances that sit at a bound, where no gradient reaches the network, at every look so far."""
    if evidence.snapshots[-1].clamped is None:
        raise NotApplicableError("the distributions have no variances to look at")
    last = evidence.snapshots[-1]
    for which, share in (last.clamped or {}).items():
        always = all(which in (look.clamped or {}) for look in evidence.snapshots[-3:])
        if not always or last.step < MIN_STEPS:
            continue
        yield Finding(
            "clamped variance",
            f"{share:.0%} of the log-variances of {which} sit at one value, through which no gradient comes",
            "the KL and the density are those of the bound, not of the network, and it cannot leave it",
            "remove the clamp, or widen it: log-variances of -20 to 20 do no harm in single precision",
            "warning" if share > 0.5 or which.startswith("q") else "note",
        )


@diagnosis("dead codes", during_training=True)
def find_dead_codes(evidence: Evidence) -> Iterator[Finding]:
    """Codes of a codebook that no example chooses."""
    last = evidence.snapshots[-1]
    if last.codes is None:
        raise NotApplicableError("there is no codebook")
    used, codes, choices = last.codes
    if choices < 4 * codes:
        raise NotApplicableError(f"{choices:,} choices are too few to see which of {codes} codes are never chosen")
    if last.step < MIN_STEPS:
        raise NotApplicableError(f"{last.step} steps are too few for a codebook to find its place")
    if used > 0.5 * codes:
        return
    severity: Severity = "fault" if used <= 1 else "warning" if used <= MIN_ACTIVE_SHARE * codes else "note"
    yield Finding(
        "dead codes",
        f"{used} of {codes} codes are chosen, in {choices:,} choices",
        f"each position carries at most {max(used, 1)} possibilities; the rest of the codebook is not trained",
        "restart idle codes on vectors of the batch, as er.Codebook does, or give fewer codes",
        severity,
    )
