"""The studio as one Starlette application: all endpoints behind the security middleware."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import click
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from elbowroom.studio.api.endpoint import ENDPOINTS, SOCKETS, Studio
from elbowroom.studio.api.live_updates import LiveUpdates
from elbowroom.studio.http import json
from elbowroom.studio.http.middleware import SecurityMiddleware
from elbowroom.studio.services.action_jobs import ActionJobs
from elbowroom.studio.services.jobs import Jobs, program
from elbowroom.studio.services.model_store import ModelStore
from elbowroom.studio.services.run_index import RunIndex
from elbowroom.web.render import environment

STATIC_FOLDER = Path(__file__).with_name("static")
#: The style and script that all pages share, and the library of charts, as (package, folder).
WEB_FOLDERS: list[str | tuple[str, str]] = [("elbowroom.web", "static"), ("elbowroom.web", "vendor")]


def index_page(request: Request) -> Response:
    """Return the page: its views are the scripts in the folder of views, which register themselves."""
    views = sorted((STATIC_FOLDER / "js" / "views").glob("*.js"))
    template = environment().from_string((STATIC_FOLDER / "index.html").read_text(encoding="utf-8"))
    return HTMLResponse(template.render(views=[view.name for view in views]), headers={"Cache-Control": "no-cache"})


def create_app(
    runs: str | os.PathLike[str] = "runs",
    host: str = "127.0.0.1",
    token: str | None = None,
    data_folders: Sequence[str | os.PathLike[str]] = (),
    train: click.Group | None = None,
) -> Starlette:
    """Create the application on a folder of runs.

    Args:
        runs: the folder, which must exist.
        host: the address it will listen on; it decides which host names requests may use.
        token: the token that every client has to send; None asks for none.
        data_folders: folders besides the runs folder whose files may be trained on.
        train: the command line's ``train``, a group with a command for every recipe; None switches training off.

    Raises:
        ValueError: there is no such folder.
    """
    index = RunIndex(runs)
    jobs, live = Jobs(index, train, data_folders), LiveUpdates(index)
    studio = Studio(index, ModelStore(index), jobs, ActionJobs(index, jobs.check_run, program))

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with live.poll_in_background():
            yield
        studio.store.close()

    app = Starlette(
        routes=_routes(),
        middleware=[Middleware(SecurityMiddleware, host=host, token=token)],
        exception_handlers={ValueError: json.error_response, HTTPException: json.error_response},
        lifespan=lifespan,
    )
    app.state.studio, app.state.live = studio, live
    return app


def _routes() -> list[BaseRoute]:
    static = Mount("/static", StaticFiles(directory=STATIC_FOLDER, packages=WEB_FOLDERS, check_dir=False))
    sockets = [socket.route for socket in SOCKETS.values()]
    return [Route("/", index_page), *(item.route for item in ENDPOINTS.values()), *sockets, static]
