"""The doctor as a callback: diagnoses while a model trains."""

from __future__ import annotations

import warnings

from elbowroom.data import Batch, BufferedSplit, InMemorySplit
from elbowroom.doctor.evidence import MAX_EXAMPLES, Evidence, first_batch
from elbowroom.doctor.examine import diagnose
from elbowroom.doctor.finding import Findings
from elbowroom.doctor.snapshot import Snapshot, take_snapshot
from elbowroom.training.callback import Callback
from elbowroom.training.interrupts import SIGNAL_REASONS
from elbowroom.training.state import BATCH, DATA, EPOCH, MODEL, OBJECTIVE, RUN, STEP, STOP, State


class Doctor(Callback):
    """Take a snapshot of the model after a validation, and warn of each new finding.

    A snapshot is a row ``{"event": "look", ...}``: the KL of every dimension, the decoder's scale, the share of clamped
    variances and the codebook entries in use, on a fixed batch of held-out examples. A finding is logged once, as
    ``{"event": "finding", ...}``; which checks passed, and which were not applicable and why, as
    ``{"event": "checks", ...}`` whenever these change. ``elbowroom doctor RUN`` reads snapshots and findings, and runs
    further checks.
    """

    is_on_every_rank = False
    is_monitor = True

    def __init__(self) -> None:
        self._snapshots: list[Snapshot] = []
        self._reported: dict[tuple[str, str], int] = {}
        self._logged_checks: tuple[list[str], list[str]] = ([], [])
        self._probe_batch: Batch | None = None

    def start(self, state: State) -> None:
        """Read the snapshots and findings that a resumed run has logged already."""
        rows = state[RUN].metrics()
        self._snapshots = [Snapshot.from_row(row) for row in rows if row.get("event") == "look"]
        self._reported = {(r["title"], r["severity"]): r["step"] for r in rows if r.get("event") == "finding"}

    def validation(self, state: State) -> None:
        training = state[RUN].record["training"]
        if training["pass_state"]:
            return  # A module that takes the state cannot be called without one.
        step, batch = state[STEP], self._held_out_batch(state)
        snapshot = take_snapshot(state[MODEL], batch, step, state[OBJECTIVE], training["batch_size"])
        if snapshot is None:
            return
        # After a rollback the same steps come a second time.
        self._snapshots = [*(past for past in self._snapshots if past.step < step), snapshot]
        self._reported = {finding: past for finding, past in self._reported.items() if past < step}
        state[RUN].log(snapshot.to_row(state[EPOCH]))
        self._report_new_findings(state, has_ended=False)

    def end(self, state: State) -> None:
        """Report what only the end shows: that no dimension of the latent is in use."""
        if self._snapshots and state[STOP] not in SIGNAL_REASONS:
            self._report_new_findings(state, has_ended=True)

    def _report_new_findings(self, state: State, has_ended: bool) -> None:
        """Log each new finding, and warn of it, of its consequences in the same line.

        What only the end shows is logged alone: the progress bar shows it in its last line.
        """
        evidence = Evidence(
            state[RUN], state[DATA], state[MODEL], state[OBJECTIVE], self._snapshots, has_ended=has_ended
        )
        examined = diagnose(evidence, during_training=True)
        self._log_checks(state, examined)
        findings = [one for one in examined if one.severity != "note"]
        for finding in findings:
            key = (finding.title, finding.severity)
            if key in self._reported:
                continue
            self._reported[key] = state[STEP]
            place = {"step": state[STEP], "epoch": state[EPOCH]} | ({"at_end": True} if has_ended else {})
            state[RUN].log({"event": "finding"} | place | vars(finding))
            if not finding.cause and not has_ended:
                consequences = [one.title for one in findings if one.cause == finding.title]
                effect = f", and hence {', '.join(consequences)}" if consequences else ""
                text = f"{finding.title}{effect}: {finding.evidence}; {finding.advice}"
                # At no line of code: one of the loop, which Python would show below the text, says nothing.
                warnings.warn_explicit(text, UserWarning, "elbowroom doctor, step", state[STEP])

    def _log_checks(self, state: State, findings: Findings) -> None:
        """Log which checks passed and which were not applicable, if these are others than before."""
        checks = list(findings.passed_names), list(findings.skip_reasons)
        if checks == self._logged_checks:
            return
        self._logged_checks = checks
        place = {"event": "checks", "step": state[STEP], "epoch": state[EPOCH]}
        counts = {"passed": checks[0], "failed": findings.n_failed, "not_applicable": findings.skip_reasons}
        state[RUN].log(place | counts)

    def _held_out_batch(self, state: State) -> Batch:
        """Return the same batch each time; for a loader, which must not be read ahead, the last training batch."""
        data = state[DATA]
        split = data.train if data.validation is None else data.validation
        if not isinstance(split, InMemorySplit | BufferedSplit):
            return state[BATCH]
        if self._probe_batch is None:
            self._probe_batch = first_batch(split, MAX_EXAMPLES, state[MODEL])
        return self._probe_batch
