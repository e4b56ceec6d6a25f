"""The report in Chromium."""

import re
from pathlib import Path

import pytest
import torch

import elbowroom as er
from elbowroom.reporting import write_report
from tests.browser.helpers import PHONE, WIDE, wait_until

#: Of each image grid with titles on two sides, whether the titles of its rows are left of all images.
ARE_LEFT = """() => [...document.querySelectorAll(".sheet.beside:has(.top)")].map((sheet) => {
  const boxes = (name) => [...sheet.querySelectorAll(name)].map((cell) => cell.getBoundingClientRect());
  const left = Math.min(...boxes(".cell, .top").map((box) => box.left));
  return boxes(".side").every((box) => box.right <= left);
})"""


@pytest.fixture(scope="module")
def run(digits, tmp_path_factory):
    torch.manual_seed(0)
    model, objective = er.recipes.beta_vae(digits.shape)
    out = tmp_path_factory.mktemp("report") / "run"
    return er.fit(model, objective, digits, epochs=2, out=out, device="cpu", max_overhead=1, report=False)


@pytest.mark.slow
@pytest.mark.parametrize("viewport", [WIDE, PHONE], ids=["screen", "phone"])
def test_the_report_works_from_disk(browser, run, viewport):
    """No errors, nothing fetched, nothing wider than the window; the image under the pointer; keys."""
    file = write_report(run, examples=60)
    problems = []
    context = browser.new_context(viewport=viewport)
    tab = context.new_page()
    tab.on("console", lambda message: problems.append(message.text))
    tab.on("pageerror", lambda error: problems.append(str(error)))
    tab.on("request", lambda r: r.url.startswith(("file:", "data:")) or problems.append(r.url))
    tab.goto(Path(file).as_uri())
    assert tab.evaluate("document.documentElement.scrollWidth") == viewport["width"]
    are_left = tab.evaluate(ARE_LEFT)
    assert are_left
    assert all(are_left), "titles of rows are left of the images and of the titles of columns"
    tab.get_by_role("button", name="PCA").click()
    canvas = tab.locator("#latents .area > canvas")
    canvas.focus()
    tab.keyboard.press("ArrowRight")
    wait_until(lambda: re.match(r"label \d, test example \d+, at ", tab.locator(".said").text_content()))
    assert tab.locator(".card canvas").is_visible()
    assert "the plane on which they vary most" in tab.locator("#latents .caption").text_content()
    area = tab.locator("#course .area").first
    area.scroll_into_view_if_needed()
    area.hover()
    wait_until(lambda: "optimiser steps" in tab.locator("#course .reading").first.text_content())
    context.close()
    assert problems == []
