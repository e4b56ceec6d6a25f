"""Deprecated names of version 0.1: each keeps working for one version, with a warning that says the new one.

This module owns the tables. Names of the package are looked up by :func:`deprecated_getattr`, old modules are imported
under their new name, keyword arguments pass :func:`renamed_arguments`, flags :func:`rename_flags`, and the record of an
old run :func:`upgrade_record`.
"""

from __future__ import annotations

import importlib
import sys
from importlib.machinery import ModuleSpec

TYPE_CHECKING = False  # as type checkers read it; `import elbowroom` runs this module, and typing takes milliseconds
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from types import ModuleType
    from typing import Any, ParamSpec, TypeVar

    P = ParamSpec("P")
    T = TypeVar("T")

#: Public names, by the module they were in; a name with dots is in another module now.
NAMES: dict[str, dict[str, str]] = {
    "elbowroom": {
        "Average": "EMA",
        "Clip": "GradientClipping",
        "DiscretisedLogistic": "DiscretizedLogistic",
        "Diverged": "DivergedError",
        "Generative": "GenerativeModel",
        "Labels": "LabelEncoder",
        "Rate": "LRSchedule",
        "Skip": "SkipStep",
        "images_by": "image_suite",
    },
    "elbowroom.auditor": {
        "Fault": "CheckFailedError",
        "Unsaid": "CheckSkippedError",
    },
    "elbowroom.comparing": {
        "Point": "elbowroom.sweeps.SweepPoint",
        "grid": "elbowroom.sweeps.parameter_grid",
        "plan": "elbowroom.sweeps.plan",
        "sweep": "elbowroom.sweeps.sweep.sweep",
    },
    "elbowroom.data": {
        "Arrays": "InMemorySplit",
        "Loader": "LoaderSplit",
        "Stored": "BufferedSplit",
        "decoded": "decode_rows",
        "still": "freeze",
    },
    "elbowroom.distributions": {
        "Bernoulli": "IndependentBernoulli",
        "Beside": "IndependentColumns",
        "Classes": "ColumnCategorical",
        "CodebookCategorical": "CodeCategorical",
        "Codes": "CodeCategorical",
        "ContinuousBernoulli": "PixelContinuousBernoulli",
        "DiscretisedLogistic": "PixelLogistic",
        "Levels": "PixelCategorical",
        "LogisticMixture": "PixelLogisticMixture",
        "Quantised": "Quantized",
        "Unvalidated": "UncheckedDistribution",
        "independent": "to_event",
        "nearest": "nearest_code_index",
    },
    "elbowroom.doctor": {
        "AILMENTS": "DIAGNOSES",
        "Ailment": "Diagnosis",
        "Unexamined": "NotApplicableError",
        "ailment": "diagnosis",
    },
    "elbowroom.evaluation": {
        "check_suits": "check_compatible",
        "images_by": "image_suite",
    },
    "elbowroom.exporting": {
        "Exported": "ExportedFile",
    },
    "elbowroom.families": {
        "DiscretisedLogistic": "DiscretizedLogistic",
    },
    "elbowroom.latent": {
        "Neighbours": "NearestExamples",
        "along": "traverse_attribute",
        "decoded": "decode_latents",
        "linear": "lerp",
        "neighbours": "find_nearest_examples",
        "plane": "decode_plane",
        "principal": "principal_components",
        "quantiles": "normal_quantiles",
        "spherical": "slerp",
    },
    "elbowroom.networks": {
        "Cells": "CellEncoder",
        "settle": "fuse_upsampling",
    },
    "elbowroom.noise": {
        "keyed": "keyed_noise",
        "plain": "global_rng",
        "silenced": "zero_noise",
    },
    "elbowroom.plotting": {
        "Look": "RunView",
        "film": "write_gif",
        "is_picture": "is_image",
        "reconstructions": "reconstruction_grid",
        "samples": "sample_grid",
    },
    "elbowroom.recipes": {
        "Field": "Argument",
    },
    "elbowroom.reporting": {
        "Command": "elbowroom.runs.RepeatCommand",
        "command": "elbowroom.runs.repeat_command",
        "write": "write_report",
    },
    "elbowroom.runs": {
        "load": "elbowroom.load",
    },
    "elbowroom.training": {
        "Average": "EMA",
        "Clip": "GradientClipping",
        "Diverged": "DivergedError",
        "Doctor": "elbowroom.workbench.Doctor",
        "Rate": "LRSchedule",
        "Skip": "SkipStep",
        "fit": "elbowroom.workbench.fit.fit",
        "resume": "elbowroom.workbench.fit.resume",
    },
    "elbowroom.training.state": {
        "FIGURES": "METRICS",
        "Key": "StateKey",
    },
}

#: Modules that have moved.
MODULES = {
    "elbowroom.advice": "elbowroom.errors",
    "elbowroom.conditional": "elbowroom.models.conditional",
    "elbowroom.conditions": "elbowroom.models.conditioning",
    "elbowroom.draw": "elbowroom.models.draw",
    "elbowroom.plotting.run_view": "elbowroom.runs.run_view",
    "elbowroom.evaluation.table": "elbowroom.evaluation.registry",
    "elbowroom.exploring": "elbowroom.latent",
    "elbowroom.hierarchy": "elbowroom.models.hierarchical",
    "elbowroom.ladder": "elbowroom.models.ladder",
    "elbowroom.model": "elbowroom.models.base",
    "elbowroom.pictures": "elbowroom.plotting",
    "elbowroom.priors": "elbowroom.models.priors",
    "elbowroom.ranks": "elbowroom.distributed",
    "elbowroom.row": "elbowroom.table_shape",
    "elbowroom.run": "elbowroom.runs.run",
    "elbowroom.semisupervised": "elbowroom.models.semi_supervised",
    "elbowroom.weights": "elbowroom.serialization",
}

#: Keyword arguments of :func:`elbowroom.load_data`, which are fields of ``recipe.json`` and flags too.
DATA_ARGUMENTS = {
    "bad_pictures": "bad_images",
    "binarise": "binarize",
    "dequantise": "dequantize",
    "labelled": "labeled",
}

#: Switches of ``train`` that are values of another flag now: the flag, its value without the switch, and with it.
SWITCHES = {"skip_bad": ("bad_images", ("refuse", "skip"))}

#: Callbacks, by the name that a record has for them, and their arguments.
CALLBACKS = {"Average": "EMA", "Clip": "GradientClipping", "Rate": "LRSchedule", "Skip": "SkipStep"}
CALLBACK_ARGUMENTS = {
    "EarlyStopping": {"of": "metric", "by": "min_delta"},
    "LRSchedule": {"shape": "schedule"},
}

#: Checks of an audit, by the name under which their outcome is looked up.
AUDIT_CHECKS = {
    "all x together have at most one": "total probability is at most one",
    "looking changes nothing": "scoring has no side effects",
    "nothing passes the code": "the decoder sees only z",
    "the same in any company": "independent of the rest of the batch",
}

#: Kinds of figures.
PLOT_KINDS = {"codes": "latents"}

#: Arguments that a recipe of an older version had not, with the values of what it made.
RECIPE_ARGUMENTS = {"conv_cvae": {"conditioning": "input", "prior": "standard"}}
#: Names of likelihoods.
LIKELIHOODS = {"discretised-logistic": "discretized-logistic"}
#: Names of networks.
NETWORKS = {"plain": "conv"}
#: Names that are values of a recipe's argument, by the argument.
ARGUMENT_VALUES = {"likelihood": LIKELIHOODS, "network": NETWORKS}


#: Attributes of objects, by their class.
ATTRIBUTES: dict[str, dict[str, str]] = {
    "Comparison": {
        "apart": "comparability_notes",
        "best": "best_groups",
        "differs": "differing_settings",
        "left_out": "excluded_entries",
        "said": "footnotes",
        "same": "shared_settings",
    },
    "Group": {
        "differs": "differing_values",
        "done": "done_entries",
        "figures": "metrics",
        "seeds": "seed_summary",
    },
    # After a colon, a function of the object; in parentheses, one that takes arguments, too.
    "RunView": {
        "column_stats": "elbowroom.plotting.table_rows:column_stats",
        "describe_label": "elbowroom.plotting.traversals:describe_label()",
        "dimension_name": "elbowroom.plotting.latent_ranking:dimension_name()",
        "grayscale_note": "elbowroom.plotting.style:grayscale_note",
        "has_standard_prior": "model.has_standard_prior",
        "is_conditional": "model.is_conditional",
        "is_quantized": "model.is_quantized",
        "labels": "elbowroom.plotting.style:example_labels",
        "latent_metrics": "elbowroom.plotting.latent_ranking:latent_metrics",
        "latent_step": "elbowroom.plotting.traversals:latent_step",
        "n_latents": "elbowroom.plotting.latent_ranking:n_latents",
        "ranked_dimensions": "elbowroom.plotting.latent_ranking:ranked_dimensions",
        "require_continuous": "elbowroom.plotting.latent_ranking:require_continuous()",
        "standardize": "elbowroom.plotting.table_rows:standardize()",
        "typical_index": "elbowroom.plotting.traversals:typical_index",
    },
}


def warn_renamed(old: str, new: str, stacklevel: int = 3) -> None:
    """Warn, in one line, that a name is now another."""
    import warnings

    message = f"{old} is now called {new}; the old name goes with the next version"
    warnings.warn(message, DeprecationWarning, stacklevel=stacklevel)


def current_likelihood(name: str) -> str:
    """Return the name of a likelihood, with a warning where it is an old one.

    >>> current_likelihood("gaussian:0.1")
    'gaussian:0.1'
    """
    if name in LIKELIHOODS:
        warn_renamed(f"'{name}'", f"'{LIKELIHOODS[name]}'")
        return LIKELIHOODS[name]
    return name


def current_plot_kind(kind: str) -> str:
    """Return the name of a kind of figure, with a warning where it is an old one."""
    if kind in PLOT_KINDS:
        warn_renamed(f"the figure '{kind}'", f"'{PLOT_KINDS[kind]}'")
        return PLOT_KINDS[kind]
    return kind


def deprecated_getattr(module: str, stacklevel: int = 3) -> Callable[[str], Any]:
    """A module's ``__getattr__`` that gives the new object for an old name of :data:`NAMES`, with a warning.

    Args:
        module: the name of the module.
        stacklevel: of the warning, where the function is called by another ``__getattr__``.
    """
    names = NAMES[module]

    def getattribute(name: str) -> Any:
        if name in names:
            home, _, new = names[name].rpartition(".")
            warn_renamed(f"{module}.{name}", f"{home or module}.{new}", stacklevel)
            return getattr(importlib.import_module(home or module), new)
        if (path := f"{module}.{name}") in MODULES:
            return importlib.import_module(path)
        raise AttributeError(f"module {module!r} has no attribute {name!r}")

    return getattribute


def renamed_attributes(class_name: str) -> Callable[[Any, str], Any]:
    """A class's ``__getattr__`` that gives the value of the new attribute for an old one, with a warning."""
    import functools
    import operator

    def getattribute(self: Any, name: str) -> Any:
        if (new := ATTRIBUTES[class_name].get(name)) is None:
            raise AttributeError(f"{class_name!r} object has no attribute {name!r}")
        warn_renamed(f"{class_name}.{name}", new.replace(":", "."))
        module, _, path = new.rpartition(":")
        if not module:
            return operator.attrgetter(path)(self)
        function = getattr(importlib.import_module(module), path.removesuffix("()"))
        return functools.partial(function, self) if path.endswith("()") else function(self)

    return getattribute


def renamed_arguments(names: Mapping[str, str]) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """A decorator: keyword arguments under their old names are taken for the new ones, with a warning.

    Args:
        names: from old to new.

    >>> @renamed_arguments({"colour": "color"})
    ... def paint(color):
    ...     return color
    >>> import warnings
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always")
    ...     paint(colour="red"), str(caught[0].message)
    ('red', 'the argument colour of paint is now called color; the old name goes with the next version')
    """

    import functools

    def decorate(function: Callable[P, T]) -> Callable[P, T]:
        @functools.wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> T:
            for old in names.keys() & kwargs.keys():
                warn_renamed(f"the argument {old} of {function.__qualname__.removesuffix('.__init__')}", names[old])
                kwargs[names[old]] = kwargs.pop(old)
            return function(*args, **kwargs)

        return call

    return decorate


def rename_flags(words: Sequence[str]) -> list[str]:
    """A command line with the flags of the version before under their new names, with a warning for each.

    >>> rename_flags(["train", "vae", "--binarize", "dynamic"])
    ['train', 'vae', '--binarize', 'dynamic']
    """
    return list(_renamed_flags(words))


def _renamed_flags(words: Sequence[str]) -> Iterator[str]:
    flags = {f"--{old.replace('_', '-')}": f"--{new.replace('_', '-')}" for old, new in DATA_ARGUMENTS.items()}
    switches = {f"--{old.replace('_', '-')}": new for old, new in SWITCHES.items()}
    for word in words:
        flag, equals, value = word.partition("=")
        if flag in switches:
            new, values = switches[flag]
            word = f"--{new.replace('_', '-')}={values[value != 'false']}"
            warn_renamed(flag, word)
        elif flag in flags:
            warn_renamed(flag, flags[flag])
            word = flags[flag] + equals + value
        yield word


def rename_fields(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Fields of a settings file under the names that the flags have now, with a warning for each that had another."""
    renamed = {}
    for old, value in fields.items():
        [(new, new_value)] = upgrade_settings({old.replace("-", "_"): value}).items()
        is_renamed = new != old.replace("-", "_")
        if is_renamed:
            warn_renamed(old, new)
        renamed[new if is_renamed else old] = new_value
    return renamed


def upgrade_record(record: dict[str, Any]) -> dict[str, Any]:
    """The record of a run as this version writes it: the fields of version 0.1 under their new names.

    >>> upgrade_record({"data": {"source": "digits", "arguments": {"binarise": "none"}}})
    {'data': {'source': 'digits', 'arguments': {'binarize': 'none'}}}
    """
    record = dict(record)
    data, training, arguments = (record.get(field) for field in ("data", "training", "arguments"))
    if isinstance(data, dict) and isinstance(data.get("arguments"), dict):
        shape = {"shape": record["shape"]} if isinstance(record.get("shape"), list) else {}
        arguments_then = upgrade_data_arguments(data.get("source"), data["arguments"])
        record["data"] = shape | data | {"arguments": arguments_then}
    if isinstance(training, dict) and isinstance(training.get("callbacks"), list):
        record["training"] = training | {"callbacks": [upgrade_callback(entry) for entry in training["callbacks"]]}
    if isinstance(arguments, dict):
        record["arguments"] = upgrade_recipe_arguments(record.get("recipe"), arguments)
    return record


def upgrade_recipe_arguments(recipe: Any, arguments: dict[str, Any]) -> dict[str, Any]:
    """The recorded arguments of a recipe: with those that it had not then, and values under their new names.

    >>> upgrade_recipe_arguments("conv_vae", {"latent": 8, "network": "plain"})
    {'latent': 8, 'network': 'conv'}
    """
    arguments = RECIPE_ARGUMENTS.get(recipe, {}) | arguments
    named = {name: arguments[name] for name in ARGUMENT_VALUES if isinstance(arguments.get(name), str)}
    return arguments | {name: ARGUMENT_VALUES[name].get(value, value) for name, value in named.items()}


def upgrade_data_arguments(source: Any, arguments: dict[str, Any]) -> dict[str, Any]:
    """The arguments of recorded data: under their new names, and with the draw of splits that there was.

    Examples of other sources than named sets are set aside class by class since, and the record says so.

    >>> upgrade_data_arguments("/data/cats", {"binarise": "none", "seed": 1})
    {'binarize': 'none', 'seed': 1, 'stratified': False}
    """
    arguments = _rename_keys(arguments, DATA_ARGUMENTS)
    is_named = isinstance(source, str) and not source.startswith(("/", "\\")) and ":" not in source
    return arguments if is_named or "stratified" in arguments else arguments | {"stratified": False}


def upgrade_callback(entry: Any) -> Any:
    """One callback of a record under its new name, with its arguments under theirs.

    >>> upgrade_callback({"name": "Rate", "arguments": {"shape": "cosine"}})
    {'name': 'LRSchedule', 'arguments': {'schedule': 'cosine'}}
    """
    if not isinstance(entry, dict) or not isinstance(entry.get("name"), str):
        return entry
    name = str(entry["name"])
    name = CALLBACKS.get(name, name)
    arguments = entry.get("arguments")
    if isinstance(arguments, dict):
        arguments = _rename_keys(arguments, CALLBACK_ARGUMENTS.get(name, {}))
    return entry | {"name": name, "arguments": arguments}


def upgrade_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a sweep's point, a file or a form as this version names them.

    >>> upgrade_settings({"binarise": "dynamic", "latent": 2, "skip_bad": True, "watch": "train,test"})
    {'binarize': 'dynamic', 'latent': 2, 'watch': ['train', 'test'], 'bad_images': 'skip'}
    """
    settings = _rename_keys(settings, DATA_ARGUMENTS)
    for old in SWITCHES.keys() & settings.keys():
        new, values = SWITCHES[old]
        settings[new] = values[bool(settings.pop(old))]
    if isinstance(settings.get("watch"), str):
        settings["watch"] = settings["watch"].split(",")
    return settings


def _rename_keys(fields: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    return {names.get(key, key): value for key, value in fields.items()}


class _MovedModules:
    """Import a module of :data:`MODULES`, or one within it, under the name it had."""

    def find_spec(self, fullname: str, path: Any = None, target: ModuleType | None = None) -> ModuleSpec | None:
        return ModuleSpec(fullname, self) if moved_module(fullname) else None  # type: ignore[arg-type]  # importlib.abc is slow

    def create_module(self, spec: ModuleSpec) -> None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        # The import system hands out what stands in sys.modules once this has run.
        new = moved_module(module.__name__)
        warn_renamed(module.__name__, new)
        sys.modules[module.__name__] = importlib.import_module(new)


def moved_module(name: str) -> str:
    """The name that a moved module has now; empty if it has not moved.

    >>> moved_module("elbowroom.exploring"), moved_module("elbowroom.pictures.style"), moved_module("elbowroom.data")
    ('elbowroom.latent', 'elbowroom.plotting.style', '')
    """
    if name in MODULES:
        return MODULES[name]
    package, _, last = name.rpartition(".")
    return f"{MODULES[package]}.{last}" if package in MODULES else ""


def install_moved_modules() -> None:
    """Let ``import elbowroom.exploring`` and its like work for one more version."""
    if not any(isinstance(finder, _MovedModules) for finder in sys.meta_path):
        sys.meta_path.insert(0, _MovedModules())
