"""What a notebook shows of an object: the registry of HTML forms, and the class of objects that have one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from elbowroom.registry import Registry


@dataclass(frozen=True)
class HTMLForm:
    """The HTML form of a class.

    Attributes:
        render: function from an object to HTML; None where there is nothing to show.
        name: of the class.
    """

    render: Callable[[Any], str | None]
    name: str


#: The form of each class by its name.
HTML_FORMS: Registry[HTMLForm] = Registry("HTML form", ("elbowroom.notebook.*",))
#: Register a function as the form of the class of this name.
html_form = HTML_FORMS.decorator(HTMLForm)


class Displayed:
    """An object that notebooks show as HTML: Jupyter, Colab, VS Code and marimo ask for it by ``_repr_html_``."""

    __slots__ = ()

    def _repr_html_(self) -> str | None:
        names = [one.__name__ for one in type(self).__mro__]
        return HTML_FORMS[next(name for name in names if name in HTML_FORMS)].render(self)
