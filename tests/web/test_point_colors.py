"""Colors of points stand out from the page: their edges have a contrast of 3 to it, in both color schemes."""

import re

import pytest

from elbowroom.web.render import read_asset
from tests.web.kit import call_kit

LEVELS = [i / 31 for i in range(32)]


def color_tokens():
    """The colors of the style sheet by name, in the light and in the dark scheme."""
    light, dark = read_asset("static/kit.css").split("prefers-color-scheme: dark", 1)
    tokens = [dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", part)) for part in (light, dark.partition("* {")[0])]
    return {"light": tokens[0], "dark": tokens[0] | tokens[1]}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_edges_of_points_have_a_contrast_of_3_to_the_page(scheme):
    tokens = color_tokens()[scheme]
    points = [color for name, color in tokens.items() if re.fullmatch(r"class-\d|model|data", name)]
    assert len(points) == 12
    points += call_kit("sequentialColor", [[level] for level in LEVELS])
    paper, ink = tokens["paper"], tokens["ink"]
    edges = call_kit("edgeColor", [[color, paper, ink] for color in points])
    contrasts = call_kit("contrastOf", [[edge, paper] for edge in edges])
    assert min(contrasts) >= 3
    assert edges == [edge for edge in edges if re.fullmatch("#[0-9a-f]{6}", edge)]


def test_contrast_is_that_of_wcag():
    """Oracle: black on white, a color on itself, and the grey #767676, the lightest with 4.5 on white."""
    values = call_kit("contrastOf", [["#000000", "#ffffff"], ["#123456", "#123456"], ["#767676", "#ffffff"]])
    assert values == pytest.approx([21, 1, 4.54], abs=0.01)


def test_labels_that_are_numbers_take_the_scale_from_end_to_end():
    numbers, classes, none = call_kit("labelColors", [[4, [0, 5, 10, None], []], [3, [2, 0, -1], ["a"]], [2, None, []]])
    low, middle, high, unknown = numbers["colors"]
    assert [low, high, unknown] == [*call_kit("sequentialColor", [[0], [1]]), "data"]
    assert middle not in (low, high)
    assert numbers["range"] == [0, 10]
    assert classes == {"colors": ["class-2", "class-0", "data"], "range": None}
    assert none == {"colors": ["model", "model"], "range": None}
