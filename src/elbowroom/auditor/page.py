"""How an audit went."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.table import Table

#: What is said of a check that ended so.
OUTCOME_LABELS = {True: "passed", False: "failed", None: "cannot say"}


@dataclass(frozen=True)
class Outcome:
    """How one check ended.

    Attributes:
        name: of the check, what holds where it is passed.
        passed: whether it does; ``None`` where nothing can be said.
        evidence: what was seen, with its figures, or why nothing was.
    """

    name: str
    passed: bool | None
    evidence: str


class Audit(Sequence[Outcome]):
    """The outcomes of an audit, in the order of the checks.

    Attributes:
        subject: what was audited.
        claim: what it reports, in words.
    """

    def __init__(self, subject: str, claim: str, outcomes: list[Outcome]) -> None:
        self.subject, self.claim, self._outcomes = subject, claim, outcomes

    @property
    def passed(self) -> bool:
        """Whether no check failed."""
        return all(outcome.passed is not False for outcome in self)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, str):
            return next(outcome for outcome in self if outcome.name == index)
        return self._outcomes[index]

    def __len__(self) -> int:
        return len(self._outcomes)

    def __iter__(self) -> Iterator[Outcome]:
        return iter(self._outcomes)

    def json(self) -> str:
        """Everything, as JSON."""
        checks = [asdict(outcome) for outcome in self]
        whole = {"subject": self.subject, "claim": self.claim, "passed": self.passed, "checks": checks}
        return json.dumps(whole, indent=2, ensure_ascii=False)

    def table(self) -> Table:
        """Everything, for people."""
        from rich.table import Table

        table = Table(box=None, pad_edge=False, header_style="bold")
        for column in ("check", "", "evidence"):
            table.add_column(column, overflow="fold")
        colours = {True: "green", False: "bold red", None: "dim"}
        for outcome in self:
            word = f"[{colours[outcome.passed]}]{OUTCOME_LABELS[outcome.passed]}[/]"
            table.add_row(outcome.name, word, outcome.evidence.replace("[", r"\["))
        return table

    def __repr__(self) -> str:
        head = f"{self.subject}: {self.claim}"
        return "\n".join([head, *(f"{OUTCOME_LABELS[o.passed]:<10}  {o.name}: {o.evidence}" for o in self)])
