"""Files that commands write: images, arrays, columns, and rows of a table; each is named with what it holds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from elbowroom.cli import options
from elbowroom.formatting import format_count

if TYPE_CHECKING:
    from torch import Tensor

    from elbowroom.models.base import GenerativeModel

#: Files of rows of a table, by their suffix.
TABLE_KINDS = {".csv": "a table", ".tsv": "a table", ".parquet": "a table"}
#: Files of examples.
EXAMPLE_KINDS = {".png": "a grid", ".npz": "arrays", ".txt": "texts", **TABLE_KINDS}
#: Texts that a command prints besides writing them.
N_PRINTED_TEXTS = 10
#: Files of one value, or one vector, for each example.
COLUMN_KINDS = {".csv": "a table", ".npz": "arrays", ".parquet": "a table"}


@contextmanager
def explain_write_errors(path: Path, flag: str = "--out") -> Iterator[None]:
    """Raise a ValueError with advice where a file cannot be written, or a package for it is not installed."""
    try:
        yield
    except OSError as error:
        raise options.write_error(path, error, flag) from None
    except ImportError:
        raise ValueError(
            f'writing {path.name} needs pyarrow, which is not installed: pip install "elbowroom[parquet]"'
        ) from None


def require_images(model: GenerativeModel) -> None:
    """Raise a ValueError for a model whose examples are no images."""
    from elbowroom.plotting.montage import can_show

    if not can_show(model.shape if model.views is None else model.views):
        shape = "x".join(map(str, model.shape))
        raise ValueError(
            f"this model's examples are {shape}, not images: give an --out that ends in .npz, of a table in .csv, of "
            "texts in .txt"
        )


def require_suffix(path: Path, model: GenerativeModel, record: Mapping[str, Any]) -> None:
    """Raise a ValueError where a file of this suffix cannot hold a model's examples, before they are computed.

    Args:
        path: one of :data:`EXAMPLE_KINDS`, or an animation.
        model: whose examples are written.
        record: of its data.
    """
    from elbowroom.data.table_rows import require_table
    from elbowroom.data.text_encoding import require_texts

    if path.suffix in TABLE_KINDS:
        require_table(record)
    elif path.suffix == ".txt":
        require_texts(record)
    elif path.suffix != ".npz":
        require_images(model)


def save_image(path: Path, image: Any, caption: str = "") -> None:
    """Write an image, and print its name with the caption."""
    with explain_write_errors(path):
        image.save(path)
    click.echo(f"{path}  {caption}".rstrip())


def save_arrays(path: Path, caption: str, **arrays: Tensor) -> None:
    """Write arrays, and their caption as an array of one text beside them."""
    import numpy as np

    with explain_write_errors(path):
        tensors = {name: t.cpu().numpy() for name, t in arrays.items()}
        np.savez_compressed(path, allow_pickle=False, caption=np.array(caption), **tensors)
    shapes = "  ".join(f"{name} {tuple(t.shape)}" for name, t in arrays.items())
    click.echo(f"{path}  {shapes}  {caption}")


def save_rows(path: Path, x: Tensor, record: Mapping[str, Any], caption: str, **about: Any) -> None:
    """Write coded rows as the table that the run was trained on has them; ``about`` is for ``write_table``."""
    from elbowroom.data import write_table

    with explain_write_errors(path):
        names = write_table(path, x, record, **about)
    click.echo(f"{path}  {format_count(len(x), 'row')}: {', '.join(names)}  {caption}")


def save_texts(path: Path, record: Mapping[str, Any], caption: str, *columns: Tensor) -> None:
    """Write texts, one to a line, and print the first; of several columns a tab is between those of a line."""
    from elbowroom.data import decode_texts

    lines = ["\t".join(texts) for texts in zip(*(decode_texts(x, record) for x in columns), strict=True)]
    with explain_write_errors(path):
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    click.echo("\n".join(lines[:N_PRINTED_TEXTS]))
    click.echo(f"{path}  {format_count(len(lines), 'text')}  {caption}")


def save_columns(path: Path, columns: Mapping[str, Sequence[Any]], flag: str = "--out") -> None:
    """Write columns of equal length: a .csv or .parquet table, or a .npz with an array for each."""
    import numpy as np

    with explain_write_errors(path, flag):
        if path.suffix == ".npz":
            np.savez_compressed(
                path, allow_pickle=False, **{name: np.array(values) for name, values in columns.items()}
            )
        elif path.suffix == ".parquet":
            import pyarrow
            from pyarrow import parquet

            parquet.write_table(pyarrow.table(dict(columns)), path)
        else:
            _write_csv(path, columns)


def _write_csv(path: Path, columns: Mapping[str, Sequence[Any]]) -> None:
    import csv

    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        for row in zip(*columns.values(), strict=True):
            writer.writerow([_format_cell(value) for value in row])


def _format_cell(value: Any) -> Any:
    """Return a number with seven digits, NaN as an empty cell."""
    return value if not isinstance(value, float) else "" if value != value else f"{value:.7g}"
