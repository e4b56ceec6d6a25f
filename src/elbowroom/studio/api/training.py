"""Endpoints of training: the forms and their data, start, cancel, pause, stop and resume."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta
from starlette.responses import Response

from elbowroom.studio.api.endpoint import ApiRequest, QueryFields, RunFields, endpoint
from elbowroom.studio.http import media
from elbowroom.studio.http.json import RequestFields
from elbowroom.studio.services import data_sources
from elbowroom.studio.services.processes import START_TIMEOUT_S

#: Side of an example in the picture of a data set.
DATA_PICTURE_PX = 56


class TrainForms(msgspec.Struct):
    """The fields of the training form."""

    recipes: Annotated[list[dict[str, Any]], Meta(description="recipes with the form fields of their arguments")]
    settings: Annotated[list[dict[str, Any]], Meta(description="form fields of the training's settings")]
    data: Annotated[list[dict[str, Any]], Meta(description="what can be trained on, with shape and sizes")]
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


class StartFields(TrainFields):
    """The fields of a request to start a training."""

    wait: Annotated[float, Meta(ge=0, le=START_TIMEOUT_S, description="seconds to wait until it runs")] = (
        START_TIMEOUT_S
    )


class TrainValues(msgspec.Struct):
    """The values of the form that train a run again."""

    recipe: str
    arguments: Annotated[dict[str, Any], Meta(description="of the recipe, by name")]
    settings: Annotated[dict[str, Any], Meta(description="of the training, and its data")]
    caveats: Annotated[list[str], Meta(description="what no field can say, in sentences")]


class TrainCommand(msgspec.Struct):
    """The command line of a training."""

    command: Annotated[str, Meta(description="ready to be pasted into a shell where the studio was started")]


class ResumeFields(RunFields):
    """The fields of a request to resume."""

    epochs: Annotated[Annotated[int, Meta(ge=1)] | None, Meta(description="to train to, those before included")] = None


class DataFields(QueryFields):
    """The fields of a request for a picture of a data set."""

    name: Annotated[str, Meta(description="of the list, or a path that may be trained on")]


class JobState(msgspec.Struct):
    """The state of a training."""

    run: Annotated[str, Meta(description="its path in the runs folder")]
    state: Annotated[str, Meta(description="training, starting, canceled, paused or stopped")]


@endpoint("/api/recipes", "GET")
def get_recipes(request: ApiRequest[QueryFields]) -> TrainForms:
    """The forms of all recipes and settings, and the data that can be trained on."""
    return TrainForms(**request.studio.jobs.train_forms())


@endpoint("/api/train", "POST", example={"recipe": "vae", "arguments": {"latent": 2}, "settings": {"epochs": 1}})
def start_training(request: ApiRequest[StartFields]) -> JobState:
    """Start a training."""
    return JobState(**request.studio.jobs.start(**msgspec.structs.asdict(request.fields)))


@endpoint("/api/train/command", "POST", example={"recipe": "vae", "settings": {"epochs": 1}})
def preview_command(request: ApiRequest[TrainFields]) -> TrainCommand:
    """The command line that would start a training; each value is checked."""
    return TrainCommand(request.studio.jobs.preview_command(**msgspec.structs.asdict(request.fields)))


@endpoint("/api/train/values", "GET")
def get_train_values(request: ApiRequest[RunFields]) -> TrainValues:
    """The values of the form that train a run again."""
    return TrainValues(**request.studio.jobs.train_values(request.fields.run))


@endpoint("/api/train/state", "GET")
def get_start_state(request: ApiRequest[RunFields]) -> JobState:
    """Whether a training that was started runs by now; an error where it has failed."""
    return JobState(**request.studio.jobs.start_state(request.fields.run))


@endpoint("/api/train/cancel", "POST")
def cancel_start(request: ApiRequest[RunFields]) -> JobState:
    """End a training that is still starting, and remove what it left."""
    return JobState(**request.studio.jobs.cancel_start(request.fields.run))


@endpoint("/api/data/picture", "GET", example={"name": "digits"}, files=(media.PNG,))
def get_data_picture(request: ApiRequest[DataFields]) -> Response:
    """The first training examples of a data set as an image, without gaps; 404 for what are no images."""
    images = data_sources.example_images(request.studio.jobs.resolve_data(request.fields.name))
    return media.strip_response(images, DATA_PICTURE_PX)


@endpoint("/api/pause", "POST")
def pause_training(request: ApiRequest[RunFields]) -> JobState:
    """End a training with a checkpoint, to be resumed later."""
    return JobState(**request.studio.jobs.end_training(request.fields.run, "paused"))


@endpoint("/api/stop", "POST")
def stop_training(request: ApiRequest[RunFields]) -> JobState:
    """End a training with a checkpoint."""
    return JobState(**request.studio.jobs.end_training(request.fields.run, "stopped"))


@endpoint("/api/resume", "POST")
def resume_training(request: ApiRequest[ResumeFields]) -> JobState:
    """Resume a run from its last checkpoint; with epochs a finished one too."""
    return JobState(**request.studio.jobs.resume(request.fields.run, request.fields.epochs))
