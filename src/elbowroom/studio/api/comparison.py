"""Endpoints of comparisons: tables of runs, images of their models, and the page as one file."""

from __future__ import annotations

import shlex
from typing import Annotated, Any

import msgspec
from msgspec import Meta
from starlette.responses import Response

from elbowroom.studio.api.endpoint import ApiRequest, QueryFields, Snippets, endpoint
from elbowroom.studio.errors import RequestError
from elbowroom.studio.services import comparisons

#: Runs that are compared at once.
MAX_COMPARED_RUNS = 50
#: Content security policy of the page, which brings its script and style along and may load nothing else.
PAGE_POLICY = (
    "sandbox allow-scripts allow-downloads; default-src 'none'; script-src 'unsafe-inline'; "
    "style-src 'unsafe-inline'; img-src data:"
)


class ComparisonFields(QueryFields):
    """The fields of a request for a comparison."""

    run: Annotated[str | list[str], Meta(description=f"the runs, at most {MAX_COMPARED_RUNS}")]

    @property
    def runs(self) -> list[str]:
        """The runs, each once.

        Raises:
            RequestError: there are too many.
        """
        runs = list(dict.fromkeys([self.run] if isinstance(self.run, str) else self.run))
        if len(runs) > MAX_COMPARED_RUNS:
            raise RequestError(f"{len(runs)} runs: choose at most {MAX_COMPARED_RUNS}")
        return runs


class ComparisonData(msgspec.Struct):
    """A comparison: what can be compared with what, and the metrics of groups that differ in their seeds alone."""

    sentence: Annotated[str, Meta(description="what is compared")]
    split: Annotated[str, Meta(description="the split whose metrics are compared")]
    protocols: Annotated[list[dict[str, str]], Meta(description="letter and summary of each evaluation protocol")]
    incomparable: Annotated[list[str], Meta(description="what cannot be compared, and why")]
    notes: list[str]
    settings: Annotated[list[str], Meta(description="names of the settings in which the groups differ")]
    sort: str
    groups: Annotated[list[dict[str, Any]], Meta(description="name, protocol, color and settings of each group")]
    runs: Annotated[list[dict[str, Any]], Meta(description="each run with the number of its group")]
    tables: Annotated[dict[str, Any], Meta(description="tables of the groups and of the runs: heads and rows of cells")]
    excluded: Annotated[list[dict[str, str]], Meta(description="runs that do not count, and why")]
    shared: Annotated[list[tuple[str, str]], Meta(description="settings that all runs share")]
    curves: Annotated[dict[str, Any], Meta(description="the split and the terms of the curves")]


async def comparison_snippets(request: ApiRequest[ComparisonFields]) -> Snippets:
    """Return the command and the program that write the page of a comparison."""
    runs = [str(request.studio.run_index.run_path(run)) for run in request.fields.runs]
    command = f"elbowroom compare {shlex.join(runs)} --out comparison.html"
    return command, f"import elbowroom as er\n\ner.compare({runs!r}).write('comparison.html')\n"


@endpoint("/api/comparison", "GET", example={"run": ["vae-digits-1"]}, snippets=comparison_snippets)
async def get_comparison(request: ApiRequest[ComparisonFields]) -> ComparisonData:
    """Runs compared by their logged and kept metrics: groups over seeds, by protocol."""
    studio, runs = request.studio, request.fields.runs
    compared = await request.submit(
        studio.store.slow_queue, lambda: comparisons.compare_runs(studio.run_index, studio.store, runs)
    )
    return ComparisonData(**comparisons.comparison_fields(compared))


class ComparisonImages(msgspec.Struct):
    """Images of the models of a comparison."""

    html: Annotated[str, Meta(description="reconstructions of the same examples, and samples, as HTML")]
    charts: Annotated[list[dict[str, Any]], Meta(description="data of the charts in it")]


@endpoint("/api/comparison/images", "GET", example={"run": ["vae-digits-1"]})
async def get_images(request: ApiRequest[ComparisonFields]) -> ComparisonImages:
    """Reconstructions of the same examples by the models of runs, and their samples."""
    studio, runs = request.studio, request.fields.runs
    fields = await request.submit(
        studio.store.long_queue,
        lambda: comparisons.comparison_images(comparisons.compare_runs(studio.run_index, studio.store, runs)),
    )
    return ComparisonImages(**fields)


@endpoint("/api/comparison/page", "GET", example={"run": ["vae-digits-1"]}, files=("text/html",))
async def get_page(request: ApiRequest[ComparisonFields]) -> Response:
    """The page of ``elbowroom compare``: one file with tables, curves and images."""
    studio, runs = request.studio, request.fields.runs
    page = await request.submit(
        studio.store.long_queue, lambda: comparisons.comparison_page(studio.run_index, studio.store, runs)
    )
    return Response(page, media_type="text/html", headers={"Content-Security-Policy": PAGE_POLICY})
