#!/usr/bin/env python3
"""Find runs of lines that stand twice in the sources, and print where.

    python tools/duplicates.py [FOLDER]      # src/elbowroom if not given

Compares lines of Python, JavaScript, CSS and HTML without their indentation. Blank lines, imports and lines without a
letter do not count; a run has at least six of the others. Vendored files are left out. Standard library only.
"""

from __future__ import annotations

import ast
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

#: Lines of a run, at least.
MIN_LINES = 6
SUFFIXES = (".py", ".js", ".css", ".html")


class Line(NamedTuple):
    """A line of a file: its number, and its text without indentation."""

    number: int
    text: str


def counted_lines(path: Path) -> list[Line]:
    """Return the lines of a file that count."""
    text = path.read_text(encoding="utf-8")
    imports = import_lines(text) if path.suffix == ".py" else set()
    lines = [Line(number, line.strip()) for number, line in enumerate(text.splitlines(), 1) if number not in imports]
    return [line for line in lines if any(map(str.isalpha, line.text)) and not line.text.startswith("import ")]


def import_lines(text: str) -> set[int]:
    """Return the numbers of the lines of import statements."""
    nodes = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Import | ast.ImportFrom)]
    return {number for node in nodes for number in range(node.lineno, (node.end_lineno or node.lineno) + 1)}


def find_duplicates(files: dict[str, list[Line]]) -> Iterator[tuple[int, list[tuple[str, int, int]]]]:
    """Yield for each run that stands more than once its length, and the file, first and last line of two places."""
    windows: dict[tuple[str, ...], list[tuple[str, int]]] = defaultdict(list)
    for name, lines in files.items():
        for i in range(len(lines) - MIN_LINES + 1):
            windows[tuple(line.text for line in lines[i : i + MIN_LINES])].append((name, i))
    seen: set[tuple[str, int, str, int]] = set()
    for places in windows.values():
        for (a, i), (b, j) in ((first, other) for n, first in enumerate(places) for other in places[n + 1 :]):
            if (a, i, b, j) in seen:
                continue
            n = 0
            while i + n < len(files[a]) and j + n < len(files[b]) and files[a][i + n].text == files[b][j + n].text:
                seen.add((a, i + n, b, j + n))
                n += 1
            if a != b or i + n <= j:
                yield n, [(name, files[name][k].number, files[name][k + n - 1].number) for name, k in ((a, i), (b, j))]


def main(folder: str = "src/elbowroom") -> int:
    """Print the runs, the longest first."""
    root = Path(folder)
    paths = [path for path in sorted(root.rglob("*")) if path.suffix in SUFFIXES and "vendor" not in path.parts]
    if not paths:
        print(f"duplicates.py: no sources in {folder}: name the folder of the package", file=sys.stderr)
        return 2
    duplicates = sorted(
        find_duplicates({str(path.relative_to(root)): counted_lines(path) for path in paths}), reverse=True
    )
    for length, places in duplicates:
        print(f"{length:>3} lines  " + "  =  ".join(f"{name}:{first}-{last}" for name, first, last in places))
    print(f"{len(duplicates)} runs of {MIN_LINES} lines or more stand twice")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(*sys.argv[1:2]))
