"""The latent map in a browser: what its axes, rings, colors and words say."""

import re

from tests.browser.helpers import number, open_explorer, pixels, wait_until

#: Ticks of the map: the number written, and its place in percent.
READ_TICKS = """() => {
  const read = (side, place) =>
    [...document.querySelectorAll(`.map .plot .${side} span`)]
      .map((tick) => [tick.textContent, parseFloat(tick.style[place])]);
  return { below: read("below", "left"), left: read("left", "bottom") };
}"""


def test_decoded_images_are_shown_under_the_points(page, server):
    open_explorer(page, server)
    before = pixels(page, ".plane")
    page.click("button:text-is('Decoded grid')")
    wait_until(lambda: len(pixels(page, ".plane")) > 1.2 * len(before))


def test_the_keyboard_moves_the_point(page, server):
    open_explorer(page, server)
    before = pixels(page)
    page.focus(".plane")
    for _ in range(12):
        page.keyboard.press("Shift+ArrowRight")
    wait_until(lambda: pixels(page) != before)


def test_the_ticks_of_the_map_say_where_they_stand(page, server):
    """Identity: ticks read back are linear in their places, with one scale on both axes, however far one has zoomed."""
    open_explorer(page, server, "six")
    names = [page.locator(".pair select").nth(i).evaluate("s => s.selectedOptions[0].text") for i in (0, 1)]
    unit = "standard deviations of the prior"
    axes = [f"{name.split(' · ')[0]}, {unit}" for name in names]
    assert [page.inner_text(".map .axis"), page.inner_text(".map .unit")] == axes
    for _ in range(8):
        scales = []
        for side, length in zip(("below", "left"), ("offsetWidth", "offsetHeight"), strict=True):
            ticks = [(number(text), place) for text, place in page.evaluate(READ_TICKS)[side]]
            (first, start), (last, end) = ticks[0], ticks[-1]
            for value, place in ticks:
                assert abs(start + (end - start) * (value - first) / (last - first) - place) < 0.01, ticks
            pixels_wide = page.evaluate(f"document.querySelector('.plane').{length}")
            scales.append((end - start) / 100 * pixels_wide / (last - first))
        assert abs(scales[0] / scales[1] - 1) < 0.01
        before = page.evaluate(READ_TICKS)
        page.click("[aria-label='zoom in']")
        wait_until(lambda before=before: page.evaluate(READ_TICKS) != before)


def test_a_class_that_is_hidden_cannot_be_pressed(page, server):
    open_explorer(page, server)
    chips = page.locator(".map .classes button")
    assert chips.all_inner_texts() == [str(i) for i in range(10)]
    before = pixels(page, ".plane")
    for i in range(10):
        chips.nth(i).click()
    assert {chips.nth(i).get_attribute("aria-pressed") for i in range(10)} == {"false"}
    wait_until(lambda: len(pixels(page, ".plane")) < 0.5 * len(before))
    box = page.locator(".plane").bounding_box()
    page.mouse.click(box["x"] + box["width"] * 0.5, box["y"] + box["height"] * 0.5)
    assert not page.locator(".original").is_visible()


def test_views_lasso_and_classes(page, server):
    open_explorer(page, server, "six")
    page.select_option("[aria-label='view of the latents']", "pca")
    page.wait_for_selector(".map .axis:has-text('principal axis 1')")
    words = (
        r"\d+ examples of the test split\. Rings: 1 and 2 standard deviations of the prior N\(0, 1\) about its mean\."
    )
    assert re.fullmatch(words, page.inner_text(".axes"))
    page.click(".map-tools button:text-is('Lasso')")
    box = page.locator(".plane").bounding_box()
    corners = [(0.2, 0.2), (0.8, 0.2), (0.8, 0.8), (0.2, 0.8)]
    page.mouse.move(box["x"] + box["width"] * 0.2, box["y"] + box["height"] * 0.2)
    page.mouse.down()
    for x, y in [*corners[1:], corners[0]]:
        page.mouse.move(box["x"] + box["width"] * x, box["y"] + box["height"] * y, steps=4)
    page.mouse.up()
    page.wait_for_selector(".lassoed img")
    counted = re.match(r"(\d+) examples within the line: label (.*?)(, …)?(; 40 of them:)?\n", page.inner_text(".lassoed"))
    assert 0 < sum(map(int, re.findall(r"\((\d+)\)", counted[2]))) <= int(counted[1])
    page.select_option("[aria-label='view of the latents']", "tsne")
    page.wait_for_selector(".busy", state="hidden", timeout=60_000)
    page.click(".map-tools button:text-is('Decode')")
    before = pixels(page)
    page.mouse.click(box["x"] + box["width"] * 0.3, box["y"] + box["height"] * 0.4)
    wait_until(lambda: pixels(page) != before)
