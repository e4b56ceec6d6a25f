"""Make the notebooks of the tutorials from their sources, executed: their pages show what is kept in them.

    .venv/bin/python docs/execute_tutorials.py              # those whose code has changed
    .venv/bin/python docs/execute_tutorials.py 01_first_vae # one of them, changed or not

Each is executed in an empty folder, with a kernel of this environment; where text alone has changed, outputs are kept.
A cell that prints a path of this machine is an error, as is a notebook of more than a megabyte.
"""

from __future__ import annotations

import base64
import os
import sys
import tempfile
from io import BytesIO
from pathlib import Path

import nbclient
import nbformat
from nbformat import NotebookNode
from PIL import Image
from site_pages.tutorial_pages import SOURCES, is_command, make_notebook

ROOT = Path(__file__).resolve().parents[1]
MAX_BYTES = 1_000_000
TIMEOUT_S = 600


def main(names: list[str]) -> None:
    """Execute the tutorials of these names; without names, those whose notebook has other code than the source."""
    for path in SOURCES:
        if names and path.stem not in names:
            continue
        book = make_notebook(path.read_text(encoding="utf-8"))
        if names or not keep_outputs(book, path.with_suffix(".ipynb")):
            print(path.stem, flush=True)
            execute(book)
        text = nbformat.writes(book)
        if len(text) > MAX_BYTES:
            raise ValueError(f"{path.stem} weighs {len(text):,} bytes: show less, or smaller images")
        path.with_suffix(".ipynb").write_text(text + "\n", encoding="utf-8")


def keep_outputs(book: NotebookNode, path: Path) -> bool:
    """Take the outputs of a kept notebook over, if its code is the same; return whether it is."""
    if not path.exists():
        return False
    new, old = (
        [cell for cell in one.cells if cell.cell_type == "code"] for one in (book, nbformat.read(path, as_version=4))
    )
    if [cell.source for cell in new] != [cell.source for cell in old]:
        return False
    for cell, kept in zip(new, old, strict=True):
        cell.outputs, cell.execution_count = kept.outputs, kept.execution_count
    return True


def execute(book: NotebookNode) -> None:
    """Execute the cells of a notebook, but for its commands."""
    commands = {i: cell for i, cell in enumerate(book.cells) if is_command(cell)}
    book.cells = [cell for cell in book.cells if not is_command(cell)]
    with tempfile.TemporaryDirectory() as folder:
        client = nbclient.NotebookClient(book, timeout=TIMEOUT_S, resources={"metadata": {"path": folder}})
        # What tqdm says in a notebook without widgets is of no interest to a reader.
        client.execute(env=os.environ | {"PYTHONWARNINGS": "ignore:IProgress not found"})
    for cell in book.cells:
        cell.metadata.pop("execution", None)  # times, which differ each time
        for output in cell.get("outputs", ()):
            tidy_output(output)
        if cell.cell_type == "code":
            cell.outputs = join_streams(cell.outputs)
    for i, cell in commands.items():
        book.cells.insert(i, cell)


def join_streams(outputs: list[NotebookNode]) -> list[NotebookNode]:
    """Return the outputs of a cell, what was printed line by line in one."""
    joined: list[NotebookNode] = []
    for output in outputs:
        if joined and output.output_type == joined[-1].output_type == "stream":
            joined[-1].text += output.text
        else:
            joined.append(output)
    return joined


def tidy_output(output: NotebookNode) -> None:
    """Make an image small, by a palette; refuse a text that names folders of this machine, as stray warnings do."""
    if str(ROOT) in (text := output.get("text", "")):
        raise ValueError(f"a cell prints a path: {text}")
    if png := output.get("data", {}).get("image/png"):
        buffer = BytesIO()
        image = Image.open(BytesIO(base64.b64decode(png))).convert("RGB")
        image.quantize(256, dither=Image.Dither.NONE).save(buffer, "PNG", optimize=True)
        output.data["image/png"] = base64.b64encode(buffer.getvalue()).decode()


if __name__ == "__main__":
    main(sys.argv[1:])
