"""Names in the package: classes unique, exceptions end in Error, functions not bare participles or prepositions."""

import ast
import builtins
import importlib.util

import pytest

from tests.contracts.sources import parse_package


@pytest.fixture(scope="module")
def structure(root):
    """The functions of tools/structure.py."""
    spec = importlib.util.spec_from_file_location("structure", root / "tools" / "structure.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def trees():
    return list(parse_package().values())


def iter_nodes(trees, kinds):
    return (node for tree in trees for node in ast.walk(tree) if isinstance(node, kinds))


def test_no_class_name_is_used_twice(structure, trees):
    assert not structure.repeated_classes(trees)


def test_exceptions_end_in_error(trees):
    """Exceptions are classes with a base that is one, here or among the builtins."""
    bases = {
        node.name: {base.id if isinstance(base, ast.Name) else getattr(base, "attr", "") for base in node.bases}
        for node in iter_nodes(trees, ast.ClassDef)
    }

    def is_exception(name):
        builtin = getattr(builtins, name, None)
        if isinstance(builtin, type):
            return issubclass(builtin, BaseException)
        return name.endswith(("Error", "Exception")) or any(map(is_exception, bases.get(name, ())))

    assert not [name for name in bases if is_exception(name) and not name.endswith("Error")]


def test_at_most_one_function_name_in_a_hundred_is_bare(structure, trees):
    names = [node.name for node in iter_nodes(trees, structure.FUNCTION) if not node.name.startswith("__")]
    bare = [name for name in names if structure.is_bare(name)]
    assert len(bare) <= 0.01 * len(names), bare
