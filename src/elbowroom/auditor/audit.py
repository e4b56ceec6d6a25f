"""Run every check on a reported log-likelihood, and collect the outcomes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from elbowroom.auditor.claim import Claim, ConditionalLikelihood, InvalidReportError, LikelihoodFunction, build_claim
from elbowroom.auditor.isolation import EndlessSamplingError, module_device, preserve_state
from elbowroom.auditor.outcome import CheckFailedError, CheckSkippedError, Outcome
from elbowroom.auditor.registry import CHECKS, Check
from elbowroom.data import Data, freeze, load_measured
from elbowroom.deprecation import AUDIT_CHECKS, warn_renamed
from elbowroom.display import Displayed
from elbowroom.models.base import GenerativeModel, data_record_of, recipe_call_of
from elbowroom.runs.run import Run

if TYPE_CHECKING:
    from rich.table import Table

#: Examples in the batch: a size that no other dimension is likely to have, by which the batch dimension is recognized.
N_EXAMPLES = 13


def audit(
    subject: Run | str | Path | nn.Module,
    data: Data | Any = None,
    *,
    model: nn.Module | None = None,
    log_likelihood: LikelihoodFunction | None = None,
    log_px: ConditionalLikelihood | None = None,
) -> Audit:
    """Check that the log-likelihoods a model reports can be log-likelihoods.

    For a module that is not an elbowroom model, its train/eval mode is part of the audit: pass it in the mode in which
    its likelihoods are computed. An elbowroom model is scored as :func:`elbowroom.evaluate` scores it. Parameters,
    buffers, modes and random states are left as they were.

    Args:
        subject: a run, its directory, a model, or any module that returns ``(reconstruction, mu, logvar)``.
        data: examples, if not those of the run: a tensor (N, *shape), or anything :func:`load_data` takes.
        model: of a run, as it was built, if no recipe built it; the run's weights are loaded into it.
        log_likelihood: ``(module, x)`` or ``(module, x, k)`` to the reported value of each example, (B,), nats, higher
            is better; with k, a bound of k samples. Default: for an elbowroom model the importance bound of
            ``evaluate``, for any other module minus the cross-entropy minus the KL.
        log_px: ``(module, x, z)`` to log p(x|z), (B,); for a module whose ``decode`` does not return probabilities.

    Returns:
        An :class:`Audit`: for every check whether it passed, with its evidence.

    Raises:
        ValueError: no data for a module, or a module whose reported value is not known.

    >>> import elbowroom as er
    >>> data = er.load_data("digits", binarize="threshold")
    >>> model, _ = er.recipes.vae(data.shape, latent=2)
    >>> result = er.audit(model, data)
    >>> result.passed, result["p(x|z) adds up to one"].passed
    (True, True)
    """
    module, name = _load_module(subject, model)
    x, c = _load_examples(subject, module, data)
    with preserve_state(module):
        claim = build_claim(module, x, c, log_likelihood, log_px)
        outcomes = [_run_check(check, claim) for check in CHECKS.values()]
    return Audit(name, claim.description, outcomes)


def _run_check(check: Check, claim: Claim) -> Outcome:
    try:
        return Outcome(check.name, True, check.function(claim))
    except CheckFailedError as error:
        return Outcome(check.name, False, str(error))
    except (CheckSkippedError, EndlessSamplingError) as error:
        return Outcome(check.name, None, str(error))
    except InvalidReportError:
        raise
    except (ValueError, RuntimeError) as error:
        first_line = str(error).partition("\n")[0]
        return Outcome(check.name, None, f"the module raised an error on the input of this check: {first_line}")


def _load_module(subject: Run | str | Path | nn.Module, model: nn.Module | None) -> tuple[nn.Module, str]:
    if isinstance(subject, nn.Module):
        call = recipe_call_of(subject)
        return subject, f"recipe {call.recipe}" if call else type(subject).__name__
    run = Run(subject)
    return run.module(model), str(run)


def _load_examples(subject: Any, module: nn.Module, data: Any) -> tuple[Tensor, Tensor | None]:
    """Return a batch of examples on the module's device, with labels if the data has them; noise for a model alone."""
    device = module_device(module)
    if isinstance(data, Tensor) and data.is_floating_point():
        return data[:N_EXAMPLES].float().to(device), None
    if data is None and isinstance(subject, nn.Module):
        if not isinstance(module, GenerativeModel):
            raise ValueError(f"{type(module).__name__} was given without data: pass examples, as a tensor or by a name")
        return _synthesize_examples(module).to(device), None
    loaded = (
        load_measured(data, data_record_of(module))
        if isinstance(subject, nn.Module)
        else Run(subject).measured_data(data)
    )
    split = next(s for s in (loaded.test, loaded.validation, loaded.train) if s is not None)
    batch = freeze(split, 0).first(N_EXAMPLES)
    return batch.x.to(device), None if batch.y is None else batch.y.to(device)


def _synthesize_examples(model: GenerativeModel) -> Tensor:
    """Return noise over the support of a model's likelihood."""
    family = model.decoder.family
    generator = torch.Generator().manual_seed(0)
    if family.support == (0.0, 1.0):
        uniform = torch.rand(N_EXAMPLES, *model.shape, generator=generator)
        return uniform if family.levels is None else (uniform * (family.levels - 1)).round() / (family.levels - 1)
    if family.is_count:
        return torch.poisson(torch.ones(N_EXAMPLES, *model.shape), generator=generator)
    return torch.randn(N_EXAMPLES, *model.shape, generator=generator)


class Audit(Displayed, Sequence[Outcome]):
    """The outcomes of an audit, in the order of the checks; one is looked up by position or by the name of its check.

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
        if not isinstance(index, str):
            return self._outcomes[index]
        if index in AUDIT_CHECKS:
            warn_renamed(f"the check {index!r}", repr(AUDIT_CHECKS[index]))
            index = AUDIT_CHECKS[index]
        return {outcome.name: outcome for outcome in self}[index]

    def __len__(self) -> int:
        return len(self._outcomes)

    def __iter__(self) -> Iterator[Outcome]:
        return iter(self._outcomes)

    def json(self) -> str:
        """Return the outcomes as JSON."""
        checks = [asdict(outcome) for outcome in self]
        content = {"subject": self.subject, "claim": self.claim, "passed": self.passed, "checks": checks}
        return json.dumps(content, indent=2, ensure_ascii=False)

    def table(self) -> Table:
        """Return the outcomes as a table for the terminal."""
        from rich.table import Table

        table = Table(box=None, pad_edge=False, header_style="bold")
        for column in ("check", "", "evidence"):
            table.add_column(column, overflow="fold")
        colors = {True: "green", False: "bold red", None: "dim"}
        for outcome in self:
            label = f"[{colors[outcome.passed]}]{outcome.label}[/]"
            table.add_row(outcome.name, label, outcome.evidence.replace("[", r"\["))
        return table

    def __repr__(self) -> str:
        lines = (f"{outcome.label:<12}  {outcome.name}: {outcome.evidence}" for outcome in self)
        return "\n".join([f"{self.subject}: {self.claim}", *lines])
