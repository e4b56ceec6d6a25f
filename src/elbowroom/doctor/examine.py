"""Run every diagnosis on a run, and collect the findings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import nn

from elbowroom.doctor.evidence import Evidence
from elbowroom.doctor.finding import Finding, Findings
from elbowroom.doctor.registry import DIAGNOSES, NotApplicableError
from elbowroom.runs.run import Run


def examine(run: Run | str | Path, data: Any = None, model: nn.Module | None = None) -> Findings:
    """Look for every known problem in a run.

    Args:
        run: the run, or its directory.
        data: what it was trained on, if that was given as a Python object; it is coded by the run's record.
        model: the module as it was built, if no recipe built it; the weights of the run are loaded into it.

    Returns:
        The findings, the most severe first: a list, with the ``performed_names`` of the diagnoses that ran and the
        ``skip_reasons`` of the others.

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
    return diagnose(Evidence(run, None if data is None else run.data(data), model))


def diagnose(evidence: Evidence, during_training: bool = False) -> Findings:
    """Run every diagnosis on the evidence, or only those that run during training."""
    findings: list[Finding] = []
    performed_names, skip_reasons = [], {}
    for diagnosis in DIAGNOSES.values():
        if during_training and not diagnosis.during_training:
            continue
        try:
            findings += diagnosis.function(evidence)
            performed_names.append(diagnosis.name)
        except NotApplicableError as error:
            skip_reasons[diagnosis.name] = str(error)
    return Findings(findings, performed_names, skip_reasons)
