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
from elbowroom.studio.http.json import RequestError, json_response, read_body
from elbowroom.studio.services import metrics_summary, run_images, trash
from elbowroom.studio.services.annotations import write_annotations
from elbowroom.studio.services.run_images import subsample
from elbowroom.studio.services.run_index import RunIndex

#: Characters of a name and of a note; looks that are told of a run, runs whose curves are asked at once.
MAX_NAME_CHARS, MAX_NOTE_CHARS, MAX_SNAPSHOTS, MAX_CURVE_RUNS = 80, 4000, 200, 50
#: Bytes of a file that is sent.
MAX_FILE_BYTES = 1 << 28
CONTENT_TYPES = {
    ".png": "image/png",
    ".gif": "image/gif",
    ".html": "text/html; charset=utf-8",
    ".json": "application/json",
    ".jsonl": "application/x-ndjson",
}
#: Pages that training writes bring their own scripts and styles, and are let near nothing else.
SANDBOX_POLICY = (
    "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:"
)


def get_run_index(request: Request) -> RunIndex:
    """The folder that is served."""
    return request.app.state.studio.folder


def query_parameter(request: Request, name: str) -> str:
    """A parameter of the query that has to be there."""
    if name not in request.query_params:
        raise RequestError(f"'{name}' is missing: give ?{name}=")
    return request.query_params[name]


def list_runs(request: Request) -> Response:
    """All runs."""
    folder = get_run_index(request)
    return json_response({"folder": str(folder.path), "runs": folder.refresh()})


def get_run(request: Request) -> Response:
    """Everything about one run but its curves."""
    folder, name = get_run_index(request), query_parameter(request, "run")
    path, summary = folder.run_path(name), folder.summary(name)
    found = _metrics_rows(path)
    looks = [one | {"kl": _flatten(one.get("nats"))} for one in found if one.get("event") == "look"]
    record = folder.record(name)
    return json_response(
        {
            "summary": summary,
            "record": record,
            "findings": [one for one in found if one.get("event") == "finding"],
            "looks": subsample(looks, MAX_SNAPSHOTS),
            "images": run_images.list_images(path, name),
            "report": summary["report"],
        }
    )


def get_curves(request: Request) -> Response:
    """The curves of some runs; one that is gone or damaged has none."""
    names = list(dict.fromkeys(request.query_params.getlist("run")))[:MAX_CURVE_RUNS]
    folder = get_run_index(request)
    return json_response({name: metrics_summary.thin_curves(_metrics_rows(folder.run_path(name))) for name in names})


def get_file(request: Request) -> Response:
    """A file of a run."""
    path = get_run_index(request).run_file(query_parameter(request, "run"), query_parameter(request, "path"))
    kind = CONTENT_TYPES.get(path.suffix)
    if kind is None:
        raise RequestError(f"{path.suffix or 'this file'} is not served: {', '.join(CONTENT_TYPES)} are", 404)
    with os.fdopen(metrics_log.open_regular_file(path), "rb") as file:
        about = os.fstat(file.fileno())
        if about.st_size > MAX_FILE_BYTES:
            raise RequestError(f"{path.name} has more than {MAX_FILE_BYTES >> 20} MiB: open it where it is", 413)
        mark = f'"{about.st_ino:x}-{about.st_size:x}-{about.st_mtime_ns:x}"'
        headers = {"ETag": mark, "Last-Modified": formatdate(about.st_mtime, usegmt=True), "Cache-Control": "no-cache"}
        if kind.startswith("text/html"):
            headers["Content-Security-Policy"] = SANDBOX_POLICY
        if request.headers.get("if-none-match") == mark:
            return Response(status_code=304, headers=headers)
        return Response(file.read(), media_type=kind, headers=headers)


def _metrics_rows(path: Path) -> list[metrics_log.MetricsRow]:
    try:
        return metrics_log.read_rows(path / "metrics.jsonl")
    except OSError:
        return []


def _flatten(nested: Any) -> list[float]:
    if not isinstance(nested, list):
        return [] if nested is None else [nested]
    return [number for item in nested for number in _flatten(item)]


async def _respond_in_thread(work: Callable[..., Any], *arguments: Any) -> Response:
    try:
        return json_response(await run_in_threadpool(work, *arguments))
    except OSError as error:
        raise RequestError(f"cannot write to the runs folder ({error.strerror}): mend its permissions", 409) from None


def _annotate(run_index: RunIndex, run: str, **changes: str | None) -> dict[str, Any]:
    write_annotations(run_index.run_path(run), **changes)
    return run_index.summary(run)


async def rename_run(request: Request) -> Response:
    """Give a run a name to be shown under; an empty one takes it away."""
    given = await read_body(request, run=str, name=str)
    name = " ".join(given["name"].split())
    if len(name) > MAX_NAME_CHARS or not name.isprintable():
        raise RequestError(
            f"the name has {len(name)} characters, or some that cannot be seen: give at most {MAX_NAME_CHARS}"
        )
    return await _respond_in_thread(lambda: _annotate(get_run_index(request), given["run"], name=name or None))


async def set_note(request: Request) -> Response:
    """Write a note about a run; an empty one takes it away."""
    given = await read_body(request, run=str, note=str)
    if len(given["note"]) > MAX_NOTE_CHARS:
        raise RequestError(f"the note has {len(given['note']):,} characters: give at most {MAX_NOTE_CHARS:,}")
    return await _respond_in_thread(
        lambda: _annotate(get_run_index(request), given["run"], note=given["note"].strip() or None)
    )


async def delete_run(request: Request) -> Response:
    """Move a run to the trash."""
    given = await read_body(request, run=str)
    return await _respond_in_thread(lambda: {"item": trash.move_to_trash(get_run_index(request), given["run"])})


def list_trash(request: Request) -> Response:
    """What is in the trash."""
    return json_response({"trash": trash.list_items(get_run_index(request))})


async def restore_run(request: Request) -> Response:
    """Take a run out of the trash."""
    given = await read_body(request, item=str)
    return await _respond_in_thread(lambda: {"run": trash.restore_item(get_run_index(request), given["item"])})


ROUTES: list[BaseRoute] = [
    Route("/api/runs", list_runs),
    Route("/api/run", get_run),
    Route("/api/curves", get_curves),
    Route("/files", get_file),
    Route("/api/run/rename", rename_run, methods=["POST"]),
    Route("/api/run/note", set_note, methods=["POST"]),
    Route("/api/run/delete", delete_run, methods=["POST"]),
    Route("/api/trash", list_trash),
    Route("/api/trash/restore", restore_run, methods=["POST"]),
]
