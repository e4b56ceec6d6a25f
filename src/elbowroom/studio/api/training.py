"""Endpoints of training: the forms, start, pause, stop and resume."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from elbowroom.studio.api.endpoint import ApiRequest, QueryFields, RunFields, endpoint
from elbowroom.studio.http.json import RequestFields


class TrainForms(msgspec.Struct):
    """The fields of the training form."""

    recipes: Annotated[list[dict[str, Any]], Meta(description="recipes with the form fields of their arguments")]
    settings: Annotated[list[dict[str, Any]], Meta(description="form fields of the training's settings")]
    data: Annotated[list[dict[str, str]], Meta(description="what can be trained on")]
    default: Annotated[dict[str, str], Meta(description="the recipe and data to begin with")]


class TrainFields(RequestFields):
    """The fields of a request to train."""

    recipe: Annotated[str, Meta(description="name of the recipe")]
    arguments: Annotated[dict[str, Any], Meta(description="arguments of the recipe, by name")] = msgspec.field(
        default_factory=dict
    )
    settings: Annotated[dict[str, Any], Meta(description="settings of the training, by name")] = msgspec.field(
        default_factory=dict
    )
    name: Annotated[str, Meta(description="name of the run; if left out, one is made")] = ""


class JobState(msgspec.Struct):
    """The state of a training."""

    run: Annotated[str, Meta(description="its path in the runs folder")]
    state: Annotated[str, Meta(description="training, starting, paused or stopped")]


@endpoint("/api/recipes", "GET")
def get_recipes(request: ApiRequest[QueryFields]) -> TrainForms:
    """The forms of all recipes and settings, and the data that can be trained on."""
    return TrainForms(**request.studio.jobs.train_forms())


@endpoint("/api/train", "POST", example={"recipe": "vae", "arguments": {"latent": 2}, "settings": {"epochs": 1}})
def start_training(request: ApiRequest[TrainFields]) -> JobState:
    """Start a training."""
    return JobState(**request.studio.jobs.start(**msgspec.structs.asdict(request.fields)))


@endpoint("/api/pause", "POST")
def pause_training(request: ApiRequest[RunFields]) -> JobState:
    """End a training with a checkpoint, to be resumed later."""
    return JobState(**request.studio.jobs.end_training(request.fields.run, "paused"))


@endpoint("/api/stop", "POST")
def stop_training(request: ApiRequest[RunFields]) -> JobState:
    """End a training with a checkpoint."""
    return JobState(**request.studio.jobs.end_training(request.fields.run, "stopped"))


@endpoint("/api/resume", "POST")
def resume_training(request: ApiRequest[RunFields]) -> JobState:
    """Resume a run from its last checkpoint."""
    return JobState(**request.studio.jobs.resume(request.fields.run))
