"""The explore view in a browser: map, sliders, panels and files."""

import io
from pathlib import Path

import numpy as np
import torch
from PIL import Image

import elbowroom as er
from tests.browser.helpers import number, open_explorer, pixels, press_a_point, wait_for_image, wait_until


def test_dragging_decodes(page, server):
    open_explorer(page, server)
    seen = {pixels(page)}
    box = page.locator(".plane").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    for i in range(1, 5):
        page.mouse.move(x + 32 * i, y + 20 * i, steps=4)
        wait_until(lambda: pixels(page) not in seen)
        seen.add(pixels(page))
    page.mouse.up()


def test_an_example_that_is_pressed_is_named_and_encoded(page, server, digits):
    """Oracle: the sliders stand at the posterior mean of the example that is shown."""
    open_explorer(page, server)
    press_a_point(page, "plane")
    split, index = page.inner_text(".original figcaption").split()
    answer = page.evaluate(
        "([split, index]) => fetch(`/api/examples?run=plane&split=${split}&index=${index}`).then((r) => r.status)",
        [split, index],
    )
    assert answer == 200
    z = page.evaluate(
        """([split, index]) => fetch("/api/encode", {method: "POST", headers: {"Content-Type": "application/json"},
          body: JSON.stringify({run: "plane", split, index: Number(index)})}).then((r) => r.json())""",
        [split, index],
    )["z"]
    rows = page.locator(".sliders .slider")

    def differences():
        shown = [(int(row.get_attribute("data-dimension")), row.locator("output").inner_text()) for row in rows.all()]
        return np.array([number(text) for _, text in sorted(shown)]) - np.ravel(z)

    wait_until(lambda: np.abs(differences()).max() < 0.0051)


def test_the_canvas_shows_the_decoded_latent(page, server, folder):
    """Oracle: the canvas shows the latent of the sliders as Python decodes it."""
    open_explorer(page, server)
    for slider, value in zip(page.query_selector_all(".sliders input"), ("1.2", "-0.6"), strict=True):
        slider.evaluate(f"s => {{ s.value = {value}; s.dispatchEvent(new Event('input')); }}")
    order = [int(row.get_attribute("data-dimension")) for row in page.query_selector_all(".sliders .slider")]
    values = [float(s.evaluate("s => s.value")) for s in page.query_selector_all(".sliders input")]
    z = torch.zeros(1, 2)
    z[0, order] = torch.tensor(values)
    wait_for_image(page, er.load(folder / "plane").sample(z=z)[0])


def test_upload_an_image_and_draw_a_digit(page, server, digits):
    open_explorer(page, server)
    array = (digits.test.first(1).x[0, 0] * 255).byte().numpy()
    file = io.BytesIO()
    Image.fromarray(array).resize((64, 64), Image.Resampling.NEAREST).save(file, "PNG")
    page.set_input_files(".drop input", {"name": "digit.png", "mimeType": "image/png", "buffer": file.getvalue()})
    page.wait_for_selector(".pair-of-pictures img")
    dropped = page.inner_text(".scores")
    wait_until(lambda: page.locator(".strip .cell").count() >= 5)

    page.locator(".pad").scroll_into_view_if_needed()
    pad = page.locator(".pad").bounding_box()
    page.mouse.move(pad["x"] + 110, pad["y"] + 30)
    page.mouse.down()
    page.mouse.move(pad["x"] + 112, pad["y"] + 190, steps=12)
    page.mouse.up()
    wait_until(lambda: page.inner_text(".scores") != dropped)
    page.click(".scores dt:has-text('ELBO') button")
    assert "The evidence lower bound" in page.inner_text(".help-box:popover-open")
    page.keyboard.press("Escape")
    page.set_input_files(".drop input", {"name": "no.png", "mimeType": "image/png", "buffer": b"not an image"})
    page.wait_for_selector("#toasts .wrong")
    page.refusals = {"400"}


def read_copied(page, selector):
    """What a button copies."""
    page.evaluate("navigator.clipboard.writeText('')")
    page.click(selector)
    return wait_until(lambda: page.evaluate("navigator.clipboard.readText()"))


def test_interpolation_samples_and_files(page, server):
    """Files are of the formats of the buttons, and what is copied writes what is shown."""
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    open_explorer(page, server)
    box = page.locator(".plane").bounding_box()
    for name, at in (("A", 0.3), ("B", 0.7)):
        page.mouse.click(box["x"] + box["width"] * at, box["y"] + box["height"] * 0.5)
        page.click(f"text=Pin as {name}")
    page.click("text=Interpolation")
    page.wait_for_selector(".wide-strip img")
    assert page.locator(".wide-strip img").count() == 9
    for kind, magic in (("GIF", b"GIF8"), ("PNG", b"\x89PNG"), ("NPZ", b"PK")):
        with page.expect_download() as waiting:
            page.click(f".take button:text-is('{kind}')")
        assert Path(waiting.value.path()).read_bytes().startswith(magic)
    assert read_copied(page, ".take button:text-is('Copy as command')").endswith("--out interpolation.png")
    page.click("[role=tab]:has-text('Samples')")
    page.wait_for_selector(".grid-of-samples img")
    first = page.get_attribute(".grid-of-samples img", "src")
    page.click("text=Draw again")
    wait_until(lambda: page.get_attribute(".grid-of-samples img", "src") != first)
    command, program = (read_copied(page, f".take button:text-is('Copy as {kind}')") for kind in ("command", "Python"))
    assert command.startswith("elbowroom sample ")
    assert command.endswith("--out samples.png")
    assert "import elbowroom" in program
