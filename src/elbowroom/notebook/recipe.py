"""A recipe in a notebook: what it is, from which paper, and all its arguments."""

from __future__ import annotations

from typing import TYPE_CHECKING

from elbowroom.display import html_form
from elbowroom.notebook.card import Card, render_card
from elbowroom.runs.settings import format_setting

if TYPE_CHECKING:
    from elbowroom.recipes.registry import Recipe


@html_form("Recipe")
def recipe_to_html(recipe: Recipe) -> str:
    """Return a recipe in HTML: a row for each argument, those of recipes that it extends included."""
    rows = [
        (one.name, "required" if one.is_required else format_setting(one.default), one.help)
        for one in recipe.arguments.values()
    ]
    heads = ("argument", "default", "what it is")
    title = f"er.recipes.{recipe.name}(shape, …)"
    return render_card(Card(title, recipe.paper, heads, rows, notes=[recipe.summary]))
