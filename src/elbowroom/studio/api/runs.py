"""The routes of the runs: the list, one run, its curves and files; names, notes and the trash."""

from __future__ import annotations

import os
from collections.abc import Callable
from email.utils import formatdate
from pathlib import Path
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from elbowroom.runs import metrics_log
from elbowroom.studio import images
from elbowroom.studio.http.json import Refused, body, ok
from elbowroom.studio.images import thinned
from elbowroom.studio.services import annotations, columns, trash
from elbowroom.studio.services.run_index import Folder

#: Characters of a name and of a note; looks that are told of a run, runs whose curves are asked at once.
NAME, NOTE, LOOKS, CURVES = 80, 4000, 200, 50
#: Bytes of a file that is sent.
LARGEST = 1 << 28
TYPES = {
    ".png": "image/png",
    ".gif": "image/gif",
    ".html": "text/html; charset=utf-8",
    ".json": "application/json",
    ".jsonl": "application/x-ndjson",
}
#: Pages that training writes bring their own scripts and styles, and are let near nothing else.
SANDBOX = (
    "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:"
)


def folder_of(request: Request) -> Folder:
    """The folder that is served."""
    return request.app.state.studio.folder


def asked(request: Request, name: str) -> str:
    """A parameter of the query that has to be there."""
    if name not in request.query_params:
        raise Refused(f"'{name}' is missing: give ?{name}=")
    return request.query_params[name]


def runs(request: Request) -> Response:
    """All runs."""
    folder = folder_of(request)
    return ok({"folder": str(folder.path), "runs": folder.look()})


def run(request: Request) -> Response:
    """Everything about one run but its curves."""
    folder, name = folder_of(request), asked(request, "run")
    path, summary = folder.run(name), folder.summary(name)
    found = _rows(path)
    looks = [one | {"kl": _flat(one.get("nats"))} for one in found if one.get("event") == "look"]
    record = folder.record(name)
    return ok(
        {
            "summary": summary,
            "record": record,
            "findings": [one for one in found if one.get("event") == "finding"],
            "looks": thinned(looks, LOOKS),
            "images": images.of(path, name),
            "report": summary["report"],
        }
    )


def curves(request: Request) -> Response:
    """The curves of some runs; one that is gone or damaged has none."""
    names = list(dict.fromkeys(request.query_params.getlist("run")))[:CURVES]
    folder = folder_of(request)
    return ok({name: columns.curves(_rows(folder.run(name))) for name in names})


def files(request: Request) -> Response:
    """A file of a run."""
    path = folder_of(request).file(asked(request, "run"), asked(request, "path"))
    kind = TYPES.get(path.suffix)
    if kind is None:
        raise Refused(f"{path.suffix or 'this file'} is not served: {', '.join(TYPES)} are", 404)
    with os.fdopen(metrics_log.opened(path), "rb") as file:
        about = os.fstat(file.fileno())
        if about.st_size > LARGEST:
            raise Refused(f"{path.name} has more than {LARGEST >> 20} MiB: open it where it is", 413)
        mark = f'"{about.st_ino:x}-{about.st_size:x}-{about.st_mtime_ns:x}"'
        headers = {"ETag": mark, "Last-Modified": formatdate(about.st_mtime, usegmt=True), "Cache-Control": "no-cache"}
        if kind.startswith("text/html"):
            headers["Content-Security-Policy"] = SANDBOX
        if request.headers.get("if-none-match") == mark:
            return Response(status_code=304, headers=headers)
        return Response(file.read(), media_type=kind, headers=headers)


def _rows(path: Path) -> list[metrics_log.Row]:
    try:
        return metrics_log.rows(path / "metrics.jsonl")
    except OSError:
        return []


def _flat(nested: Any) -> list[float]:
    if not isinstance(nested, list):
        return [] if nested is None else [nested]
    return [number for item in nested for number in _flat(item)]


async def _threaded(work: Callable[..., Any], *given: Any) -> Response:
    try:
        return ok(await run_in_threadpool(work, *given))
    except OSError as error:
        raise Refused(f"cannot write to the runs folder ({error.strerror}): mend its permissions", 409) from None


def _noted(folder: Folder, run: str, **said: str | None) -> dict[str, Any]:
    annotations.write(folder.run(run), **said)
    return folder.summary(run)


async def rename(request: Request) -> Response:
    """Give a run a name to be shown under; an empty one takes it away."""
    given = await body(request, run=str, name=str)
    name = " ".join(given["name"].split())
    if len(name) > NAME or not name.isprintable():
        raise Refused(f"the name has {len(name)} characters, or some that cannot be seen: give at most {NAME}")
    return await _threaded(lambda: _noted(folder_of(request), given["run"], name=name or None))


async def note(request: Request) -> Response:
    """Write a note about a run; an empty one takes it away."""
    given = await body(request, run=str, note=str)
    if len(given["note"]) > NOTE:
        raise Refused(f"the note has {len(given['note']):,} characters: give at most {NOTE:,}")
    return await _threaded(lambda: _noted(folder_of(request), given["run"], note=given["note"].strip() or None))


async def delete(request: Request) -> Response:
    """Move a run to the trash."""
    given = await body(request, run=str)
    return await _threaded(lambda: {"item": trash.delete(folder_of(request), given["run"])})


def trashed(request: Request) -> Response:
    """What is in the trash."""
    return ok({"trash": trash.listed(folder_of(request))})


async def restore(request: Request) -> Response:
    """Take a run out of the trash."""
    given = await body(request, item=str)
    return await _threaded(lambda: {"run": trash.restore(folder_of(request), given["item"])})


ROUTES: list[BaseRoute] = [
    Route("/api/runs", runs),
    Route("/api/run", run),
    Route("/api/curves", curves),
    Route("/files", files),
    Route("/api/run/rename", rename, methods=["POST"]),
    Route("/api/run/note", note, methods=["POST"]),
    Route("/api/run/delete", delete, methods=["POST"]),
    Route("/api/trash", trashed),
    Route("/api/trash/restore", restore, methods=["POST"]),
]
