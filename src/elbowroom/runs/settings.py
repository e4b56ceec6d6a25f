"""Settings of a training: their types, defaults, help and checks; those of a run as a flat dictionary; differences."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal

from elbowroom.argument import Argument, arguments_of, convert_options, option
from elbowroom.data.options import DataConfig, to_json
from elbowroom.formatting import format_number
from elbowroom.runs.metrics_log import MetricsRow
from elbowroom.runs.objective_text import format_objective

Settings = dict[str, Any]
SplitName = Literal["train", "validation", "test"]
LoggerName = Literal["csv", "tensorboard", "wandb", "visdom"]

#: The settings of a training in which runs are not compared. The seed is apart, since figures are means over seeds.
UNCOMPARED_SETTINGS = (
    *("seed", "device", "watch", "pass_state", "checkpoint_every"),
    *("validate_every", "max_overhead", "sampler", "report", "log_every", "log", "progress", "curves"),
)
#: Callbacks of the trials of a search, which each has with its own number.
UNCOMPARED_CALLBACKS = ("Pruning",)
#: Examples per step, where they are not given and there are as many.
DEFAULT_BATCH_SIZE = 128
#: The settings that have no flag: they are for modules of one's own, and for notebooks.
SETTINGS_WITHOUT_FLAG = ("pass_state", "curves")


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """Settings of a training: what :func:`~elbowroom.fit` takes beside model, objective and data.

    Raises:
        ValueError: a value is of another type, or outside its limits.

    >>> TrainConfig(lr=0.01).record["lr"]
    0.01
    """

    epochs: int | None = option(None, "passes over the training examples; by default 10, or 1,000 steps", minimum=1)
    steps: int | None = option(None, "optimiser steps, instead of epochs", minimum=1)
    batch_size: int | None = option(
        None,
        "examples per step, over all processes that train together; by default 128, or a smaller set whole",
        minimum=1,
    )
    lr: float = option(1e-3, "learning rate; losses are means over the batch")
    optimizer: str = option("adam", "a name in torch.optim, small: adam, adagrad, …; with arguments: sgd(momentum=0.9)")
    seed: int = option(
        0, "of order, noise and splits; on the command line of the weights too", minimum=0, maximum=2**32 - 1
    )
    device: str | None = option(None, "cpu, cuda or mps; if open, the fastest there is")
    watch: tuple[SplitName, ...] = option(("validation", "test"), "splits to evaluate; test is never used to choose")
    pass_state: bool = option(False, "call a module of your own as model(x, state)")
    accumulate: int = option(1, "gradient accumulation: micro-batches that each batch is split into", minimum=1)
    precision: Literal["float32", "bf16"] = option("float32", "of matrix products; bf16 is faster where supported")
    on_nan: Literal["stop", "rollback"] = option(
        "stop", "on a NaN loss: stop, or go back to a checkpoint at half the rate"
    )
    checkpoint_every: int | None = option(None, "steps between checkpoints within an epoch", minimum=1)
    validate_every: int | None = option(
        None, "epochs between validations; if open, as many as max-overhead needs", minimum=1
    )
    max_overhead: float = option(
        0.1, "largest share of time for validation, monitoring and checkpoints; 1: every epoch", minimum=0, maximum=1
    )
    final_weights: Literal["last", "best"] | None = option(
        None, "weights to end with: last, or best of validation; if open, best with early stopping"
    )
    init_from: str | None = option(
        None, "run to start from: its final weights, for a model of the same recipe and arguments", flag=str
    )
    freeze: tuple[str, ...] = option((), "modules of the model that do not train, as encoder")
    sampler: str | None = option(
        None, "density fitted to the latents at the end, as mixture:10, or none; if open, the recipe's, or mixture:10"
    )
    report: bool = option(True, "write report.html and images/curves.png at the end")
    log_every: int | None = option(
        None, "steps between rows of training metrics; if open, 1 up to step 100, 10 up to 1,000, then 100", minimum=1
    )
    log: tuple[LoggerName, ...] = option((), "loggers beside metrics.jsonl: csv, tensorboard, wandb, visdom")
    curves: bool = option(False, "in a notebook: show the run's curves below the table, which grow while it trains")
    progress: bool = option(True, "show the progress: a bar in a terminal, lines elsewhere, a table in a notebook")

    def __post_init__(self) -> None:
        convert_options(self)

    @property
    def record(self) -> dict[str, Any]:
        """The settings as JSON."""
        return {one.name: to_json(getattr(self, one.name)) for one in fields(self)}


@dataclass(frozen=True)
class CallbackOption:
    """An option that adds a callback to a training.

    Attributes:
        argument: the option.
        callback: the name of the callback's class.
        parameter: the parameter of the class that it sets.
        others: the defaults of the class's other parameters.
    """

    argument: Argument
    callback: str
    parameter: str
    others: dict[str, Any]

    def adds(self, callback: str, arguments: dict[str, Any] | None) -> bool:
        """Whether the option adds a callback of this class with these arguments."""
        return (
            callback == self.callback
            and arguments is not None
            and all(arguments.get(name, default) == default for name, default in self.others.items())
        )


_SCHEDULE_HELP = "learning-rate schedule: cosine, one-cycle, exponential, thirds"
_WARMUP_HELP = "KL warm-up: fraction of the run over which the KL weight grows to 1"
_PATIENCE_HELP = "early stopping: epochs without a better validation loss"
#: The options that add a callback, by name.
CALLBACK_OPTIONS = {
    name: CallbackOption(Argument(name, kind, None, help, is_optional=True), callback, parameter, others)
    for name, kind, callback, parameter, others, help in (
        ("schedule", str, "LRSchedule", "schedule", {}, _SCHEDULE_HELP),
        ("clip", float, "GradientClipping", "norm", {}, "gradient clipping: largest norm of a gradient"),
        ("skip", float, "SkipStep", "norm", {}, "skip steps whose gradient norm is above this"),
        ("average", float, "EMA", "decay", {}, "decay of a moving average of the weights, which is saved, as 0.999"),
        ("kl_warmup", float, "Warmup", "fraction", {"steps": None, "cycles": 1}, _WARMUP_HELP),
        ("free_bits", float, "FreeBits", "nats", {}, "free bits: nats of KL per latent dimension that cost nothing"),
        ("patience", int, "EarlyStopping", "patience", {"metric": "loss", "min_delta": 0.0}, _PATIENCE_HELP),
    )
}


def train_options(defaults: Mapping[str, Any] | None = None) -> dict[str, Argument]:
    """Return the options of a training by name: those of the training, of its data, and those that add callbacks.

    Flags, TOML fields, the sweep's axes, the studio's form and the command that repeats a run are made from them.

    Args:
        defaults: of a recipe, in place of the usual ones.

    >>> train_options({"lr": 0.002})["lr"].default
    0.002
    """
    training, callbacks = arguments_of(TrainConfig), {name: one.argument for name, one in CALLBACK_OPTIONS.items()}
    options = training | arguments_of(DataConfig) | training | callbacks  # the seed is that of the training
    changed = {name: replace(options[name], default=value) for name, value in (defaults or {}).items()}
    return {name: argument for name, argument in (options | changed).items() if name not in SETTINGS_WITHOUT_FLAG}


def settle_defaults(defaults: Mapping[str, Any], values: Settings, is_given: Callable[[str], bool]) -> Settings:
    """Return the values of options with the usual defaults in place of those of a recipe that do not apply.

    A length of the training does not where another is given; options of data do not unless it is images in files.

    Args:
        defaults: of the recipe.
        values: of all options, and the source of the data.
        is_given: whether the option of this name was given, so that its value is no default.

    >>> settle_defaults({"steps": 9}, {"epochs": 2, "steps": 9, "data": "digits"}, lambda name: name == "epochs")
    {'epochs': 2, 'steps': None, 'data': 'digits'}
    """
    unsuitable = {one for one, other in (("steps", "epochs"), ("epochs", "steps")) if is_given(other)}
    if not _are_images_in_files(values["data"]):
        unsuitable |= arguments_of(DataConfig).keys() - {"seed"}
    usual = train_options()
    dropped = [name for name in defaults if name in unsuitable and not is_given(name)]
    return values | {name: usual[name].default for name in dropped}


def _are_images_in_files(source: str) -> bool:
    from elbowroom.data.catalog.registry import CATALOG
    from elbowroom.data.readers.registry import is_image_source

    return source not in CATALOG and is_image_source(Path(source).expanduser())


def compared_settings() -> list[str]:
    """Return the names of the settings of a training in which runs are compared."""
    return [name for name in arguments_of(TrainConfig) if name not in UNCOMPARED_SETTINGS]


def flatten_record(record: dict[str, Any]) -> Settings:
    """Return the settings of a record: its recipe's arguments, its training settings, its callbacks by their flags.

    Likelihood and data are left out, since they decide which runs may be compared at all.
    """
    arguments = {name: value for name, value in (record["arguments"] or {}).items() if name != "likelihood"}
    training = record["training"]
    settings: Settings = {"recipe": record["recipe"] or "its own"} | arguments
    settings |= {name: training.get(name) for name in compared_settings()}
    compared = [one for one in training["callbacks"] if one["name"] not in UNCOMPARED_CALLBACKS]
    options, others = callback_settings(compared)
    settings |= dict.fromkeys(CALLBACK_OPTIONS) | options | {"callbacks": others}
    return settings | {"objective": record.get("objective", "")}


def callback_settings(callbacks: Sequence[dict[str, Any]]) -> tuple[Settings, list[str]]:
    """Return the callbacks of a record by the options that add them, and in words those that no option adds.

    >>> clipping = {"name": "GradientClipping", "arguments": {"norm": 1.0}}
    >>> callback_settings([clipping, {"name": "Own", "arguments": None}])
    ({'clip': 1.0}, ['Own'])
    """
    settings, others = Settings(), list[str]()
    for callback in callbacks:
        name, values = callback["name"], callback["arguments"]
        added_by = next((one for one in CALLBACK_OPTIONS.values() if one.adds(name, values)), None)
        if added_by is not None:
            settings[added_by.argument.name] = values[added_by.parameter]
        else:
            words = "" if values is None else f"({', '.join(f'{key}={value!r}' for key, value in values.items())})"
            others.append(name + words)
    return settings, others


def callback_records(settings: Settings) -> list[dict[str, Any]]:
    """Return the callbacks that options add, as a record names them."""
    given = [(one, settings.get(name)) for name, one in CALLBACK_OPTIONS.items()]
    return [{"name": one.callback, "arguments": {one.parameter: value}} for one, value in given if value is not None]


def find_differing_settings(settings: Sequence[Settings]) -> list[str]:
    """Return the names of the settings with more than one value among the runs that have them, the recipe first.

    The objective is among them only if it differs between runs that are otherwise the same, since the arguments of a
    recipe change it too.

    >>> find_differing_settings([{"latent": 2, "lr": 1e-3}, {"latent": 5, "lr": 1e-3}])
    ['latent']
    """
    names = dict.fromkeys(name for one in settings for name in one)
    differing = [name for name in names if name != "objective" and _count_values(settings, name) > 1]
    objectives: dict[str, set[str]] = {}
    for one in settings:
        if "objective" in one:
            group = canonical_json({name: one.get(name) for name in differing})
            objectives.setdefault(group, set()).add(one["objective"])
    return differing + (["objective"] if any(len(group) > 1 for group in objectives.values()) else [])


def find_distinguishing_settings(settings: Sequence[Settings], differing: Sequence[str]) -> list[str]:
    """Return as few of the differing settings as distinguish the same runs: the recipe and switches before others.

    >>> deep, linear = {"latent": 2, "hidden": (400,), "linear": False}, {"latent": 2, "hidden": (), "linear": True}
    >>> find_distinguishing_settings([deep, linear, deep | {"latent": 5}], ["latent", "hidden", "linear"])
    ['latent', 'linear']
    """

    def count_groups(names: Sequence[str]) -> int:
        return len({canonical_json([one.get(name) for name in names]) for one in settings})

    switches = [name for name in differing if all(isinstance(one.get(name, False), bool) for one in settings)]
    selected: list[str] = []
    for name in sorted(differing, key=lambda name: (name != "recipe", name not in switches)):
        if count_groups([*selected, name]) > count_groups(selected):
            selected.append(name)
    return [name for name in differing if name in selected]


def find_shared_settings(settings: Sequence[Settings], differing: Iterable[str]) -> Settings:
    """Return the settings that do not differ, without those that are off (None or empty)."""
    names = dict.fromkeys(name for one in settings for name in one if name not in differing and name != "objective")
    shared = {name: next(one[name] for one in settings if name in one) for name in names}
    return {name: value for name, value in shared.items() if value is not None and value != []}


def _count_values(settings: Sequence[Settings], name: str) -> int:
    return len({canonical_json(one[name]) for one in settings if name in one})


def format_setting(value: Any) -> str:
    """Format the value of a setting for a reader.

    >>> format_setting([400, 200]), format_setting(()), format_setting(0.001), format_setting(True)
    ('400×200', 'none', '0.001', 'yes')
    >>> format_setting(None)
    '—'
    """
    if value is None:
        return "—"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ("; " if any(isinstance(item, str) for item in value) else "×").join(
            map(format_setting, value)
        ) or "none"
    return format_number(value) if isinstance(value, float) else str(value)


def format_named_setting(name: str, value: Any) -> str:
    """Format the value of a setting that has this name: an objective as a sum of terms, others as they are.

    >>> format_named_setting("objective", "(reconstruction + (4 * kl))"), format_named_setting("linear", False)
    ('reconstruction + 4·KL', 'no')
    """
    return format_objective(value) if name == "objective" and value else format_setting(value)


def setting_label(name: str) -> str:
    """Return the name of a setting in words.

    >>> setting_label("batch_size"), setting_label("lr")
    ('batch size', 'learning rate')
    """
    return {"lr": "learning rate", "kl_warmup": "KL warm-up", "k": "samples k"}.get(name, name.replace("_", " "))


def flat_settings(record: dict[str, Any]) -> dict[str, Any]:
    """Return all settings of a record: those of :func:`flatten_record`, likelihood, seed, and arguments of the data."""
    data = {name: value for name, value in asked_arguments(record["data"]).items() if value is not None}
    arguments = record["arguments"] or {}
    likelihood = {name: arguments[name] for name in ("likelihood",) if name in arguments}
    run = flatten_record(record) | likelihood | {"seed": record["training"]["seed"], "data": record["data"].get("name")}
    return {f"data_{name}" if name in run else name: value for name, value in data.items() if name != "seed"} | run


def asked_arguments(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of recorded data without those that the values show by themselves.

    >>> asked_arguments({"arguments": {"seed": 0, "layout": "image"}, "inferred": ["layout"]})
    {'seed': 0}
    """
    inferred = data.get("inferred", ())
    return {name: value for name, value in (data.get("arguments") or {}).items() if name not in inferred}


def planned_length(record: dict[str, Any], recent_rows: Iterable[MetricsRow]) -> tuple[int | None, int | None]:
    """Return the epochs and steps that a training was started for, as far as they are known."""
    training, sizes = record.get("training", {}), record.get("data", {}).get("sizes")
    epochs, steps = training.get("epochs"), training.get("steps")
    size = sizes.get("train") if isinstance(sizes, dict) else None
    per_epoch: float | None = None
    if isinstance(size, int) and size > 0 and training["batch_size"] > 0:
        per_epoch = math.ceil(size / training["batch_size"])
    else:  # a stream: as many steps as the epochs so far had
        ends = [one for one in recent_rows if one.get("split") not in ("train", None) and one["epoch"] > 0]
        per_epoch = ends[-1]["step"] / ends[-1]["epoch"] if ends else None
    if steps is not None:
        return (math.ceil(steps / per_epoch) if per_epoch else epochs), steps
    return epochs, (round(epochs * per_epoch) if per_epoch and epochs is not None else None)


def canonical_json(settings: Any) -> str:
    """Return settings as JSON that is the same for equal ones, whatever their order, with lists or tuples."""
    return json.dumps(settings, sort_keys=True, default=repr)
