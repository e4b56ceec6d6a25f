"""Export of a run as an explorer page and as ONNX."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, NamedTuple

from elbowroom.exporting import explorer
from elbowroom.exporting.description import describe_inputs
from elbowroom.exporting.exported_run import ExportedRun
from elbowroom.exporting.onnx import COMPARED_EXAMPLES, DESCRIPTION_FILE, write_onnx
from elbowroom.reporting import summary
from elbowroom.runs.run import Run
from elbowroom.web.render import write_html

#: The default limit of a page's weights, in megabytes.
MAX_MB = 20.0


class ExportedFile(NamedTuple):
    """A file that was written.

    Attributes:
        path: the file.
        summary: the result of its check, in words.
    """

    path: Path
    summary: str


def export(
    run: Run | str | os.PathLike[str],
    data: Any = None,
    model: Any = None,
    *,
    html: str | os.PathLike[str] | None = None,
    onnx: str | os.PathLike[str] | None = None,
    sampler: str | None = None,
    max_mb: float = MAX_MB,
) -> list[ExportedFile]:
    r"""Export a run to files that need neither elbowroom nor Python: an explorer page of its decoder, and ONNX.

    The page is one HTML file with the decoder inside, as a graph of tensor operations with its weights, and an
    interpreter of such graphs in plain JavaScript. It computes the mean of :math:`p(x \mid z)`, fetches nothing, and
    when it is opened compares itself with three latents that were decoded at export. Weights are in half precision
    where that changes no pixel by more than a quarter of one of 256 levels, else in single precision.

    The ONNX folder holds ``encoder.onnx`` (x to mean and log_var, or to the code), ``decoder.onnx`` (z to the mean of
    p(x|z)), ``sampler.onnx`` (standard normals to a sample's mean and its z; a learned prior, or a sampler fitted to
    latents, as a transformation of them) and ``model.json`` (names, shapes, preprocessing, hash). The batch size is
    free. Each file is run by onnxruntime and compared with torch on 16 examples; if one differs by more than 1e-4,
    nothing is written.

    Args:
        run: the run, or its directory.
        data: what it was trained on, if that was given as a Python object.
        model: the trained model, if no recipe made it.
        html: the file of the page.
        onnx: the folder of the ONNX files.
        sampler: the density that samples are drawn from, "prior" or a sampler that was fitted to the run, as
            "mixture:10"; by default the one that the run samples from.
        max_mb: the largest size of a page's weights, in megabytes.

    Returns:
        The files that were written, each with the result of its check.

    Raises:
        ValueError: neither file nor folder was given; the page's interpreter lacks an operation, or the weights are too
            large; a component cannot be exported to ONNX, or differs from torch; a file cannot be written;
            no such sampler was fitted to the run.

    >>> import tempfile, elbowroom as er
    >>> data, folder = er.load_data("digits"), tempfile.mkdtemp()
    >>> run = er.fit(*er.recipes.vae(data.shape, latent=2), data, steps=20, out=folder + "/run")
    >>> [file.path.name for file in er.export(run, html=folder + "/explorer.html")]
    ['explorer.html']
    """
    if html is None and onnx is None:
        raise ValueError("nothing to export was named: give --html FILE.html, --onnx FOLDER or both")
    view = _load(run, data, model, sampler)
    files = [] if html is None else [_export_page(view, Path(html), max_mb)]
    return files + ([] if onnx is None else _export_onnx(view, Path(onnx)))


def render_page_of(
    run: Run | str | os.PathLike[str],
    data: Any = None,
    model: Any = None,
    *,
    sampler: str | None = None,
    max_mb: float = MAX_MB,
) -> tuple[str, str]:
    """Return the explorer page of a run as HTML, and its title; the arguments are those of :func:`export`."""
    view = _load(run, data, model, sampler)
    page, _ = explorer.render_explorer(view, max_mb)
    return page, summary.run_title(view.run)


def _load(run: Run | str | os.PathLike[str], data: Any, model: Any, sampler: str | None) -> ExportedRun:
    """Return the run with its models on the CPU, where what is exported is traced."""
    view = ExportedRun(run, data, model, sampler)
    _refuse_steps(view)
    view.model.cpu().eval()
    view.sampling_model.eval()
    return view


def _refuse_steps(view: ExportedRun) -> None:
    """Raise a ValueError for a decoder that makes one element of an example after the other."""
    if view.model.is_autoregressive:
        raise ValueError(
            "the decoder reads x and makes one element after the other, which is no graph of a useful size: decode in "
            "Python (er.load(RUN).sample), by 'elbowroom sample', or in the studio"
        )


def _export_page(view: ExportedRun, path: Path, max_mb: float) -> ExportedFile:
    if path.suffix != ".html":
        raise ValueError(f"--html {path}: the name must end in .html")
    if not path.parent.is_dir():
        raise ValueError(f"--html {path}: there is no folder {path.parent}; make it first")
    page, weights_summary = explorer.render_explorer(view, max_mb)
    write_html(path, page)
    return ExportedFile(path, f"weights of {weights_summary}")


def _export_onnx(view: ExportedRun, folder: Path) -> list[ExportedFile]:
    checked, missing = write_onnx(view, folder)
    examples = describe_inputs(view, COMPARED_EXAMPLES)
    files = [ExportedFile(c.path, f"off by at most {c.max_difference:.1e} from torch, on {examples}") for c in checked]
    about = f"names, shapes, preprocessing and hash; samples from {view.sampler_words}"
    return [*files, ExportedFile(folder / DESCRIPTION_FILE, missing or about)]
