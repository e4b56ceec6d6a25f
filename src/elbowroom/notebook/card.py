"""A card: the HTML form of most objects, a title with images, a table and notes, written by one template."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined


@dataclass(frozen=True)
class Card:
    """What a cell shows of an object.

    Attributes:
        title: its name.
        state: a few words after it.
        heads: of the columns of its table.
        rows: the cells of the table, as text.
        number_columns: positions of the columns whose cells are numbers, which stand to the right.
        images: PNG files as bytes, with a description of each.
        notes: sentences below the table.
    """

    title: str
    state: str = ""
    heads: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()
    number_columns: Sequence[int] = ()
    images: Sequence[tuple[bytes, str]] = ()
    notes: Sequence[str] = ()


def render_card(card: Card) -> str:
    """Return a card as HTML; every text is escaped."""
    images = [(image_url(png), text) for png, text in card.images]
    return environment().get_template("card.html").render(card=card, images=images)


def image_url(png: bytes) -> str:
    """Return a PNG file as a data URL, so that a saved notebook keeps it."""
    return "data:image/png;base64," + base64.b64encode(png).decode()


@cache
def environment() -> Environment:
    """Return the Jinja2 environment of the forms: every value is escaped, and a name that is not given is an error."""
    loader = PackageLoader("elbowroom.notebook")
    return Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
