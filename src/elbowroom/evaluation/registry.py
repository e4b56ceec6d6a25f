"""Registry of metric suites, and the context that a suite is given."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from elbowroom.data import Data, Split
from elbowroom.data.load import ALL_SPLITS
from elbowroom.deprecation import renamed_arguments, warn_renamed
from elbowroom.evaluation.metric import Metric
from elbowroom.models.base import GenerativeModel
from elbowroom.registry import Registry
from elbowroom.samplers.base import Sampler

SuiteFunction = Callable[["EvalContext"], dict[str, Metric]]

#: Names that suites had in version 0.1; they work for one version, with a warning.
RENAMED_SUITES = {
    "aggregate": "aggregate_posterior",
    "annealed": "ais",
    "codes": "probes",
    "error": "reconstruction",
}


@dataclass(frozen=True)
class Suite:
    """Metrics that are measured together.

    Attributes:
        function: from an :class:`EvalContext` to the metrics by name; an undefined metric says why in its note.
        name: as given in ``metrics=`` and ``--metrics``.
        description: what the metrics say, in one line.
        is_default: whether the suite is part of ``default``: for what is cheap, and defined for most models.
        compares_samplers: whether it measures the samplers that were fitted to the run, too.
    """

    function: SuiteFunction
    name: str
    description: str
    is_default: bool = False
    compares_samplers: bool = False


#: The suites by name, in the order in which their metrics are shown.
SUITES: Registry[Suite] = Registry(
    "suite of metrics",
    tuple(f"elbowroom.evaluation.suites.{module}" for module in ("likelihood", "latent", "reconstruction", "*")),
    RENAMED_SUITES,
    "; or default, all",
)
suite = renamed_arguments({"default": "is_default"})(SUITES.decorator(Suite, help=lambda suite: suite.description))


def select_suites(metrics: str | Iterable[str | Suite]) -> list[Suite]:
    """Return the suites of these names, each once.

    ``default`` and ``all`` stand for several suites; a :class:`Suite` stands for itself.

    Raises:
        ValueError: an unknown name, with the nearest known one; or no name at all.

    >>> [suite.name for suite in select_suites("reconstruction, likelihood")]
    ['reconstruction', 'likelihood']
    """
    groups = {"all": list(SUITES.values()), "default": [suite for suite in SUITES.values() if suite.is_default]}
    selected: dict[str, Suite] = {}
    for item in metrics.split(",") if isinstance(metrics, str) else metrics:
        if isinstance(item, Suite):
            selected[item.name] = item
        elif name := item.strip():
            for suite in groups[name] if name in groups else [SUITES.find(name)]:
                selected.setdefault(suite.name, suite)
    if not selected:
        raise ValueError(f"no metrics were given: choose from {', '.join([*SUITES, *groups])}")
    return list(selected.values())


@dataclass(frozen=True)
class EvalContext:
    """A model in evaluation mode, the split it is evaluated on, and the settings of the evaluation.

    Attributes:
        model: in evaluation mode, on the device of ``eval_split``.
        data: all splits, for metrics that are fitted on another split than the evaluated one.
        split_name: name of the evaluated split; "all" for all examples.
        eval_split: the evaluated split, on the device; its examples are the same at every pass.
        samples: posterior samples per example.
        batch_size: examples at a time; no metric depends on it.
        seed: of everything random.
        samplers: by name, those to compare with the prior of the model, on its device.
    """

    model: GenerativeModel
    data: Data
    split_name: str
    eval_split: Split
    samples: int
    batch_size: int
    seed: int
    samplers: Mapping[str, Sampler] = field(default_factory=dict)

    @property
    def includes_train(self) -> bool:
        """Whether training examples are evaluated, so that none of them serve as others to compare with."""
        return self.split_name in ("train", ALL_SPLITS)

    @property
    def part(self) -> Split:
        """Deprecated name of ``eval_split``."""
        warn_renamed("EvalContext.part", "EvalContext.eval_split")
        return self.eval_split

    @property
    def split(self) -> str:
        """Deprecated name of ``split_name``."""
        warn_renamed("EvalContext.split", "EvalContext.split_name")
        return self.split_name
