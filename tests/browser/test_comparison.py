"""The page of a comparison in a browser."""

import pytest

from elbowroom.comparing import compare
from tests.browser.helpers import PHONE, WIDE
from tests.comparing.helpers import train_sweep

#: The squared errors of each body of a table, in the order of its rows.
READ_ERRORS = """bodies => [...bodies].map(
    body => [...body.rows].map(row => row.querySelector('.number:nth-last-child(6)')?.dataset.v).filter(v => v)
)"""


@pytest.fixture(scope="module")
def comparison_file(tmp_path_factory):
    folder = tmp_path_factory.mktemp("compared") / "s"
    comparison = compare(train_sweep(folder), baselines=True, log=lambda line: None)
    return comparison.write(folder / "page.html")


@pytest.mark.parametrize("viewport", [PHONE, WIDE])
def test_sorting_and_reading_lines(comparison_file, browser, viewport):
    """A click and the Enter key sort, within each protocol; lines are read with the arrow keys."""
    page = browser.new_page(viewport=viewport)
    problems = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda message: problems.append(message.text))
    page.on("request", lambda request: request.url.startswith("http") and problems.append(request.url))
    page.goto(comparison_file.as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
    head = page.locator("#figures thead button", has_text="squared error").first
    bodies = page.locator("table.figures").first.locator("tbody")
    head.click()
    values = [[float(v) for v in body] for body in bodies.evaluate_all(READ_ERRORS)]
    assert len(values) == 2
    assert values == [sorted(body) for body in values]
    head.focus()
    page.keyboard.press("Enter")
    values = [[float(v) for v in body] for body in bodies.evaluate_all(READ_ERRORS)]
    assert values == [sorted(body, reverse=True) for body in values]
    page.locator("#curves .area").first.focus()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowDown")
    reading = page.locator("#curves .reading").first
    assert reading.is_visible()
    assert "optimiser steps" in reading.inner_text()
    page.keyboard.press("Escape")
    assert not reading.is_visible()
    assert not problems
    page.close()
