"""Contrast of the tokens of the style sheet, as WCAG asks: 4.5 for text, 3 for what is pressed or typed in."""

import itertools
import re

import pytest

from elbowroom.studio.app import STATIC_FOLDER
from elbowroom.web.render import read_asset
from tests.web.kit import call_kit
from tests.web.test_point_colors import color_tokens

GROUNDS = ["paper", "wash"]
TEXTS = ["ink", "soft", "quiet", "accent", "alarm", "good"]
#: Borders of controls, the focus, lines of charts on paper.
GRAPHICS = ["control", "accent", "train", "validation", "test", "model"]


def contrasts(scheme, colors, grounds):
    tokens = color_tokens()[scheme]
    pairs = list(itertools.product(colors, grounds))
    return dict(zip(pairs, call_kit("contrastOf", [[tokens[a], tokens[b]] for a, b in pairs]), strict=True))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_a_contrast_of_4_5(scheme):
    low = {pair: value for pair, value in contrasts(scheme, TEXTS, GROUNDS).items() if value < 4.5}
    assert low == {}
    assert contrasts(scheme, ["on-accent"], ["accent"])["on-accent", "accent"] >= 4.5
    assert contrasts(scheme, ["paper"], ["ink", "alarm"])["paper", "alarm"] >= 4.5


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_controls_and_lines_have_a_contrast_of_3(scheme):
    low = {pair: value for pair, value in contrasts(scheme, GRAPHICS, GROUNDS).items() if value < 3}
    assert low == {}


def test_controls_have_the_border_of_controls():
    """Buttons, selects and inputs are not framed with the pale rule between rows."""
    for sheet in (read_asset("static/kit.css"), (STATIC_FOLDER / "style.css").read_text(encoding="utf-8")):
        rules = re.findall(r"^((?:button|select|input|textarea)[^{]*)\{([^}]*)\}", sheet, flags=re.MULTILINE)
        assert rules
        assert [selector for selector, body in rules if re.search(r"border(-color)?: [^;]*--rule", body)] == []
