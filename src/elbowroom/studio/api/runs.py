"""Endpoints of the runs: list, one run, curves, files; names, notes and the trash."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import formatdate
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta
from PIL import Image
from starlette.responses import Response

from elbowroom.runs import metrics_log
from elbowroom.studio.api.endpoint import ApiRequest, QueryFields, RunFields, endpoint
from elbowroom.studio.errors import RequestError
from elbowroom.studio.http import media
from elbowroom.studio.http.json import RequestFields
from elbowroom.studio.services import configuration, metrics_summary, run_images, trash
from elbowroom.studio.services.annotations import write_annotations
from elbowroom.studio.services.run_images import subsample
from elbowroom.studio.services.run_index import RunIndex
from elbowroom.studio.services.run_summary import RunWatcher

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


class RunList(msgspec.Struct):
    """The runs of a folder."""

    folder: str
    runs: Annotated[list[dict[str, Any]], Meta(description="summaries, live runs first, then the newest")]


@endpoint("/api/runs", "GET")
def list_runs(request: ApiRequest[QueryFields]) -> RunList:
    """The summaries of all runs."""
    index = request.studio.run_index
    return RunList(str(index.path), index.refresh())


class RunQuery(RunFields, forbid_unknown_fields=False):
    """The query string of a request about a run."""


class RunDetails(msgspec.Struct):
    """Everything about one run except its curves."""

    summary: dict[str, Any]
    record: Annotated[dict[str, Any] | None, Meta(description="its recipe.json; null where it is damaged")]
    findings: Annotated[list[dict[str, Any]], Meta(description="findings of the doctor")]
    looks: Annotated[list[dict[str, Any]], Meta(description="snapshots of the latents during training")]
    images: Annotated[dict[str, list[dict[str, Any]]], Meta(description="URLs of its images, by kind")]
    report: Annotated[str | None, Meta(description="URL of its report")]
    configuration: Annotated[
        list[dict[str, Any]],
        Meta(description="its settings for a reader: label, value, whether it is the default"),
    ]


@endpoint("/api/run", "GET")
def get_run(request: ApiRequest[RunQuery]) -> RunDetails:
    """Everything about one run except its curves."""
    index, run = request.studio.run_index, request.fields.run
    path, summary = index.run_path(run), index.summary(run)
    rows = _metrics_rows(path)
    snapshots = [row | {"kl": _flatten(row.get("nats"))} for row in rows if row.get("event") == "look"]
    return RunDetails(
        summary=summary,
        record=index.record(run),
        findings=[row for row in rows if row.get("event") == "finding"],
        looks=subsample(snapshots, MAX_SNAPSHOTS),
        images=run_images.list_images(path, run),
        report=summary["report"],
        configuration=configuration.list_settings(index.record(run) or {}),
    )


class CurvesFields(QueryFields):
    """The fields of a request for curves."""

    run: Annotated[str | list[str] | None, Meta(description=f"one or several runs, at most {MAX_CURVE_RUNS}")] = None


@endpoint("/api/curves", "GET")
def get_curves(request: ApiRequest[CurvesFields]) -> dict[str, dict[str, dict[str, list[float | None]]]]:
    """The training curves of runs, by run, split and term; a run without readable metrics has none."""
    index, run = request.studio.run_index, request.fields.run
    runs = list(dict.fromkeys([run] if isinstance(run, str) else run or ()))[:MAX_CURVE_RUNS]
    return {run: metrics_summary.thin_curves(_metrics_rows(index.run_path(run))) for run in runs}


class FileFields(RunQuery):
    """The fields of a request for a file."""

    path: Annotated[str, Meta(description="its path in the run")]


@endpoint("/files", "GET", example={"path": "report.html"}, files=tuple(CONTENT_TYPES.values()))
def get_file(request: ApiRequest[FileFields]) -> Response:
    """A file of a run."""
    path = request.studio.run_index.run_file(request.fields.run, request.fields.path)
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
        if request.http.headers.get("if-none-match") == etag:
            return Response(status_code=304, headers=headers)
        return Response(file.read(), media_type=media_type, headers=headers)


class GridFields(RunQuery):
    """The fields of a request for images."""

    kind: Literal["reconstructions", "samples"]
    epoch: Annotated[int, Meta(ge=0)]


@endpoint("/api/run/grid", "GET", example={"kind": "samples", "epoch": 1}, files=(media.PNG,))
def get_grid(request: ApiRequest[GridFields]) -> Response:
    """The images that training wrote after an epoch, without text and transparent between them."""
    index, fields = request.studio.run_index, request.fields
    record = index.record(fields.run) or {}
    return _png(run_images.read_grid(index.run_path(fields.run), fields.kind, fields.epoch, record.get("shape")))


def _png(image: Image.Image) -> Response:
    # An epoch's images are written once; a training that begins anew in the directory may write others.
    return Response(media.encode_png(image), media_type=media.PNG, headers={"Cache-Control": "max-age=60"})


def _metrics_rows(path: Path) -> list[metrics_log.MetricsRow]:
    try:
        return metrics_log.read_rows(path / "metrics.jsonl")
    except OSError:
        return []


def _flatten(nested: Any) -> list[float]:
    if not isinstance(nested, list):
        return [] if nested is None else [nested]
    return [number for item in nested for number in _flatten(item)]


@contextmanager
def _write_errors() -> Iterator[None]:
    """Turn an error of the file system into one of the request."""
    try:
        yield
    except OSError as error:
        raise RequestError(f"cannot write to the runs folder ({error.strerror}): fix its permissions", 409) from None


def _annotate(run_index: RunIndex, run: str, **changes: str | None) -> dict[str, Any]:
    with _write_errors():
        write_annotations(run_index.run_path(run), **changes)
    return run_index.summary(run)


class RenameFields(RunFields):
    """The fields of a request to rename."""

    name: Annotated[str, Meta(description=f"the name, at most {MAX_NAME_CHARS} characters; an empty one removes it")]


@endpoint("/api/run/rename", "POST", example={"name": "the best"})
def rename_run(request: ApiRequest[RenameFields]) -> dict[str, Any]:
    """Set the display name of a run; the answer is its summary."""
    return _annotate(request.studio.run_index, request.fields.run, name=_check_name(request.fields.name))


def _check_name(name: str) -> str | None:
    name = " ".join(name.split())
    if len(name) > MAX_NAME_CHARS:
        raise RequestError(f"the name has {len(name)} characters: give at most {MAX_NAME_CHARS}", field="name")
    if not name.isprintable():
        raise RequestError("the name has characters that cannot be printed: leave them out", field="name")
    return name or None


class NoteFields(RunFields):
    """The fields of a request to note something."""

    note: Annotated[str, Meta(description=f"the note, at most {MAX_NOTE_CHARS} characters; an empty one removes it")]


@endpoint("/api/run/note", "POST", example={"note": "lower lr"})
def set_note(request: ApiRequest[NoteFields]) -> dict[str, Any]:
    """Set the note of a run; the answer is its summary."""
    return _annotate(request.studio.run_index, request.fields.run, note=_check_note(request.fields.note))


def _check_note(note: str) -> str | None:
    if len(note) > MAX_NOTE_CHARS:
        raise RequestError(f"the note has {len(note):,} characters: give at most {MAX_NOTE_CHARS:,}", field="note")
    return note.strip() or None


class AboutFields(RenameFields, kw_only=True):
    """The fields of a request to rename a run and to note something."""

    note: Annotated[str, Meta(description=f"the note, at most {MAX_NOTE_CHARS} characters; an empty one removes it")]


@endpoint("/api/run/about", "POST", example={"name": "the best", "note": "lower lr"})
def describe_run(request: ApiRequest[AboutFields]) -> dict[str, Any]:
    """Set display name and note of a run, both or neither; the answer is its summary."""
    fields = request.fields
    changes = {"name": _check_name(fields.name), "note": _check_note(fields.note)}
    return _annotate(request.studio.run_index, fields.run, **changes)


@endpoint("/api/run/delete", "POST")
def delete_run(request: ApiRequest[RunFields]) -> dict[str, str]:
    """Move a run to the trash; the answer is the ``item`` there."""
    with _write_errors():
        return {"item": trash.move_to_trash(request.studio.run_index, request.fields.run)}


@endpoint("/api/trash", "GET")
def list_trash(request: ApiRequest[QueryFields]) -> dict[str, list[dict[str, Any]]]:
    """The runs in the trash."""
    return {"trash": trash.list_items(request.studio.run_index)}


class RestoreFields(RequestFields):
    """The fields of a request to restore."""

    item: Annotated[str, Meta(description="the item in the trash")]


@endpoint("/api/trash/restore", "POST", example={"item": "20261127-120000-000000-vae-digits-1"})
def restore_run(request: ApiRequest[RestoreFields]) -> dict[str, str]:
    """Move a run out of the trash; the answer is the path of the ``run``."""
    with _write_errors():
        return {"run": trash.restore_item(request.studio.run_index, request.fields.item)}


class ItemFields(RestoreFields, forbid_unknown_fields=False):
    """The fields of a request for something about an item."""


@endpoint("/api/trash/picture", "GET", files=(media.PNG,))
def get_trash_picture(request: ApiRequest[ItemFields]) -> Response:
    """The newest images of a run in the trash, without text."""
    path = trash.item_path(request.studio.run_index, request.fields.item)
    newest = run_images.newest_grid(path)
    if newest is None:
        raise RequestError("this run has no images", 404)
    watcher = RunWatcher(path, path.name)
    watcher.poll()
    return _png(run_images.read_grid(path, *newest, (watcher.record or {}).get("shape")))


@endpoint("/api/trash/delete", "POST", example={"item": "20261127-120000-000000-vae-digits-1"})
def delete_for_good(request: ApiRequest[RestoreFields]) -> dict[str, int]:
    """Delete a run in the trash for good; the answer is the ``bytes`` that it had."""
    with _write_errors():
        return {"bytes": trash.delete_item(request.studio.run_index, request.fields.item)}
