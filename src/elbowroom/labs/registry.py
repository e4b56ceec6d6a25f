"""The labs there are: each is a module of this package with a question, the defaults of its flags, and ``main``."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from elbowroom.errors import unknown_name

#: A default of a flag; or one by the name of the data, the first of which is that of all other data.
Default = str | int | float | Mapping[str, str | int | float]

#: The data of labs that name none.
DEFAULT_DATA = "mnist"
#: Modules that are no labs.
_SHARED_MODULES = ("__init__", "lab_common", "registry")


@dataclass(frozen=True)
class Lab:
    """A lab as its source states it, which is read without running it: labs import torch.

    Attributes:
        name: of its module.
        doc: the docstring, whose first paragraph is its question.
        flags: defaults by the name of the flag.
    """

    name: str
    doc: str
    flags: Mapping[str, Default]

    @property
    def question(self) -> str:
        """Its first paragraph, in one line of plain text."""
        return " ".join(self.doc.partition("\n\n")[0].split()).replace("``", "")

    @property
    def data(self) -> str:
        """The name of the data that it is about."""
        return str(self.flags.get("data", DEFAULT_DATA))

    def default(self, flag: str, data: str) -> str | int | float:
        """Return the default of a flag with some data.

        >>> lab = Lab("walk", "", {"epochs": {"mnist": 5, "digits": 60}, "seed": 0})
        >>> lab.default("epochs", "digits"), lab.default("epochs", "frey-faces"), lab.default("seed", "mnist")
        (60, 5, 0)
        """
        value = self.flags[flag]
        return value if isinstance(value, str | int | float) else value.get(data, next(iter(value.values())))


def lab_names() -> list[str]:
    """Return the names of all labs."""
    return sorted(path.stem for path in Path(__file__).parent.glob("*.py") if path.stem not in _SHARED_MODULES)


def find_lab(name: str) -> Lab:
    """Return a lab by its name.

    Raises:
        ValueError: there is no such lab.

    >>> find_lab("kl_surface").data
    'mnist'
    """
    if name not in lab_names():
        raise unknown_name("lab", name, lab_names())
    module = ast.parse((Path(__file__).parent / f"{name}.py").read_text(encoding="utf-8"))
    flags = next(
        node.value
        for node in module.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == "FLAGS"
    )
    return Lab(name, ast.get_docstring(module) or "", ast.literal_eval(flags))
