"""Run every diagnosis on a run, and collect the findings."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from torch import nn

from elbowroom.doctor.evidence import Evidence
from elbowroom.doctor.finding import Finding, Findings
from elbowroom.doctor.registry import DIAGNOSES, Diagnosis, NotApplicableError
from elbowroom.runs.run import Run


def examine(run: Run | str | Path, data: Any = None, model: nn.Module | None = None) -> Findings:
    """Look for every known problem in a run, causes before their consequences.

    Args:
        run: the run, or its directory.
        data: what it was trained on, if that was given as a Python object; it is coded by the run's record.
        model: the module as it was built, if no recipe built it; the weights of the run are loaded into it.

    Returns:
        The findings, the most severe first, each followed by its consequences: a list, with the ``performed_names`` of
        the diagnoses that ran, the ``passed_names`` of those that found nothing, and the ``skip_reasons`` of the
        others; ``summary`` says so in words.

    Raises:
        ValueError: the directory holds no run.

    >>> import tempfile, elbowroom as er
    >>> data = er.load_data("digits")
    >>> model, _ = er.recipes.vae(data.shape, latent=2)
    >>> objective = er.Reconstruction() / 64 + er.KL()
    >>> run = er.fit(model, objective, data, steps=40, out=tempfile.mkdtemp() + "/run", device="cpu")
    >>> findings = er.doctor.examine(run)
    >>> findings[0].title, findings[0].severity
    ('reconstruction averaged', 'fault')
    """
    run = run if isinstance(run, Run) else Run(run)
    run.record  # noqa: B018 - raises for a directory without a run, which would otherwise have no findings
    return diagnose(Evidence(run, None if data is None else run.measured_data(data), model))


def diagnose(evidence: Evidence, during_training: bool = False) -> Findings:
    """Run every diagnosis on the evidence; during training the cheap ones, and those that may explain their findings.

    A finding that another one explains is its consequence: the collapse of a posterior is no second problem beside the
    averaged reconstruction that causes it.
    """
    findings: list[Finding] = []
    performed_names, failed_names, skip_reasons = list[str](), list[str](), dict[str, str]()

    def run(diagnoses: Iterable[Diagnosis]) -> None:
        for diagnosis in diagnoses:
            try:
                found = list(diagnosis.function(evidence))
                findings.extend(found)
                performed_names.append(diagnosis.name)
                failed_names.extend([diagnosis.name] if found else [])
            except NotApplicableError as error:
                skip_reasons[diagnosis.name] = str(error)

    run(one for one in DIAGNOSES.values() if one.during_training or not during_training)
    if during_training:
        titles = {finding.title for finding in findings}
        run(one for one in DIAGNOSES.values() if not one.during_training and titles & {*one.explains})
    return Findings(_attribute_causes(findings), performed_names, skip_reasons, failed_names)


def _attribute_causes(findings: list[Finding]) -> list[Finding]:
    """Return the findings, each with the first of the others whose diagnosis explains it as its cause."""
    titles = {finding.title for finding in findings}
    found = [diagnosis for diagnosis in DIAGNOSES.values() if diagnosis.name in titles]

    def attribute(finding: Finding) -> Finding:
        causes = (diagnosis.name for diagnosis in found if finding.title in diagnosis.explains)
        return finding.because_of(cause) if (cause := next(causes, "")) else finding

    return [attribute(finding) for finding in findings]
