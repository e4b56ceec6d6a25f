"""Routes of training: the forms, start, pause, stop and resume."""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from elbowroom.studio.http.json import json_response, read_body
from elbowroom.studio.services.jobs import Jobs


def _get_jobs(request: Request) -> Jobs:
    jobs: Jobs = request.app.state.studio.jobs
    return jobs


def get_recipes(request: Request) -> Response:
    """Return the forms of all recipes, settings and data."""
    return json_response(_get_jobs(request).train_forms())


async def start_training(request: Request) -> Response:
    """Start a training."""
    body = await read_body(request, recipe=str, arguments=(dict, {}), settings=(dict, {}), name=(str, ""))
    return json_response(await run_in_threadpool(_get_jobs(request).start, **body))


async def pause_training(request: Request) -> Response:
    """End a training with a checkpoint, to be resumed later."""
    body = await read_body(request, run=str)
    return json_response(await run_in_threadpool(_get_jobs(request).end_training, body["run"], "paused"))


async def stop_training(request: Request) -> Response:
    """End a training with a checkpoint."""
    body = await read_body(request, run=str)
    return json_response(await run_in_threadpool(_get_jobs(request).end_training, body["run"], "stopped"))


async def resume_training(request: Request) -> Response:
    """Resume a run from its last checkpoint."""
    body = await read_body(request, run=str)
    return json_response(await run_in_threadpool(_get_jobs(request).resume, body["run"]))


ROUTES: list[BaseRoute] = [
    Route("/api/recipes", get_recipes),
    Route("/api/train", start_training, methods=["POST"]),
    Route("/api/pause", pause_training, methods=["POST"]),
    Route("/api/stop", stop_training, methods=["POST"]),
    Route("/api/resume", resume_training, methods=["POST"]),
]
