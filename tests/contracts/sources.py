"""The sources of the package, read and parsed once for all tests of them."""

import ast
from functools import cache
from pathlib import Path

import elbowroom

PACKAGE = Path(elbowroom.__file__).parent


@cache
def parse_package() -> dict[str, ast.Module]:
    """Return the tree of every file of the package, by its path in it."""
    files = sorted(PACKAGE.rglob("*.py"))
    return {path.relative_to(PACKAGE).as_posix(): ast.parse(path.read_text(encoding="utf-8")) for path in files}


@cache
def method_calls() -> list[tuple[str, ast.Attribute]]:
    """Return every call of an attribute, as ``os.replace(...)``: its file and the attribute."""
    nodes = ((path, node) for path, tree in parse_package().items() for node in ast.walk(tree))
    calls = ((path, node.func) for path, node in nodes if isinstance(node, ast.Call))
    return [(path, function) for path, function in calls if isinstance(function, ast.Attribute)]
