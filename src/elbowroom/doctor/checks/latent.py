"""Diagnoses of the latent: posterior collapse, clamped variances, unused codebook entries."""

from __future__ import annotations

from collections.abc import Iterator

from elbowroom.doctor import advice
from elbowroom.doctor.evidence import MIN_STEPS, Evidence
from elbowroom.doctor.finding import Finding, Severity
from elbowroom.doctor.registry import NotApplicableError, diagnosis
from elbowroom.doctor.snapshot import SILENT_NATS, Snapshot

#: What mends codes that are not chosen.
MEND_CODES = (
    "take fewer codes, or another quantizer ('elbowroom quantizers'): codebooks restart unused entries on vectors of "
    "the batch, simvq moves all entries together, fsq has no codebook; of bits raise the weight of the entropy loss"
)
#: Share of the dimensions that must be active, without a warning.
MIN_ACTIVE_SHARE = 0.1
#: Growth of the KL from one snapshot to the next, above which it is still rising.
RISING_FACTOR = 1.5
#: Steps in which a small model learns to use its latent.
STEPS_TO_LEARN = 1000


@diagnosis("posterior collapse", during_training=True)
def find_posterior_collapse(evidence: Evidence) -> Iterator[Finding]:
    """Find dimensions whose KL is below 0.01 nats on average: there q(z|x) is the prior for every x."""
    last = evidence.snapshots[-1]
    if not any(last.nats):
        raise NotApplicableError(
            "the posterior is a point, a codebook entry or a network's output for noise, and has no variance to compare"
        )
    if last.step < MIN_STEPS:
        raise NotApplicableError(f"{last.step} steps are too few to tell a collapsed posterior from an untrained one")
    size, n_active = sum(map(len, last.nats)), sum(nats >= SILENT_NATS for z in last.nats for nats in z)
    if not n_active and _is_rising(evidence.snapshots):
        raise NotApplicableError("the KL is small, and rising")
    if n_active == size:
        return
    since = f"since step {_silent_since_step(evidence):,}"
    silent = f"{size - n_active} of {size} dimensions have less than {SILENT_NATS} nats of information about x"
    silent = f"{silent} ({_name_silent_dimensions(last)}), {since}"
    collapsed = [f"z{i}" for i, z in enumerate(last.nats, 1) if max(z, default=1) < SILENT_NATS]
    if not n_active:
        largest = max(max(z) for z in last.nats if z)
        yield Finding(
            "posterior collapse",
            f"all {size} dimensions have less than {SILENT_NATS} nats of information about x "
            f"(the largest {largest:.2g}), {since}",
            "the decoder ignores z: all reconstructions are alike, latents have no meaning, samples are the mean image",
            advice.weaken_kl(evidence),
            "fault",
        )
    elif collapsed or n_active <= MIN_ACTIVE_SHARE * size:
        part = "most of z" if n_active <= MIN_ACTIVE_SHARE * size else f"the whole latent {collapsed[0]}"
        yield Finding("posterior collapse", silent, f"{part} is the prior for every x", advice.weaken_kl(evidence))
    else:
        yield Finding(
            "unused dimensions",
            silent,
            f"no harm by itself: the model uses {n_active}",
            f"use {n_active} dimensions for a smaller latent; to have all of them used, "
            f"{advice.use_every_dimension(evidence)}",
            "note",
        )


def _is_rising(snapshots: list[Snapshot]) -> bool:
    return len(snapshots) > 1 and _total_nats(snapshots[-1]) > RISING_FACTOR * _total_nats(snapshots[-2])


def _total_nats(snapshot: Snapshot) -> float:
    return sum(sum(z) for z in snapshot.nats)


def _silent_dimensions(snapshot: Snapshot) -> set[tuple[int, int]]:
    return {(i, j) for i, z in enumerate(snapshot.nats) for j, nats in enumerate(z) if nats < SILENT_NATS}


def _silent_since_step(evidence: Evidence) -> int:
    """Return the step since which the dimensions that are silent now have been silent in every snapshot."""
    now, since = _silent_dimensions(evidence.snapshots[-1]), evidence.snapshots[-1].step
    for snapshot in reversed(evidence.snapshots):
        if not now <= _silent_dimensions(snapshot):
            break
        since = snapshot.step
    return since


def _name_silent_dimensions(snapshot: Snapshot) -> str:
    """Return the numbers of the silent dimensions, from 1, in words."""
    several = len([z for z in snapshot.nats if z]) > 1
    names = [f"z{i + 1}[{j + 1}]" if several else str(j + 1) for i, j in sorted(_silent_dimensions(snapshot))]
    return ", ".join(names[:10]) + (", …" if names[10:] else "")


@diagnosis("no active unit", during_training=True)
def find_no_active_unit(evidence: Evidence) -> Iterator[Finding]:
    """Find a training that has ended before any dimension had information about x, however short it was."""
    if not evidence.has_ended:
        raise NotApplicableError("the run has not ended")
    last = evidence.snapshots[-1]
    if not any(last.nats):
        raise NotApplicableError(
            "the posterior is a point, a codebook entry or a network's output for noise, and has no variance to compare"
        )
    largest = max(nats for z in last.nats for nats in z)
    is_early = last.step < MIN_STEPS or _is_rising(evidence.snapshots)
    if largest >= SILENT_NATS or not is_early:  # later it is a collapse
        return
    yield Finding(
        "no active unit",
        f"after {last.step:,} steps none of {sum(map(len, last.nats))} dimensions has {SILENT_NATS} nats of "
        f"information about x (the largest {largest:.2g})",
        "the decoder does not use z yet: what it makes of one example it makes of all",
        advice.train_longer(evidence, max(STEPS_TO_LEARN, 4 * last.step)),
    )


@diagnosis("clamped variance", during_training=True, explains=("posterior collapse", "unused dimensions"))
def find_clamped_variance(evidence: Evidence) -> Iterator[Finding]:
    """Find log-variances at a bound that passes no gradient to the network, in each of the last snapshots."""
    if evidence.snapshots[-1].clamped is None:
        raise NotApplicableError("the distributions have no variances")
    last = evidence.snapshots[-1]
    for name, share in (last.clamped or {}).items():
        is_lasting = all(name in (snapshot.clamped or {}) for snapshot in evidence.snapshots[-3:])
        if not is_lasting or last.step < MIN_STEPS:
            continue
        yield Finding(
            "clamped variance",
            f"{share:.0%} of the log-variances of {name} have the same value, which passes no gradient",
            "the KL and the density are those of the bound and not of the network, which cannot learn to leave it",
            "remove the clamp, or widen it: log-variances of -20 to 20 do no harm in single precision",
            "warning" if share > 0.5 or name.startswith("q") else "note",
        )


@diagnosis("dead codes", during_training=True)
def find_dead_codes(evidence: Evidence) -> Iterator[Finding]:
    """Find codes that no example chooses; of codes too many to count, entries of the worst sub-index."""
    last = evidence.snapshots[-1]
    if last.codes is None and last.indices is None:
        raise NotApplicableError("the latent is not quantized")
    if last.step < MIN_STEPS:
        raise NotApplicableError(f"{last.step} steps are too few to train codes")
    of_indices = [usage for latent in last.indices or [] if len(latent) > 1 for usage in latent]
    counted = [usage for usage in [last.codes, *of_indices] if usage is not None and usage[2] >= 4 * usage[1]]
    if not counted:
        raise NotApplicableError("there are too few examples to see which of so many codes are never chosen")
    joint = [usage for usage in counted if usage is last.codes]
    used, codes, choices = joint[0] if joint else min(counted, key=lambda usage: usage[0] / usage[1])
    if used > 0.5 * codes:
        return
    severity: Severity = "fault" if used <= 1 else "warning" if used <= MIN_ACTIVE_SHARE * codes else "note"
    noun = "codes" if joint else "values of a sub-index"
    yield Finding(
        "dead codes",
        f"{used} of {codes} {noun} are chosen, in {choices:,} choices",
        f"each position carries at most {max(used, 1)} possibilities; the rest of the codes are of no use",
        f"{MEND_CODES}; 'elbowroom plot code_usage RUN' shows how often each is chosen",
        severity,
    )


@diagnosis("constant sub-indices", during_training=True)
def find_constant_indices(evidence: Evidence) -> Iterator[Finding]:
    """Find sub-indices of codes, as bits, levels or stages, that have one value for all examples."""
    last = evidence.snapshots[-1]
    indices = [usage for latent in last.indices or [] if len(latent) > 1 for usage in latent]
    if not indices:
        raise NotApplicableError("the latent has no codes of several sub-indices")
    if last.step < MIN_STEPS:
        raise NotApplicableError(f"{last.step} steps are too few to train codes")
    constant = sum(used <= 1 for used, *_ in indices)
    if constant:
        yield Finding(
            "constant sub-indices",
            f"{constant} of {len(indices)} sub-indices of the codes have one value at all positions of all examples",
            "these bits, levels or stages carry nothing: the latent is as one with fewer of them",
            f"{MEND_CODES}; 'elbowroom plot code_usage RUN' shows how often each value is chosen",
            "fault" if constant == len(indices) else "warning" if constant > 0.5 * len(indices) else "note",
        )
