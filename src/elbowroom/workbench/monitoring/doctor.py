"""Watching for ailments while a model trains."""

from __future__ import annotations

import warnings

from elbowroom.data import Batch, BufferedSplit, InMemorySplit
from elbowroom.doctor.evidence import MAX_EXAMPLES, Evidence, first_batch
from elbowroom.doctor.examine import diagnose
from elbowroom.doctor.snapshot import Snapshot, take_snapshot
from elbowroom.training.callback import Callback
from elbowroom.training.state import BATCH, DATA, EPOCH, MODEL, OBJECTIVE, RUN, STEP, State


class Doctor(Callback):
    """Look at the model after every validation: a row of what was seen, a warning for each ailment found.

    What is written is ``{"event": "look", ...}``, the KL of every dimension, the decoder's scale, the share of clamped
    variances and the codes in use, on a fixed batch of held-out examples; and once for each ailment
    ``{"event": "finding", ...}``. ``elbowroom doctor RUN`` reads them, and looks for more.
    """

    is_on_every_rank = False

    def __init__(self) -> None:
        self._snapshots: list[Snapshot] = []
        self._reported: dict[tuple[str, str], int] = {}
        self._probe_batch: Batch | None = None

    def start(self, state: State) -> None:
        """What a run that goes on has on record already."""
        rows = state[RUN].metrics()
        self._snapshots = [Snapshot.from_row(row) for row in rows if row.get("event") == "look"]
        self._reported = {(r["title"], r["severity"]): r["step"] for r in rows if r.get("event") == "finding"}

    def validation(self, state: State) -> None:
        if state[RUN].record["training"]["pass_state"]:
            return  # a module that wants the state is not called without one
        step, epoch = state[STEP], state[EPOCH]
        seen = take_snapshot(state[MODEL], self._held_out_batch(state), step)
        if seen is None:
            return
        # After a rollback the steps come a second time.
        self._snapshots = [*(past for past in self._snapshots if past.step < step), seen]
        self._reported = {finding: then for finding, then in self._reported.items() if then < step}
        state[RUN].log(seen.to_row(epoch))
        case = Evidence(state[RUN], state[DATA], state[MODEL], state[OBJECTIVE], self._snapshots)
        for finding in diagnose(case, during_training=True):
            known = (finding.title, finding.severity)
            if finding.severity == "note" or known in self._reported:
                continue
            self._reported[known] = step
            state[RUN].log({"event": "finding", "step": step, "epoch": epoch} | vars(finding))
            warnings.warn(f"{finding.title}: {finding.evidence}; {finding.advice}", stacklevel=2)

    def _held_out_batch(self, state: State) -> Batch:
        """The same each time; of a stream, which a look ahead would disturb, those that came last."""
        data = state[DATA]
        split = data.train if data.validation is None else data.validation
        if not isinstance(split, InMemorySplit | BufferedSplit):
            return state[BATCH]
        if self._probe_batch is None:
            self._probe_batch = first_batch(split, MAX_EXAMPLES, state[MODEL])
        return self._probe_batch
