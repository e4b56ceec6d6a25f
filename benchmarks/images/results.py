"""Results of a measurement that takes hours: JSON lines to which a task adds its rows once, and pages of images."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

Row = dict[str, Any]


class Results:
    """The rows of ``FOLDER/results.jsonl``; what is there already is not measured again.

    Args:
        folder: made if it is not there.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.path = folder, folder / "results.jsonl"

    def rows(self, key: Mapping[str, Any]) -> list[Row]:
        """Return the rows that have the items of a key."""
        lines = self.path.read_text().splitlines() if self.path.exists() else []
        return [row for row in map(json.loads, lines) if key.items() <= row.items()]

    def measure(self, key: Row, task: Callable[[], Iterable[Row]]) -> None:
        """Run a task unless its rows are there; they are added all at once, so that one cut off is measured again."""
        if not self.rows(key):
            lines = [json.dumps(key | row) + "\n" for row in task()]
            with self.path.open("a") as file:
                file.write("".join(lines))

    def save_pairs(self, name: str, images: Tensor, reconstructions: Tensor, columns: int = 8) -> None:
        """Save the first 32 images at most, each row above that of their reconstructions."""
        n = min(32, len(images)) // columns * columns
        rows = [part[:n].unflatten(0, (-1, columns)) for part in (images, reconstructions)]
        self.save_page(name, torch.stack(rows, 1).flatten(0, 2), columns)

    def save_page(self, name: str, images: Tensor, columns: int = 8) -> None:
        """Save images, (N, 1 or 3, H, W), as a page of some columns."""
        from PIL import Image

        rows = [torch.cat(list(row), 2) for row in images.expand(-1, 3, -1, -1).split(columns)]
        page = torch.cat([row for row in rows if row.shape == rows[0].shape], 1).permute(1, 2, 0)
        path = self.folder / f"{name}.png".replace(":", "-").replace(" ", "-")
        Image.fromarray((page.clamp(0, 1) * 255).round().to(torch.uint8).numpy()).save(path)


def print_markdown(head: Iterable[str], rows: Iterable[Iterable[str]]) -> None:
    """Print a table as Markdown."""
    head = list(head)
    print(f"| {' | '.join(head)} |\n|{'---|' * len(head)}")
    for row in rows:
        print(f"| {' | '.join(row)} |")
