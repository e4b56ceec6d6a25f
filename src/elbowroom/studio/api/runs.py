"""Routes of the runs: list, one run, curves, files; names, notes and the trash."""

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
from elbowroom.studio.errors import RequestError
from elbowroom.studio.http.json import json_response, read_body
from elbowroom.studio.services import metrics_summary, run_images, trash
from elbowroom.studio.services.annotations import write_annotations
from elbowroom.studio.services.run_images import subsample
from elbowroom.studio.services.run_index import RunIndex

#: Length of a run's name.
MAX_NAME_CHARS = 80
#: Length of a note.
MAX_NOTE_CHARS = 4000
#: Snapshots of the latents in the answer for one run.
MAX_SNAPSHOTS = 200
#: Runs whose curves one request may ask for.
MAX_CURVE_RUNS = 50
#: Size of a file that is served.
MAX_FILE_BYTES = 1 << 28
CONTENT_TYPES = {
    ".png": "image/png",
    ".gif": "image/gif",
    ".html": "text/html; charset=utf-8",
    ".json": "application/json",
    ".jsonl": "application/x-ndjson",
}
#: Content security policy of a run's own pages: they bring their scripts and styles along, and may load nothing else.
SANDBOX_POLICY = (
    "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:"
)


def get_run_index(request: Request) -> RunIndex:
    """Return the index of the runs folder."""
    index: RunIndex = request.app.state.studio.run_index
    return index


def query_parameter(request: Request, name: str) -> str:
    """Return a required query parameter."""
    if name not in request.query_params:
        raise RequestError(f"'{name}' is missing: give ?{name}=")
    return request.query_params[name]


def list_runs(request: Request) -> Response:
    """List the summaries of all runs."""
    index = get_run_index(request)
    return json_response({"folder": str(index.path), "runs": index.refresh()})


def get_run(request: Request) -> Response:
    """Return everything about one run except its curves."""
    index, run = get_run_index(request), query_parameter(request, "run")
    path, summary = index.run_path(run), index.summary(run)
    rows = _metrics_rows(path)
    snapshots = [row | {"kl": _flatten(row.get("nats"))} for row in rows if row.get("event") == "look"]
    return json_response(
        {
            "summary": summary,
            "record": index.record(run),
            "findings": [row for row in rows if row.get("event") == "finding"],
            "looks": subsample(snapshots, MAX_SNAPSHOTS),
            "images": run_images.list_images(path, run),
            "report": summary["report"],
        }
    )


def get_curves(request: Request) -> Response:
    """Return the training curves of several runs; a run without readable metrics has none."""
    runs = list(dict.fromkeys(request.query_params.getlist("run")))[:MAX_CURVE_RUNS]
    index = get_run_index(request)
    return json_response({run: metrics_summary.thin_curves(_metrics_rows(index.run_path(run))) for run in runs})


def get_file(request: Request) -> Response:
    """Return a file of a run."""
    path = get_run_index(request).run_file(query_parameter(request, "run"), query_parameter(request, "path"))
    media_type = CONTENT_TYPES.get(path.suffix)
    if media_type is None:
        raise RequestError(f"{path.suffix or 'this file'} is not served: {', '.join(CONTENT_TYPES)} are", 404)
    with os.fdopen(metrics_log.open_regular_file(path), "rb") as file:
        stat = os.fstat(file.fileno())
        if stat.st_size > MAX_FILE_BYTES:
            raise RequestError(f"{path.name} has more than {MAX_FILE_BYTES >> 20} MiB: open it where it is", 413)
        etag = f'"{stat.st_ino:x}-{stat.st_size:x}-{stat.st_mtime_ns:x}"'
        headers = {"ETag": etag, "Last-Modified": formatdate(stat.st_mtime, usegmt=True), "Cache-Control": "no-cache"}
        if media_type.startswith("text/html"):
            headers["Content-Security-Policy"] = SANDBOX_POLICY
        if request.headers.get("if-none-match") == etag:
            return Response(status_code=304, headers=headers)
        return Response(file.read(), media_type=media_type, headers=headers)


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
        raise RequestError(f"cannot write to the runs folder ({error.strerror}): fix its permissions", 409) from None


def _annotate(run_index: RunIndex, run: str, **changes: str | None) -> dict[str, Any]:
    write_annotations(run_index.run_path(run), **changes)
    return run_index.summary(run)


async def rename_run(request: Request) -> Response:
    """Set the display name of a run; an empty name removes it."""
    body = await read_body(request, run=str, name=str)
    name = " ".join(body["name"].split())
    if len(name) > MAX_NAME_CHARS:
        raise RequestError(f"the name has {len(name)} characters: give at most {MAX_NAME_CHARS}")
    if not name.isprintable():
        raise RequestError("the name has characters that cannot be printed: leave them out")
    return await _respond_in_thread(lambda: _annotate(get_run_index(request), body["run"], name=name or None))


async def set_note(request: Request) -> Response:
    """Set the note of a run; an empty note removes it."""
    body = await read_body(request, run=str, note=str)
    note = body["note"].strip()
    if len(body["note"]) > MAX_NOTE_CHARS:
        raise RequestError(f"the note has {len(body['note']):,} characters: give at most {MAX_NOTE_CHARS:,}")
    return await _respond_in_thread(lambda: _annotate(get_run_index(request), body["run"], note=note or None))


async def delete_run(request: Request) -> Response:
    """Move a run to the trash."""
    body = await read_body(request, run=str)
    return await _respond_in_thread(lambda: {"item": trash.move_to_trash(get_run_index(request), body["run"])})


def list_trash(request: Request) -> Response:
    """List the runs in the trash."""
    return json_response({"trash": trash.list_items(get_run_index(request))})


async def restore_run(request: Request) -> Response:
    """Move a run out of the trash."""
    body = await read_body(request, item=str)
    return await _respond_in_thread(lambda: {"run": trash.restore_item(get_run_index(request), body["item"])})


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
