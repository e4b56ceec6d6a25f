"""Actions on a run: evaluate, report, export, fit a sampler; their commands, and their states, kept in the run."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from elbowroom.evaluation.registry import SUITES
from elbowroom.runs.metrics_log import read_regular_file
from elbowroom.samplers import PRIOR, SAMPLERS, full_name, parse
from elbowroom.serialization import atomic_path
from elbowroom.studio.errors import RequestError
from elbowroom.studio.services import processes
from elbowroom.studio.services.run_images import file_url
from elbowroom.studio.services.run_log import last_error, read_tail
from elbowroom.workbench.final_sampler import DEFAULT_SAMPLER

#: The folder in a run that holds the state and the log of its actions.
FOLDER_NAME = "actions"
#: Size of a state file; what is longer is damaged.
_MAX_STATE_BYTES = 1 << 14
#: What a state file holds: the option, the process and its start time, when it started and ended, its return code.
_STATE_TYPES: dict[str, type] = {
    "option": str,
    "pid": int,
    "began": str,
    "started": str,
    "ended": str,
    "code": int,
    "canceled": bool,
}


@dataclass(frozen=True)
class Action:
    """A command of the command line that works on a finished or a running run.

    Attributes:
        label: what the button says.
        about: what it does, in a sentence.
        words: from the run's directory and the option, the words of the command line.
        options: the values that its option may have, with what each is; the first is the default.
        parse_option: checks a value that is none of these, and returns it as it is to be written; None where there may
            be no other.
        result: the file in the run that it writes and that can be opened, if any.
    """

    label: str
    about: str
    words: Callable[[Path, str], list[str]]
    options: Callable[[], dict[str, str]] = dict
    parse_option: Callable[[str], str] | None = None
    result: str = ""

    def check_option(self, option: str) -> str:
        """Return the option, or its default if it is empty.

        Raises:
            RequestError: it is none of the options.
        """
        options = self.options()
        option = option or next(iter(options), "")
        if option not in {"", *options}:
            if self.parse_option is not None:
                return self._parse_option(option)
            raise RequestError(
                f"option {option[:40]!r}: expected one of {', '.join(options) or 'none'}", field="option"
            )
        return option

    def _parse_option(self, option: str) -> str:
        assert self.parse_option is not None
        try:
            return self.parse_option(option)
        except ValueError as error:
            raise RequestError(f"option {option[:40]!r}: {error}", field="option") from None

    def describe(self, name: str) -> dict[str, Any]:
        """Return the JSON fields of a button."""
        options = [{"value": value, "about": about} for value, about in self.options().items()]
        about = {"name": name, "label": self.label, "about": self.about}
        return about | {"options": options, "open": self.parse_option is not None}


def _suites() -> dict[str, str]:
    return {"default": "likelihood, latent, reconstruction", "all": "all that suit the run"} | {
        name: SUITES.help(name) for name in SUITES
    }


def _samplers() -> dict[str, str]:
    """Return the samplers with what each is, that of a training by default first."""
    names = [name for name in SAMPLERS if SAMPLERS[name].requires_fit]
    full_names = {full_name(name): SAMPLERS.help(name) for name in names}
    return {DEFAULT_SAMPLER: full_names[DEFAULT_SAMPLER]} | full_names


def _parse_sampler(name: str) -> str:
    """Return the full name of a sampler that can be fitted, with any option."""
    if name == PRIOR or not parse(name)[0].requires_fit:
        raise ValueError("it needs no fit: every run has it")
    return full_name(name)


ACTIONS = {
    "evaluate": Action(
        "Evaluate",
        "Measure the run on its whole test split: ELBO, importance bound, KL, reconstruction error.",
        lambda path, metrics: ["evaluate", str(path), f"--metrics={metrics}"],
        _suites,
    ),
    "report": Action(
        "Make the report", "Write report.html: one page about the run.", lambda path, _: ["report", str(path)]
    ),
    "export": Action(
        "Export the explorer",
        "Write explorer.html: one page that decodes in any browser, without a server.",
        lambda path, _: ["export", str(path), f"--html={path / 'explorer.html'}"],
        result="explorer.html",
    ),
    "fit-sampler": Action(
        "Fit a sampler",
        "Fit a density to the latents of the training examples, to draw samples from instead of the prior.",
        lambda path, name: ["fit-sampler", str(path), name],
        _samplers,
        _parse_sampler,
    ),
}


def list_actions(path: Path, run: str) -> list[dict[str, Any]]:
    """Return the states of the actions that were started on a run."""
    if not (path / FOLDER_NAME).is_dir() or (path / FOLDER_NAME).is_symlink():
        return []
    return [state for name in ACTIONS if (state := read_action(path, run, name))]


def read_action(path: Path, run: str, name: str) -> dict[str, Any]:
    """Return the state of an action: running, done, failed or canceled; empty if it was never started."""
    action, state = ACTIONS[name], read_state(path, name)
    if not state:
        return {}
    log = read_tail(path / FOLDER_NAME / f"{name}.log")
    if processes.is_same_process(state.get("pid"), state.get("began")):
        word = "running"
    elif state.get("canceled"):
        word = "canceled"
    else:
        # Without a return code, as the studio was started anew meanwhile, the log tells.
        word = "failed" if state.get("code", 1 if last_error(log) else 0) else "done"
    last_line = next((line.strip() for line in reversed(log.splitlines()) if line.strip()), "")
    message = last_error(log) or last_line if word == "failed" else ""
    has_result = word == "done" and action.result and (path / action.result).is_file()
    return {
        "name": name,
        "option": state.get("option", ""),
        "state": word,
        "started": state.get("started"),
        "ended": state.get("ended"),
        "message": message[:500],
        "result": file_url(run, action.result) if has_result else None,
    }


def read_state(path: Path, name: str) -> dict[str, Any]:
    """Read the state file of an action; empty if there is none, or a damaged one."""
    try:
        state = json.loads(read_regular_file(path / FOLDER_NAME / f"{name}.json", _MAX_STATE_BYTES))
    except (OSError, ValueError, RecursionError):
        return {}
    types = {"option": str, "pid": int, "began": str, "started": str, "ended": str, "code": int, "canceled": bool}
    is_valid = isinstance(state, dict) and all(
        type(state.get(key)) in (kind, type(None)) for key, kind in types.items()
    )
    return state if is_valid else {}


def write_state(path: Path, name: str, state: dict[str, Any]) -> None:
    """Write the state file of an action."""
    file = path / FOLDER_NAME / f"{name}.json"
    with atomic_path(file) as temporary, temporary.open("x", encoding="utf-8") as opened:
        opened.write(json.dumps(state) + "\n")
