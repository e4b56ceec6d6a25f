"""The table of suites: what can be asked of a model, by name."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import import_module

from elbowroom import errors
from elbowroom.data import Data, Split
from elbowroom.evaluation.metric import Metric
from elbowroom.models.base import GenerativeModel

SuiteFunction = Callable[["EvalContext"], dict[str, Metric]]

#: The modules that hold suites, in the order in which their figures are shown.
SUITE_MODULES = ("likelihood", "latent", "reconstruction", "ais", "aggregate_posterior", "probes", "images")


@dataclass(frozen=True)
class Suite:
    """Figures that are measured together.

    Attributes:
        name: by which they are asked for.
        description: one line of what they tell.
        is_default: whether they are measured when nothing is asked for.
        function: a :class:`EvalContext` to the figures by name, the undefined ones with the reason.
    """

    name: str
    description: str
    is_default: bool
    function: SuiteFunction


#: Every suite by its name, once :func:`known` has been called.
SUITES: dict[str, Suite] = {}


def suite(name: str, description: str, default: bool = False) -> Callable[[SuiteFunction], SuiteFunction]:
    """Enter a function into the table of suites.

    Args:
        name: by which ``metrics=`` and ``--metrics`` ask for it.
        description: one line of what it tells.
        default: whether it is measured when nothing is asked for; for what is cheap, and defined for most models.
    """

    def enter(function: SuiteFunction) -> SuiteFunction:
        SUITES[name] = Suite(name, description, default, function)
        return function

    return enter


def all_suites() -> dict[str, Suite]:
    """All suites, ours in the order of :data:`SUITE_MODULES` and then those entered elsewhere, their modules imported now."""
    ours = [import_module(f"elbowroom.evaluation.suites.{room}").__name__ for room in SUITE_MODULES]
    place = {name: [*ours, module].index(module) for name, s in SUITES.items() if (module := s.function.__module__)}
    return {name: SUITES[name] for name in sorted(place, key=place.__getitem__)}


def select_suites(metrics: str | Iterable[str | Suite]) -> list[Suite]:
    """The suites of these names, each once; ``default`` and ``all`` stand for several, a suite itself for what it is.

    Raises:
        ValueError: a name is unknown, with the nearest that is, or none was given.

    >>> [suite.name for suite in select_suites("error, likelihood")]
    ['error', 'likelihood']
    """
    table = all_suites()
    asked = metrics.split(",") if isinstance(metrics, str) else list(metrics)
    words = {"all": list(table), "default": [name for name, suite in table.items() if suite.is_default]}
    found: dict[str, Suite] = {}
    for item in asked:
        if isinstance(item, Suite):
            found[item.name] = item
        elif name := item.strip():
            if name not in table and name not in words:
                raise errors.unknown_name("metrics", name, [*table, *words])
            found |= {name: table[name] for name in words.get(name, [name]) if name not in found}
    if not found:
        raise ValueError(f"no metrics were asked for: choose from {', '.join([*table, *words])}")
    return list(found.values())


@dataclass(frozen=True)
class EvalContext:
    """A model in evaluation mode, the examples it is judged on, and the settings of the evaluation.

    Attributes:
        model: in evaluation mode, on the device of ``part``.
        data: all of its splits, for figures that are fitted on another than the one judged.
        split_name: the name of the one judged.
        eval_split: that split, on the device, its examples the same at every pass.
        samples: posterior samples per example.
        batch_size: examples at a time; no figure depends on it.
        seed: of whatever is random.
    """

    model: GenerativeModel
    data: Data
    split_name: str
    eval_split: Split
    samples: int
    batch_size: int
    seed: int
