"""fit and resume: train with the default callbacks, the record and the report."""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any, ParamSpec, Protocol

from torch import nn

from elbowroom import devices, distributed
from elbowroom.argument import takes_options
from elbowroom.data import Data, load_coded
from elbowroom.data.examples import remember_data
from elbowroom.models.base import GenerativeModel, data_record_of, recipe_call_of, remove_sampler
from elbowroom.objectives import Term
from elbowroom.objectives.perceptual import check_feature_hashes, feature_hashes
from elbowroom.recipes.registry import all_recipes, seed_of_weights
from elbowroom.runs.run import Run, next_path
from elbowroom.runs.settings import CALLBACK_OPTIONS, TrainConfig
from elbowroom.training.backward import DivergedError
from elbowroom.training.budget import plan_validation
from elbowroom.training.callback import Callback
from elbowroom.training.callbacks.progress import ProgressBar
from elbowroom.training.callbacks.selection import BestWeights, EarlyStopping
from elbowroom.training.freezing import freeze_modules, freeze_parameters, frozen_names
from elbowroom.training.initialization import initialize_from_data
from elbowroom.training.interrupts import deliver_signal, lock_run
from elbowroom.training.loop import train
from elbowroom.training.optimizers import make_optimizer as make_optimizer
from elbowroom.training.precision import choose_matmul_mode
from elbowroom.training.state import (
    DATA,
    DEVICE,
    EPOCH,
    EPOCHS,
    MODEL,
    OBJECTIVE,
    OPTIMIZERS,
    RUN,
    SCHEDULE_START,
    STEP,
    STEPS,
    STOP,
    State,
)
from elbowroom.training.trial import require_effect
from elbowroom.training.validate import check_settings, default_batch_size, describe_held_out_bound
from elbowroom.workbench.callback_registry import from_record, to_record
from elbowroom.workbench.continuation import lengthen, start_from
from elbowroom.workbench.final_sampler import check_sampler, fit_final_sampler
from elbowroom.workbench.monitoring.doctor import Doctor
from elbowroom.workbench.monitoring.loggers import make_loggers
from elbowroom.workbench.monitoring.report import write_final_report
from elbowroom.workbench.monitoring.sample_images import SampleImages
from elbowroom.workbench.plan import plan_training

P = ParamSpec("P")

#: What marks a callback of the record that was planned rather than given.
PLANNED = {"is_planned": True}


class _Fit(Protocol[P]):
    """The signature of :func:`fit` for type checkers: its options are the fields of :class:`TrainConfig`."""

    def __call__(
        self,
        model: GenerativeModel | nn.Module,
        objective: Term,
        data: Data | Any,
        config: TrainConfig | None = None,
        out: str | Path | None = None,
        callbacks: Sequence[Callback] = (),
        overwrite: bool = False,
        *args: P.args,
        **options: P.kwargs,
    ) -> Run: ...


def _with_training_options(config: Callable[P, TrainConfig]) -> Callable[[Callable[..., Run]], _Fit[P]]:
    return takes_options(config)


def _requires_model(function: _Fit[P]) -> _Fit[P]:
    """Let fit say how a recipe is called where its name is given in place of a model, and how a flag is a callback."""

    @functools.wraps(function)
    def call_with_model(*args: Any, **kwargs: Any) -> Run:
        _check_callback_options(kwargs)
        if args or "model" in kwargs:
            _check_model(args[0] if args else kwargs["model"])
        return function(*args, **kwargs)

    return call_with_model


def _check_callback_options(given: Mapping[str, Any]) -> None:
    """Check that no flag of the command is given that adds a callback there."""
    if names := [name for name in CALLBACK_OPTIONS if name in given]:
        one = CALLBACK_OPTIONS[names[0]]
        call = f"er.{one.callback}({one.parameter}={given[names[0]]!r})"
        raise TypeError(f"fit() has no argument '{names[0]}': in Python it is a callback, callbacks=[{call}]")


def _check_model(model: Any) -> None:
    if isinstance(model, nn.Module):
        return
    recipe = model if isinstance(model, str) and model in all_recipes() else "vae"
    what = f"'{model}'" if isinstance(model, str) else type(model).__name__
    raise ValueError(
        f"fit takes a model and its objective, and {what} is no model: make both from a recipe, as in "
        f"data = er.load_data(...); run = er.fit(*er.recipes.{recipe}(data.shape), data)"
    )


def _check_objective(objective: Any) -> None:
    if not isinstance(objective, Term):
        name = getattr(objective, "__name__", type(objective).__name__)
        raise ValueError(
            f"fit takes an objective made of terms, and {name} is none: give er.Loss({name}) if it sums over the "
            f"batch, or er.Loss({name}, reduction='mean') if it averages"
        )


@_requires_model
@_with_training_options(TrainConfig)
def fit(
    model: GenerativeModel | nn.Module,
    objective: Term,
    data: Data | Any,
    config: TrainConfig,
    *,
    out: str | Path | None = None,
    callbacks: Sequence[Callback] = (),
    overwrite: bool = False,
) -> Run:
    """Train a model on an objective, and write a run directory.

    The splits in ``watch`` are evaluated with the same noise each time, after every epoch or, where that would take
    more than its part of ``max_overhead``, after every few. The test split is watched for its curve alone: no choice
    depends on it. The weights were drawn when the model was made, by a recipe
    from a seed of its own, which is on record as ``weights_seed``: ``seed`` is of the data's order and of all noise.

    Args:
        model: a model of the package; or any module of your own, with a :class:`Loss` for its output.
        objective: the objective, which scores the model's output.
        data: a :class:`Data`, or anything :func:`load_data` takes. For a model that was trained before, it is coded as
            the data was then.
        config: the settings together; those given one by one replace its fields.
        out: the run directory; ``runs/RECIPE-DATA-N`` if not given.
        callbacks: called after the default ones, in their order.
        overwrite: whether a run in ``out`` is replaced; its files are removed once everything has been checked.
        **options: the fields of :class:`TrainConfig`, one by one.

    Raises:
        ValueError: before anything is written, if model, data and settings do not fit together, ``out`` holds a run
            or another process trains into it; later, as :class:`DivergedError`, if the loss is not finite.

    >>> import tempfile, elbowroom as er
    >>> data = er.load_data("digits")
    >>> run = er.fit(*er.recipes.vae(data.shape, latent=2), data, steps=20, out=tempfile.mkdtemp() + "/run")
    >>> run.metrics("test")[-1]["elbo"] < 0
    True
    """
    distributed.init_process_group()
    data, started_from = _prepare(model, objective, data, config, out)
    batch_size = config.batch_size or default_batch_size(data)
    config = replace(config, batch_size=batch_size)
    plan = plan_training(model, objective, data, config, callbacks)
    own = [*callbacks, *plan.callbacks, *make_loggers(config.log)]
    device = devices.resolve(config.device)
    init_from = None if started_from is None else started_from["path"]
    training = replace(config, epochs=plan.epochs, device=str(device), init_from=init_from).record | {
        "callbacks": [to_record(one) for one in callbacks] + [PLANNED | to_record(one) for one in plan.callbacks],
        "plan": plan.text,
        "held_out_note": describe_held_out_bound(model, data, config.watch),
        "products": choose_matmul_mode(config.precision, device, model),
        "validation_interval": config.validate_every
        or plan_validation(data, config.watch, batch_size, config.max_overhead),
        "frozen": frozen_names(model, objective),
        "features": feature_hashes(objective),
    }
    origin = recipe_call_of(model)
    record = {
        "recipe": origin.recipe if origin else None,
        "arguments": origin.arguments if origin else None,
        "shape": list(data.shape),
        "objective": repr(objective),
        "parameters": sum(p.numel() for p in model.parameters()),
        "data": data.protocol,
        "weights_seed": seed_of_weights(model),
        "started_from": started_from,
        "training": training,
    }
    name = f"{origin.recipe if origin else type(model).__name__.lower()}-{data.name}"
    initialize_from_data(model, data.train, config.seed)
    require_effect(model, objective, data, callbacks)
    state = _initial_state(model, objective, data, training)
    path = distributed.broadcast_object(Path(out or next_path(name)))
    state[RUN] = run = _open_run(path, record, overwrite)
    with _removed_if_refused(state):
        return _train(state, run.record["training"], own)


def check_fit(
    model: GenerativeModel | nn.Module,
    objective: Term,
    data: Data | Any,
    config: TrainConfig,
    callbacks: Sequence[Callback] = (),
) -> None:
    """Raise the ValueError by which :func:`fit` would refuse these before its first step, on a machine with the device.

    The model takes the weights that it is to start from, and is frozen as the settings say: make another for the
    training.
    """
    data, _ = _prepare(model, objective, data, config, None)
    require_effect(model, objective, data, callbacks)


def _prepare(
    model: GenerativeModel | nn.Module, objective: Term, data: Data | Any, config: TrainConfig, out: str | Path | None
) -> tuple[Data, dict[str, Any] | None]:
    """Check that all fits together; return the data as the model takes it, and what weights it was given to start from.

    Raises:
        ValueError: it does not.
    """
    _check_objective(objective)
    started_from = None if config.init_from is None else start_from(model, config.init_from)
    data = load_coded(data, data_record_of(model))
    freeze_modules(model, config.freeze)
    check_settings(model, objective, data, config, out)
    check_sampler(config.sampler, model, data)
    return data, started_from


@contextmanager
def _removed_if_refused(state: State) -> Iterator[None]:
    """Remove the directory of a new run that fails before its first step, so that it is not in the way of the next."""
    try:
        yield
    except ValueError as error:
        if not state[STEP] and not isinstance(error, DivergedError) and distributed.is_main_process():
            state[RUN].remove()
        raise


def resume(
    path: Run | str | Path,
    data: Data | Any = None,
    callbacks: Sequence[Callback] | None = None,
    model: nn.Module | None = None,
    objective: Term | None = None,
    device: str | None = None,
    epochs: int | None = None,
    steps: int | None = None,
    progress: bool | None = None,
) -> Run:
    """Resume a run from its last checkpoint, to the epochs or steps it was started with, or to more.

    On the same device the result is, bit for bit, that of an uninterrupted run. With ``epochs`` or ``steps`` a run, a
    finished one too, goes on to more of them: a learning rate schedule begins anew over the added steps, a KL warm-up
    keeps its own.

    Args:
        path: the run directory.
        data: its training data, if they were given as a Python object, or are no longer where they were.
        callbacks: those of the run, if some were your own; those of the package are made from the record.
        model: constructed as before, if no recipe made it.
        objective: likewise.
        device: the device, if not that of the record.
        epochs: to train to, those before included, if it is to be more than it was started with.
        steps: likewise, instead of epochs.
        progress: whether a progress bar is shown; if not given, as it was started.

    Raises:
        ValueError: there is no run, it is finished or imported, another process trains into it, or all checkpoints are
            damaged.
    """
    distributed.init_process_group()
    run = path if isinstance(path, Run) else Run(path)
    if run.is_imported:
        raise ValueError(
            f"{run.path} was imported, and has no training to resume: start one from its weights, "
            f"er.fit(..., init_from={str(run.path)!r}) or 'elbowroom train --from {run.path}'"
        )
    data = run.data(data)
    if model is None or objective is None:
        model, objective = run.build()
    check_feature_hashes(objective, run.record["training"].get("features", []))
    if epochs or steps:
        per_epoch = data.train.steps(run.record["training"]["batch_size"])
        run.record = lengthen(run.record, run, per_epoch, epochs, steps)
        with lock_run(run):
            run.write_record()
    changed = {"device": device or None, "progress": progress}
    training = run.record["training"] | {name: value for name, value in changed.items() if value is not None}
    freeze_parameters(model, objective, training.get("frozen", ()))
    state = _initial_state(model, objective, data, training)
    state[RUN] = run
    planned = [entry for entry in training["callbacks"] if entry.items() >= PLANNED.items()]
    own = from_record(training["callbacks"]) if callbacks is None else [*callbacks, *from_record(planned)]
    return _train(state, training, [*own, *make_loggers(training.get("log", ()))])


def _train(state: State, training: dict[str, Any], own: Sequence[Callback]) -> Run:
    """Train with the default callbacks before the user's, then fit the sampler and write the report."""
    remove_sampler(state[MODEL])
    remember_data(state[MODEL], state[DATA].protocol)
    progress = ProgressBar(is_shown=training.get("progress", True), has_curves=training.get("curves", False))
    run = train(state, training, [*default_callbacks(own), progress, *own])
    run.own_module = state[MODEL] if run.record["recipe"] is None else None
    fit_final_sampler(state)
    if training["report"]:
        progress.announce("the training is over, and its report is being written: about a minute for large images")
        write_final_report(state)
    deliver_signal(state)
    return run


def default_callbacks(own: Sequence[Callback] = ()) -> list[Callback]:
    """Return the callbacks of every training. Checkpoints know callbacks by position, so the order is fixed.

    Args:
        own: the user's callbacks; a :class:`Doctor` among them replaces the default one, the metric of an
            :class:`EarlyStopping` is that of the best weights.
    """
    doctor = [] if any(isinstance(callback, Doctor) for callback in own) else [Doctor()]
    metrics = [callback.metric for callback in own if isinstance(callback, EarlyStopping)]
    return [BestWeights(*metrics[:1]), SampleImages(), *doctor]


def _open_run(path: Path, record: dict[str, Any], overwrite: bool) -> Run:
    """Create the run directory; or open it, where ``torchrun`` has restarted the same training."""
    run = Run(path)
    if distributed.is_restarted() and run.exists and _is_same_training(run.record, record):
        return run
    if distributed.is_main_process():
        with lock_run(run) if overwrite and run.exists else nullcontext():
            return Run.create(path, distributed.broadcast_object(record), overwrite)
    run.record = distributed.broadcast_object(record)
    return run


def _is_same_training(a: dict[str, Any], b: dict[str, Any]) -> bool:
    """Whether two records are of the same training; the matmul mode may have been chosen differently."""
    settings = [{key: r[key] for key in ("recipe", "arguments", "shape", "data")} | r["training"] for r in (a, b)]
    texts = [json.dumps(one | {"products": ""}, sort_keys=True) for one in settings]
    return texts[0] == texts[1]


def _initial_state(model: nn.Module, objective: Term, data: Data, settings: dict[str, Any]) -> State:
    """Return the state before the first step; nothing is written."""
    state = State()
    device = devices.resolve(settings["device"])
    state[DATA], state[DEVICE] = data, device
    state[MODEL], state[OBJECTIVE] = model.to(device), objective.to(device)
    objective.prepare(data.train)
    per_epoch = data.train.steps(settings["batch_size"])
    state[STEPS] = settings["steps"] or settings["epochs"] * per_epoch
    state[EPOCHS] = math.ceil(state[STEPS] / per_epoch)
    state[STEP], state[EPOCH], state[STOP] = 0, 0, ""
    state[SCHEDULE_START] = settings.get("schedule_start", 0)
    state[OPTIMIZERS] = {
        player.name: make_optimizer(settings["optimizer"], player, settings["lr"], device)
        for player in objective.players(model)
    }
    return state
