"""The audit: every check asked of one claim."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from elbowroom.auditor import bound, independence, leak, normalization  # noqa: F401 - they enter their checks
from elbowroom.auditor.claim import Claim, ConditionalLikelihood, InvalidReportError, LikelihoodFunction, build_claim
from elbowroom.auditor.isolation import EndlessSamplingError, module_device, restored
from elbowroom.auditor.registry import CHECKS, Check, CheckFailedError, CheckSkippedError
from elbowroom.data import Data, freeze, load_data
from elbowroom.models.base import GenerativeModel
from elbowroom.runs.run import Run

if TYPE_CHECKING:
    from rich.table import Table

#: Examples looked at: a number that no other dimension is likely to have, so that one knows which one is the batch's.
N_EXAMPLES = 13


def audit(
    subject: Run | str | Path | nn.Module,
    data: Data | Any = None,
    *,
    log_likelihood: LikelihoodFunction | None = None,
    log_px: ConditionalLikelihood | None = None,
) -> Audit:
    """Test that a reported likelihood can be one.

    The mode of anybody's module is part of what is audited: hand it over as it is when its figures are made. A model of
    ours is judged as :func:`elbowroom.evaluate` judges it. Whatever is looked at is left as it was found.

    Args:
        subject: a run, its directory, a model, or any module that returns ``(reconstruction, mu, logvar)``.
        data: examples, if not those of the run: a tensor (N, *shape), or anything :func:`load_data` takes.
        log_likelihood: ``(module, x)`` or ``(module, x, k)`` to what is reported of each example, (B,), nats, higher is
            better; with k, of k samples. If not given: for a model of ours the importance bound of ``evaluate``, for
            a module minus the cross-entropy minus the KL.
        log_px: ``(module, x, z)`` to log p(x|z), (B,); for a module whose ``decode`` does not give probabilities.

    Returns:
        An :class:`Audit`: for every check whether it passed, with its evidence.

    Raises:
        ValueError: no data for a module, or a module of which one cannot know what it reports.

    >>> import elbowroom as er
    >>> data = er.load_data("digits", binarise="threshold")
    >>> model, _ = er.recipes.vae(data.shape, latent=2)
    >>> page = er.audit(model, data)
    >>> page.passed, page["p(x|z) adds up to one"].passed
    (True, True)
    """
    module, name = _load_module(subject)
    x, c = _load_examples(subject, module, data)
    with restored(module):
        claim = build_claim(module, x, c, log_likelihood, log_px)
        outcomes = [_run_check(check, claim) for check in CHECKS.values()]
    return Audit(name, claim.description, outcomes)


def _run_check(check: Check, claim: Claim) -> Outcome:
    try:
        return Outcome(check.name, True, check.function(claim))
    except CheckFailedError as fault:
        return Outcome(check.name, False, str(fault))
    except (CheckSkippedError, EndlessSamplingError) as why:
        return Outcome(check.name, None, str(why))
    except InvalidReportError:
        raise
    except (ValueError, RuntimeError) as error:
        return Outcome(check.name, None, f"the module refuses what is asked here: {str(error).partition(chr(10))[0]}")


def _load_module(subject: Run | str | Path | nn.Module) -> tuple[nn.Module, str]:
    if isinstance(subject, nn.Module):
        origin = getattr(subject, "origin", None)
        return subject, f"recipe {origin.recipe}" if origin else type(subject).__name__
    run = subject if isinstance(subject, Run) else Run(subject)
    return run.model(), str(run.path)


def _load_examples(subject: Any, module: nn.Module, data: Any) -> tuple[Tensor, Tensor | None]:
    """A few examples on the module's device, with labels where there are some; made up for a model without data."""
    here = module_device(module)
    if isinstance(data, Tensor):
        return data[:N_EXAMPLES].float().to(here), None
    if data is None and isinstance(subject, nn.Module):
        if not isinstance(module, GenerativeModel):
            raise ValueError(f"{type(module).__name__} was given without data: pass examples, as a tensor or by a name")
        return _synthesize_examples(module).to(here), None
    if data is None:
        data = (subject if isinstance(subject, Run) else Run(subject)).data()
    loaded = load_data(data)
    split = next(s for s in (loaded.test, loaded.validation, loaded.train) if s is not None)
    batch = freeze(split, 0).first(N_EXAMPLES)
    return batch.x.to(here), None if batch.y is None else batch.y.to(here)


def _synthesize_examples(model: GenerativeModel) -> Tensor:
    """Noise over the values that a model's likelihood is one of."""
    family = model.decoder.family
    generator = torch.Generator().manual_seed(0)
    if family.support == (0.0, 1.0):
        uniform = torch.rand(N_EXAMPLES, *model.shape, generator=generator)
        return uniform if family.levels is None else (uniform * (family.levels - 1)).round() / (family.levels - 1)
    return torch.randn(N_EXAMPLES, *model.shape, generator=generator)


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
