"""The registry of plug-ins: order, replacement, what a new module brings, and errors."""

import inspect
import sys
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from elbowroom.registry import Registry, expand_modules


@dataclass
class Word:
    """A word.

    Attributes:
        language: of the word.
    """

    say: Callable[[], None]
    name: str
    language: str


MODULE = """
from plug_ins import SHAPES

def {name}(side):
    '''A {name}.'''

SHAPES.add("{name}", {name})
"""


@pytest.fixture
def shapes(tmp_path, monkeypatch):
    """A registry of a package with the modules circle, round and square, of which round is named to be last."""
    package = tmp_path / "plug_ins"
    package.mkdir()
    (package / "inner").mkdir()
    (package / "inner" / "__init__.py").write_text("raise RuntimeError('a package inside is not imported')")
    for name in ("circle", "round", "square"):
        (package / f"{name}.py").write_text(MODULE.format(name=name))
    modules = "('plug_ins.*', 'plug_ins.round')"
    (package / "__init__.py").write_text(
        "from elbowroom.registry import Registry\n"
        f"SHAPES = Registry('shape', {modules}, {{'disc': 'circle'}}, '; or no')\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    import plug_ins

    yield plug_ins.SHAPES
    for name in [name for name in sys.modules if name.partition(".")[0] == "plug_ins"]:
        del sys.modules[name]


def test_modules_are_imported_when_it_is_first_read(shapes):
    assert "plug_ins.circle" not in sys.modules
    assert list(shapes) == ["circle", "square", "round"]
    assert (shapes.help("square"), shapes.source("square")) == ("A square.", "plug_ins.square")


def test_items_of_the_package_come_before_others_however_they_were_registered(shapes):
    shapes.add("blob", print, help="no shape")
    import plug_ins.round

    assert list(shapes) == ["circle", "square", "round", "blob"]
    assert shapes["round"] is plug_ins.round.round


def test_an_item_is_replaced_by_one_of_the_same_name_and_removed_as_from_a_dictionary(shapes):
    names = list(shapes)
    shapes["circle"] = len
    assert list(shapes) == names
    assert shapes.source("circle") == "builtins"
    del shapes["circle"]
    assert "circle" not in shapes
    assert shapes.pop("circle", None) is None


def test_an_unknown_name_is_an_error_with_the_nearest_and_advice(shapes):
    with pytest.raises(ValueError, match=r"unknown shape 'cirle': did you mean 'circle'\? Known: .*; or no$"):
        shapes.find("cirle")
    with pytest.warns(DeprecationWarning, match="the shape 'disc' is now called 'circle'"):
        assert shapes.find("disc") is shapes["circle"]


def test_a_module_that_cannot_be_imported_is_an_error_every_time():
    registry = Registry("thing", ("elbowroom.no_such_module",))
    for _ in range(2):
        with pytest.raises(ModuleNotFoundError):
            list(registry)


def test_a_star_leaves_out_what_is_named_elsewhere():
    assert "elbowroom.models.base" not in expand_modules(("elbowroom.models.*", "elbowroom.models.base"))[:-1]


def test_a_decorator_has_the_signature_and_documentation_of_its_entry():
    registry = Registry("word")
    word = registry.decorator(Word, help=lambda entry: f"{entry.language} word")
    assert str(inspect.signature(word)).startswith("(name: str, language: str")
    assert "language: of the word." in inspect.getdoc(word)
    with pytest.raises(TypeError, match="language"):
        word("hund")(print)
    assert word("hund", language="Danish")(print) is print
    assert registry["hund"] == Word(print, "hund", "Danish")
    assert registry.help("hund") == "Danish word"
