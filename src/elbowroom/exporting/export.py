"""Taking a run away: as a page that decodes by itself, as ONNX."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, NamedTuple

from elbowroom.exporting import explorer
from elbowroom.exporting.onnx import COMPARED_EXAMPLES, DESCRIPTION_FILE, write_onnx
from elbowroom.exporting.source import ExportSource
from elbowroom.runs.run import Run

#: Weights a page takes, in megabytes, if not told otherwise.
MAX_MB = 20.0


class ExportedFile(NamedTuple):
    """One file.

    Attributes:
        path: of the file.
        summary: what was found when it was checked.
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
    max_mb: float = MAX_MB,
) -> list[ExportedFile]:
    r"""Write a run as files that need no elbowroom, and no Python: a page to explore its decoder, its parts as ONNX.

    The page is one HTML file with the decoder inside, as a program of tensor operations and its weights, and an
    interpreter of such programs in plain JavaScript. It computes the mean of :math:`p(x \mid z)`, fetches nothing, and
    compares itself with three codes decoded here when it is opened. Weights are kept in half precision where that moves
    no pixel by a quarter of a level of 256, else in single.

    The ONNX folder holds ``encoder.onnx`` (x to mean and log_var, or to the code), ``decoder.onnx`` (z to the mean of
    p(x|z)), ``sampler.onnx`` (standard normals to a sample's mean and its z; a learned prior as a transformation of
    them) and ``model.json`` (names, shapes, preprocessing, hash), the batch free. Each is run by onnxruntime and
    compared with torch on 16 examples; where one is off by more than 1e-4 nothing is left behind.

    Args:
        run: the run, or its directory.
        data: what it was trained on, if that was given as a Python object.
        model: the trained model, if no recipe made it.
        html: the file of the page.
        onnx: the folder.
        max_mb: of weights that a page takes.

    Returns:
        The files, each with what its check found.

    Raises:
        ValueError: neither was asked for; the page lacks an operation or has too many weights; a part has no ONNX or
            does not do what torch does; a file cannot be written.

    >>> import tempfile, elbowroom as er
    >>> data, folder = er.load_data("digits"), tempfile.mkdtemp()
    >>> run = er.fit(*er.recipes.vae(data.shape, latent=2), data, steps=20, out=folder + "/run")
    >>> [file.path.name for file in er.export(run, html=folder + "/explorer.html")]
    ['explorer.html']
    """
    if html is None and onnx is None:
        raise ValueError("nothing to export was named: give --html FILE.html, --onnx FOLDER or both")
    told = ExportSource(run, data, model)
    written = [] if html is None else [_export_page(told, Path(html), max_mb)]
    return written + ([] if onnx is None else _export_onnx(told, Path(onnx)))


def _export_page(source: ExportSource, path: Path, max_mb: float) -> ExportedFile:
    if path.suffix != ".html":
        raise ValueError(f"--html {path}: the name must end in .html")
    if not path.parent.is_dir():
        raise ValueError(f"--html {path}: there is no folder {path.parent}; make it first")
    text, words = explorer.render_explorer(source, max_mb)
    beside = path.with_name(path.name + ".part")
    try:
        beside.write_text(text, encoding="utf-8")
        os.replace(beside, path)
    except OSError as error:
        raise ValueError(f"cannot write {path} ({error.strerror or error}): give a file you may write to") from None
    return ExportedFile(path, f"weights of {words}")


def _export_onnx(source: ExportSource, folder: Path) -> list[ExportedFile]:
    written, missing = write_onnx(source, folder)
    on = source.describe_examples(COMPARED_EXAMPLES)
    found = [ExportedFile(c.path, f"off by at most {c.max_difference:.1e} from torch, on {on}") for c in written]
    return [*found, ExportedFile(folder / DESCRIPTION_FILE, missing or "names, shapes, preprocessing and hash")]
