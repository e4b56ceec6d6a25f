"""Diagnosis of the prior: latents that lie where its samples do not."""

from __future__ import annotations

from collections.abc import Iterator

from elbowroom.doctor import advice
from elbowroom.doctor.evidence import MIN_STEPS, Evidence
from elbowroom.doctor.finding import Finding
from elbowroom.doctor.prior_gap import measure_prior_gap
from elbowroom.doctor.registry import NotApplicableError, diagnosis
from elbowroom.samplers import PRIOR, default_sampler


@diagnosis("latents off the prior")
def find_latents_off_prior(evidence: Evidence) -> Iterator[Finding]:
    """Find an aggregate posterior that a full normal fits much better than the prior does."""
    if evidence.n_steps < MIN_STEPS:
        raise NotApplicableError(f"{evidence.n_steps} steps are too few to tell where the latents will be")
    model = evidence.elbowroom_model
    gap = measure_prior_gap(model, evidence.data.train, evidence.batch)
    if not gap.is_large:
        return
    name = default_sampler(evidence.run, model)
    harm = "the latents are not where the prior is: the decoder was not trained on what samples of the prior give it"
    yield Finding(
        "latents off the prior",
        str(gap),
        harm if name == PRIOR else f"{harm}; the run samples from {name} instead",
        advice.sample_elsewhere(evidence),
        "warning" if name == PRIOR else "note",
    )
