"""Endpoints of actions on a run: evaluate, report, export, fit a sampler; logs of processes."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from elbowroom.studio.api.endpoint import ApiRequest, QueryFields, RunFields, endpoint
from elbowroom.studio.services.run_actions import ACTIONS, FOLDER_NAME
from elbowroom.studio.services.run_log import read_tail


class ActionFields(RunFields):
    """The fields of a request about an action."""

    action: Annotated[str, Meta(description=f"one of {', '.join(ACTIONS)}")]


class StartActionFields(ActionFields):
    """The fields of a request to start an action."""

    option: Annotated[str, Meta(description="for evaluate the suite of metrics, for fit-sampler the sampler")] = ""


class ActionState(msgspec.Struct):
    """The state of an action on a run."""

    name: str
    option: str
    state: Annotated[str, Meta(description="running, done, failed or canceled")]
    started: str | None
    ended: str | None
    message: Annotated[str, Meta(description="why it failed")]
    result: Annotated[str | None, Meta(description="URL of the file it wrote, if there is one to open")]


class ActionList(msgspec.Struct):
    """The actions that there are."""

    actions: Annotated[list[dict[str, Any]], Meta(description="name, label, what it does, and its options")]


@endpoint("/api/actions", "GET")
def list_actions(request: ApiRequest[QueryFields]) -> ActionList:
    """The actions that can be started on a run."""
    return ActionList([action.describe(name) for name, action in ACTIONS.items()])


@endpoint("/api/run/action", "POST", example={"action": "evaluate"})
def start_action(request: ApiRequest[StartActionFields]) -> ActionState:
    """Start an action on a run; its state is among the ``actions`` of the run's summary."""
    fields = request.fields
    return ActionState(**request.studio.actions.start(fields.run, fields.action, fields.option))


@endpoint("/api/run/action/cancel", "POST", example={"action": "evaluate"})
def cancel_action(request: ApiRequest[ActionFields]) -> ActionState:
    """End an action on a run."""
    return ActionState(**request.studio.actions.cancel(request.fields.run, request.fields.action))


class LogFields(RunFields, forbid_unknown_fields=False):
    """The fields of a request for a log."""

    action: Annotated[str, Meta(description="an action; if left out, the training")] = ""


@endpoint("/api/run/log", "GET")
def get_log(request: ApiRequest[LogFields]) -> dict[str, str]:
    """The last lines that a process of the studio wrote; the ``text`` is empty for a run begun elsewhere."""
    path, action = request.studio.run_index.run_path(request.fields.run), request.fields.action
    file = path / FOLDER_NAME / f"{action}.log" if action in ACTIONS else path / "studio.log"
    return {"text": read_tail(file)}
