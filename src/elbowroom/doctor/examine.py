"""The examination of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import nn

from elbowroom.data import load_data
from elbowroom.doctor import checks  # noqa: F401 - its modules register their diagnoses
from elbowroom.doctor.evidence import Evidence
from elbowroom.doctor.finding import Finding, Findings
from elbowroom.doctor.registry import DIAGNOSES, NotApplicableError
from elbowroom.runs.run import Run


def examine(run: Run | str | Path, data: Any = None, model: nn.Module | None = None) -> Findings:
    """Look for every known ailment in a run.

    Args:
        run: the run, or its directory.
        data: what it was trained on, if that was given as a Python object.
        model: the module as it was built, if no recipe built it; the run's weights are read into it.

    Returns:
        The findings, the gravest first: a list, with what was ``looked_for`` and what stayed ``unexamined`` and why.

    Raises:
        ValueError: there is no run.

    >>> import tempfile, elbowroom as er
    >>> data = er.load_data("digits")
    >>> model, _ = er.recipes.vae(data.shape, latent=2)
    >>> objective = er.Reconstruction() / 64 + er.KL()
    >>> run = er.fit(model, objective, data, steps=40, out=tempfile.mkdtemp() + "/run", device="cpu")
    >>> found = er.doctor.examine(run)
    >>> found[0].title, found[0].severity
    ('reconstruction averaged', 'fault')
    """
    run = run if isinstance(run, Run) else Run(run)
    run.record  # noqa: B018 - a directory without a run is said to be none, rather than healthy
    return diagnose(Evidence(run, None if data is None else load_data(data), model))


def diagnose(evidence: Evidence, during_training: bool = False) -> Findings:
    """Ask every ailment of a case, or those alone that are looked for during training."""
    found: list[Finding] = []
    looked_for, unexamined = [], {}
    for ailment in DIAGNOSES.values():
        if during_training and not ailment.during_training:
            continue
        try:
            found += ailment.function(evidence)
            looked_for.append(ailment.name)
        except NotApplicableError as why:
            unexamined[ailment.name] = str(why)
    return Findings(found, looked_for, unexamined)
