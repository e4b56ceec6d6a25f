"""Explore in a browser: while it loads, when the server or the run is gone, and after a reload."""

import io
import shutil

import numpy as np
import pytest
import torch
from PIL import Image

import elbowroom as er
from tests.browser.conftest import Server
from tests.browser.helpers import PHONE, number, open_explorer, pixels, wait_for_image, wait_until, wait_until_same

NOT_CONNECTED = "Not connected: this is the last picture that was decoded. Trying again …"


def slider_values(page):
    rows = page.locator(".sliders .slider").all()
    return {row.get_attribute("data-dimension"): number(row.locator("output").inner_text()) for row in rows}


def test_the_heading_and_the_places_are_there_while_the_weights_load(page, server):
    waiting = []
    page.route("**/api/model?*", lambda route: waiting.append(route))
    with page.expect_request("**/api/model?*"):
        page.goto(f"{server.url}/#/explore/plane")
    assert page.inner_text("h1") == "plane"
    assert page.inner_text(".loading") == "Loading the weights …"
    assert page.locator(".skeleton").count() == 2
    for route in waiting:
        route.continue_()
    page.wait_for_selector(".weights")
    assert page.inner_text(".weights") == "weights: epoch 8, last"
    assert not page.locator(".skeleton").count()


def test_what_is_decoded_stays_in_sight_on_a_phone(page, server):
    page.set_viewport_size(PHONE)
    open_explorer(page, server)
    for selector in (".map .plot", ".map .classes", ".map-note, .plot .area"):
        page.locator(selector).first.evaluate("element => element.scrollIntoView({ block: 'end' })")
        box = page.locator(".decoded").bounding_box()
        assert 0 < box["y"] < box["y"] + box["height"] < PHONE["height"] / 2, selector


def test_the_stage_rests_without_the_server_and_follows_again_with_it(browser, folder, own_server):
    """After a restart the picture is that of the latent; before, nothing can be moved."""
    page = browser.new_page()
    open_explorer(page, own_server)
    before, port = wait_until_same(lambda: pixels(page)), own_server.url.rpartition(":")[2]
    own_server.kill()
    wait_until(lambda: page.inner_text(".banner") == NOT_CONNECTED)
    assert page.evaluate("document.querySelector('.bench').inert")
    page.locator(".plane").click(position={"x": 60, "y": 60}, force=True)
    assert pixels(page) == before
    own_server.start(port)
    wait_until(lambda: page.inner_text(".banner") == "", 30)
    assert not page.evaluate("document.querySelector('.bench').inert")
    box = page.locator(".plane").bounding_box()
    page.mouse.click(box["x"] + 40, box["y"] + 40)
    wait_until(lambda: pixels(page) != before)
    page.close()


def test_a_run_that_is_deleted_on_disk_is_said(browser, folder, tmp_path):
    shutil.copytree(folder / "plane", tmp_path / "victim")
    shutil.copytree(folder / "six", tmp_path / "other")
    running = Server(tmp_path)
    try:
        page = browser.new_page()
        open_explorer(page, running, "victim")
        shutil.rmtree(tmp_path / "other")
        page.wait_for_timeout(500)
        assert page.inner_text(".banner") == ""
        shutil.rmtree(tmp_path / "victim")
        wait_until(lambda: page.inner_text(".banner") == "This run's directory is gone.")
        assert page.evaluate("document.querySelector('.bench').inert")
        page.close()
    finally:
        running.kill()


def test_latent_pins_and_tab_are_in_the_address(page, server, folder):
    open_explorer(page, server, "six")
    page.eval_on_selector_all(
        ".sliders .slider input",
        "all => all.forEach((s, i) => { s.value = 0.25 * i - 1; s.dispatchEvent(new Event('input')); })",
    )
    page.click("text=Pin as A")
    page.click("[role=tab]:text-is('Samples')")
    before = slider_values(page)
    z = torch.tensor([[before[str(dim)] for dim in range(6)]])
    wait_for_image(page, er.load(folder / "six").sample(z=z)[0])
    picture = pixels(page)
    wait_until(lambda: all(key in page.evaluate("location.hash") for key in ("tab=samples", "z=", "pinA=")))
    page.reload()
    wait_until(lambda: page.locator(".sliders .slider").count() == 6 and slider_values(page) == before)
    wait_until(lambda: pixels(page) == picture)
    assert page.get_attribute("[role=tab]:text-is('Samples')", "aria-selected") == "true"
    page.click("[role=tab]:text-is('Interpolation')")
    assert page.inner_text(".ends").split() == ["A", "a", "latent", "B", "not", "pinned", "yet"]


def test_an_attribute_slider_without_focus_keeps_its_value(page, server):
    """Browsers that give a slider no focus when it is pressed move the latent by what it says all the same."""
    open_explorer(page, server, "six")
    page.click("[role=tab]:text-is('Attribute directions')")
    page.select_option("[aria-label=attribute]", "3")
    page.wait_for_selector("[aria-label='how much of it']:not([disabled])")
    before = slider_values(page)
    page.evaluate("document.activeElement.blur()")
    page.eval_on_selector("[aria-label='how much of it']", "s => { s.value = 1; s.dispatchEvent(new Event('input')); }")
    direction = page.evaluate("fetch('/api/attribute?run=six&name=3').then((r) => r.json())")["vector"]
    moved = {dim: value + direction[int(dim)] for dim, value in before.items()}
    wait_until(lambda: slider_values(page) == pytest.approx(moved, abs=0.011))
    assert page.input_value("[aria-label='how much of it']") == "1"
    assert page.inner_text(".attributes output") == "1.00"


def ink(page):
    """The share of the drawing pad that is not black."""
    return page.evaluate(
        """() => { const pad = document.querySelector(".pad");
          const { data } = pad.getContext("2d").getImageData(0, 0, pad.width, pad.height);
          return data.filter((value, i) => i % 4 === 0 && value > 0).length / (pad.width * pad.height); }"""
    )


def draw_line(page, x):
    page.locator(".pad").scroll_into_view_if_needed()
    box = page.locator(".pad").bounding_box()
    page.mouse.move(box["x"] + x, box["y"] + 40)
    page.mouse.down()
    page.mouse.move(box["x"] + x, box["y"] + 180, steps=6)
    page.mouse.up()


def test_drawing_has_pens_and_undo_and_gives_way_to_a_dropped_image(page, server):
    open_explorer(page, server)
    assert page.inner_text(".pad-hint") == "Draw here"
    draw_line(page, 60)
    one = ink(page)
    assert not page.locator(".pad-hint").is_visible()
    page.click("button:text-is('thick')")
    draw_line(page, 150)
    both = ink(page)
    assert both - one > 1.2 * one
    page.click("button:text-is('Undo')")
    assert ink(page) == one
    page.wait_for_selector(".scores")
    meter = wait_until(lambda: "among held-out examples (−ELBO: " in (text := page.inner_text(".meter p")) and text)
    assert meter.endswith("359 test examples).")
    file = io.BytesIO()
    Image.fromarray(np.full((8, 8), 200, np.uint8)).save(file, "PNG")
    page.set_input_files(".drop input", {"name": "flat.png", "mimeType": "image/png", "buffer": file.getvalue()})
    wait_until(lambda: ink(page) == 0)
    assert page.locator(".pad-hint").is_visible()
