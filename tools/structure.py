#!/usr/bin/env python3
"""Measure the structure of the package: sizes, names, repeated class names, crowded folders, import circles.

    python tools/structure.py [FOLDER]      # FOLDER holds the package's sources; src/elbowroom if not given

Reads sources only and imports nothing of the package. Standard library only.
"""

from __future__ import annotations

import ast
import statistics
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

#: A folder with more modules than this is crowded.
CROWDED_FILES = 15
#: Irregular participles, which a regular ``-ed`` does not reveal.
PARTICIPLES = """
    begun bound broken brought built bought caught chosen come cut done drawn driven fallen fed felt fought
    found frozen given gone grown had heard held hidden hit hurt kept known laid led left lent lost made meant
    met paid put read run said seen sent set shown shut sold spent split spoken stolen stood struck sung sunk
    sworn swept taken taught thought thrown told torn understood withheld won worn wound written
""".split()
#: Of these, the ones that are also verbs in their plain form or nouns of the trade.
ALSO_VERBS = set(
    """
    bound come cut found hit hurt left put read run set shut split wound
    """.split()
)
PRONOUNS = """
    all any both each either it mine none other others ours own same some such that theirs these this those
    what which who
""".split()
PREPOSITIONS = """
    about above across after again against ago alike alone along among apart around as aside at away back
    before behind below beside besides between beyond by company down during ever everywhere far for forth
    from here how in inside into near next of off often on once only onto out outside over past since so still
    than then there through till to together towards under until up upon usual whole when where why with
    within without
""".split()
#: Words that end in -ed or are listed above and yet are nouns or verbs of the trade.
ACCEPTED = set(
    """
    all any embed every exceed feed grid need next on proceed seed shed speed
    """.split()
)
BARE = (set(PARTICIPLES) - ALSO_VERBS) | {"left", "found", "bound"} | set(PRONOUNS) | set(PREPOSITIONS)


def main(folder: str = "src/elbowroom") -> int:
    """Print the table."""
    root = Path(folder)
    trees = {path: ast.parse(path.read_text(encoding="utf-8")) for path in sorted(root.rglob("*.py"))}
    if not trees:
        print(f"structure.py: no Python files in {folder}: name the folder of the package", file=sys.stderr)
        return 2
    lines = [len(path.read_text(encoding="utf-8").splitlines()) for path in trees]
    functions = [node for tree in trees.values() for node in ast.walk(tree) if isinstance(node, FUNCTION)]
    lengths = [function_length(node) for node in functions]
    named = [node.name for node in functions if not node.name.startswith("__")]
    bare = Counter(name for name in named if is_bare(name))
    repeated = repeated_classes(trees.values())
    circles, lazy = (import_circles(root, trees, deferred) for deferred in (False, True))
    for label, value in (
        ("files", len(trees)),
        ("lines", f"{sum(lines):,}"),
        ("lines a file, median / 90th percentile", spread(lines)),
        ("functions", len(functions)),
        ("lines a function, median / 90th percentile", spread(lengths)),
        (
            "functions named by a bare participle, pronoun or preposition",
            f"{bare.total()} ({bare.total() / len(named):.1%})",
        ),
        ("class names used twice", len(repeated)),
        (f"folders with more than {CROWDED_FILES} modules", len(crowded_folders(trees))),
        ("import circles, at import / imports inside functions counted too", f"{len(circles)} / {len(lazy)}"),
    ):
        print(f"{label:62s} {value}")
    for label, found in (
        ("bare", [f"{name} x{n}" if n > 1 else name for name, n in bare.most_common()]),
        ("repeated", repeated),
        ("crowded", crowded_folders(trees)),
        ("circles", [" - ".join(circle) for circle in lazy]),
    ):
        if found:
            print(f"\n{label}: {', '.join(found)}")
    return 0


FUNCTION = (ast.FunctionDef, ast.AsyncFunctionDef)


def function_length(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of the body, without the docstring."""
    body = node.body[1:] if ast.get_docstring(node) is not None else node.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


def is_bare(name: str) -> bool:
    """Whether a name is one word, and that a participle, a pronoun, a preposition or an adverb.

    >>> [is_bare(name) for name in ("told", "_divided", "seed", "read", "read_rows")]
    [True, True, False, False, False]
    """
    word = name.strip("_").lower()
    if "_" in word or word in ACCEPTED:
        return False
    return word in BARE or word.endswith("ed")


def repeated_classes(trees: Iterable[ast.Module]) -> list[str]:
    """Names that more than one class has."""
    names = Counter(node.name for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ClassDef))
    return sorted(name for name, count in names.items() if count > 1)


def crowded_folders(paths: Iterable[Path]) -> list[str]:
    """Folders with more modules than are taken in at a glance."""
    count = Counter(path.parent for path in paths if path.name != "__init__.py")
    return [f"{folder.name} ({n})" for folder, n in count.items() if n > CROWDED_FILES]


def import_circles(root: Path, trees: dict[Path, ast.Module], deferred: bool) -> list[list[str]]:
    """Groups of modules that import one another, packages' own lists of names left out.

    Args:
        root: the folder of the package.
        trees: its files.
        deferred: whether imports inside functions count.
    """
    package = root.name
    modules = {module_name(root, path): tree for path, tree in trees.items() if path.name != "__init__.py"}
    graph = {
        name: {found for found in imported(tree, modules, package, deferred) if found != name}
        for name, tree in modules.items()
    }
    return sorted(group for group in components(graph) if len(group) > 1)


def module_name(root: Path, path: Path) -> str:
    """The dotted name of a file."""
    return ".".join((root.name, *path.relative_to(root).with_suffix("").parts))


def imported(tree: ast.Module, modules: Iterable[str], package: str, deferred: bool) -> Iterator[str]:
    """The package's modules that one imports; imports for types alone do not run."""
    known = set(modules)
    for node in statements(tree, deferred):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in known)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == package:
            yield from ({node.module, *(f"{node.module}.{alias.name}" for alias in node.names)} & known)


def statements(tree: ast.Module, deferred: bool) -> Iterator[ast.stmt]:
    """Statements that run on import; ``deferred``, those inside functions too."""
    todo: list[ast.stmt] = list(tree.body)
    while todo:
        node = todo.pop()
        yield node
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            continue
        if deferred or not isinstance(node, FUNCTION):
            todo += [child for child in ast.iter_child_nodes(node) if isinstance(child, ast.stmt)]


def components(graph: dict[str, set[str]]) -> Iterator[list[str]]:
    """Strongly connected components (Tarjan 1972)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []

    def visit(node: str) -> Iterator[list[str]]:
        index[node] = low[node] = len(index)
        stack.append(node)
        for other in sorted(graph[node]):
            if other not in index:
                yield from visit(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], index[other])
        if low[node] == index[node]:
            group = [stack.pop()]
            while group[-1] != node:
                group.append(stack.pop())
            yield sorted(group)

    for node in sorted(graph):
        if node not in index:
            yield from visit(node)


def spread(values: list[int]) -> str:
    """Median and 90th percentile."""
    return f"{statistics.median(values):.0f} / {statistics.quantiles(values, n=10)[-1]:.0f}"


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:2]))
