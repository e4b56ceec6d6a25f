"""Comparisons of runs for the studio: what the metrics say, at once; and what the models show, on demand."""

from __future__ import annotations

from typing import Any

from elbowroom.comparing.columns import COLUMNS, LOGGED_COLUMNS, MetricColumn
from elbowroom.comparing.comparison import Comparison
from elbowroom.comparing.discover import assign_protocols, find_entries
from elbowroom.comparing.page_data import comparison_data, summary_sentence
from elbowroom.comparing.report import render_images, render_page
from elbowroom.studio.services.loaded_model import RNG_LOCK
from elbowroom.studio.services.model_store import ModelStore
from elbowroom.studio.services.run_index import RunIndex
from elbowroom.web.marks import MarkRenderer


def compare_runs(
    run_index: RunIndex, store: ModelStore, runs: list[str], columns: tuple[MetricColumn, ...] = LOGGED_COLUMNS
) -> Comparison:
    """Compare runs by what was logged and kept of them; with all columns, by what their models give, too.

    Raises:
        ValueError: there is no such run.
    """
    paths = [run_index.run_path(run) for run in runs]
    with RNG_LOCK:  # models are built to see their likelihoods, which draws their weights
        entries = find_entries(paths, load_data=store.load_data)
        names = {str(path): run for path, run in zip(paths, runs, strict=True)}
        for entry in entries:
            entry.path = names.get(entry.path, entry.path)
        assign_protocols(entries)
        return Comparison(entries, f"{len(entries)} runs", columns=columns)


def comparison_fields(comparison: Comparison) -> dict[str, Any]:
    """Return a comparison as the studio's page shows it."""
    return comparison_data(comparison) | {"sentence": summary_sentence(comparison)}


def comparison_images(comparison: Comparison) -> dict[str, Any]:
    """Return reconstructions and samples of the runs' models: HTML, and the charts in it."""
    marks = MarkRenderer()
    with RNG_LOCK:
        return {"html": str(render_images(comparison, marks)), "charts": marks.charts}


def comparison_page(run_index: RunIndex, store: ModelStore, runs: list[str]) -> str:
    """Return the page of ``elbowroom compare`` of some runs as HTML."""
    with RNG_LOCK:
        return render_page(compare_runs(run_index, store, runs, COLUMNS))
