"""The latent map in a browser: what its axes, rings, colors and words say."""

import base64
import re

import numpy as np

from tests.browser.helpers import (
    FETCH,
    READ_TICKS,
    hide_every_class,
    number,
    open_explorer,
    pixels,
    place_of,
    press_a_point,
    wait_until,
    wait_until_same,
)


def test_decoded_images_are_shown_under_the_points(page, server):
    open_explorer(page, server)
    before = wait_until_same(lambda: pixels(page, ".plane"))
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
        shown = wait_until_same(lambda: page.evaluate(READ_TICKS))
        for side, pixels_wide in zip(("below", "left"), shown["size"], strict=True):
            ticks = [(number(text), place) for text, place in shown[side]]
            (first, start), (last, end) = ticks[0], ticks[-1]
            for value, place in ticks:
                assert abs(start + (end - start) * (value - first) / (last - first) - place) < 0.01, ticks
            scales.append((end - start) / 100 * pixels_wide / (last - first))
        assert abs(scales[0] / scales[1] - 1) < 0.01
        page.click("[aria-label='zoom in']")
        wait_until(lambda before=shown: page.evaluate(READ_TICKS) != before)


def test_a_class_that_is_hidden_cannot_be_pressed(page, server):
    open_explorer(page, server)
    chips = page.locator(".map .classes button")
    assert chips.all_inner_texts() == [str(i) for i in range(10)]
    hide_every_class(page, ".plane", chips)
    assert {chips.nth(i).get_attribute("aria-pressed") for i in range(10)} == {"false"}
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
    counted = re.match(
        r"(\d+) examples within the line: label (.*?)(, …)?(; 40 of them:)?\n", page.inner_text(".lassoed")
    )
    assert 0 < sum(map(int, re.findall(r"\((\d+)\)", counted[2]))) <= int(counted[1])
    page.select_option("[aria-label='view of the latents']", "tsne")
    page.wait_for_selector(".busy", state="hidden", timeout=60_000)
    page.click(".map-tools button:text-is('Decode')")
    before = pixels(page)
    page.mouse.click(box["x"] + box["width"] * 0.3, box["y"] + box["height"] * 0.4)
    wait_until(lambda: pixels(page) != before)


#: Keeps the circles that canvases draw, as [x, y, radius, dashed]; to be run before the page's scripts.
RECORD_CIRCLES = """
window.circles = [];
const arc = CanvasRenderingContext2D.prototype.arc;
CanvasRenderingContext2D.prototype.arc = function (x, y, radius) {
  if (radius > 20 && this.getLineDash().length) window.circles.push([x, y, radius]);
  return arc.apply(this, arguments);
};
"""
ENCODE = """([index, run]) => fetch("/api/encode", {method: "POST", headers: {"Content-Type": "application/json"},
  body: JSON.stringify({run, split: "test", index})}).then((r) => r.json()).then((r) => r.z)"""


def test_the_rings_are_as_large_as_the_ticks_say(page, server):
    """Oracle: the rings' center and radii in pixels are zero, one and two on both axes."""
    page.add_init_script(RECORD_CIRCLES)
    open_explorer(page, server, "six")
    wait_until(lambda: len(page.evaluate("window.circles")) >= 2)
    circles, ticks = wait_until_same(lambda: [page.evaluate("window.circles")[-2:], page.evaluate(READ_TICKS)])
    area = page.locator(".plane").bounding_box()
    left = [place_of(ticks["below"], value, area["width"]) for value in (0, 1, 2)]
    below = [area["height"] - place_of(ticks["left"], value, area["height"]) for value in (0, 1, 2)]
    for (x, y, radius), n in zip(circles, (1, 2), strict=True):
        assert abs(x - left[0]) < 1
        assert abs(y - below[0]) < 1
        assert abs(radius - (left[n] - left[0])) < 1
        assert abs(radius - (below[0] - below[n])) < 1


def test_numbers_that_color_points_are_written_at_the_ends_of_their_scale(page, server):
    """Oracle: least and greatest of what the server answers, in nats."""
    open_explorer(page, server, "six")
    for name, title in (("elbo", "ELBO"), ("reconstruction", "reconstruction error"), ("kl", "KL")):
        page.select_option("[aria-label='color of the points']", name)
        page.wait_for_selector(f".map .classes:has-text('{title}'):has(.ramp)", timeout=60_000)
        values = page.evaluate(FETCH, f"/api/plane/values?run=six&by={name}&n=2000")["values"]
        spans = page.locator(".map .classes > span").all_inner_texts()
        assert spans[0] == title
        assert [span.split()[1] for span in spans[1:3]] == ["nats", "nats"]
        ends = [number(span.split()[0]) for span in spans[1:3]]
        assert abs(ends[0] - min(values)) < 0.0051
        assert abs(ends[1] - max(values)) < 0.0051


def test_neighbors_are_written_with_their_distances(page, server):
    """Oracle: distances of the posterior means by the server, rising, the smallest of all examples on the map."""
    open_explorer(page, server, "six")
    press_a_point(page)
    titles = page.locator(".neighbors .cell").evaluate_all("cells => cells.map((cell) => cell.title)")
    found = [re.fullmatch(r"test (\d+), label (\d): (itself|[\d.]+)", title) for title in titles]
    assert len(found) == 9
    assert found[0][3] == "itself"
    everyone = page.evaluate(FETCH, "/api/plane?run=six&view=dims&n=2000")
    index = [int(match[1]) for match in found]
    labels = dict(zip(everyone["index"], everyone["labels"], strict=True))
    assert [int(match[2]) for match in found] == [labels[i] for i in index]
    z = np.array(page.evaluate(ENCODE, [index, "six"]))
    distances = np.linalg.norm(z[1:] - z[0], axis=1)
    shown = [float(match[3]) for match in found[1:]]
    assert np.abs(distances - shown).max() < 0.0051
    codes = np.frombuffer(base64.b64decode(everyone["codes"]), "<f4").reshape(-1, 6)
    assert np.abs(np.sort(np.linalg.norm(codes - z[0], axis=1))[1:9] - shown).max() < 0.0051
    page.click(".neighbors .cell >> nth=1")
    wait_until(lambda: page.inner_text(".original figcaption") == f"test {index[1]}")


def test_a_label_is_found_isolated_and_let_go(page, server):
    """Oracle: as many as the server has with this label; shown alone, all others cannot be pressed."""
    open_explorer(page, server)
    labels = page.evaluate(FETCH, "/api/plane?run=plane&view=dims&n=2000")["labels"]
    before = wait_until_same(lambda: pixels(page, ".plane"))
    page.fill("[aria-label='find a label']", "3")
    page.wait_for_selector(".lassoed b")
    count = labels.count(3)
    assert page.inner_text(".lassoed p >> nth=0") == f"{count} examples with the label “3”; 40 of them:"
    page.click("text=Show these only")
    wait_until(lambda: page.locator("text=Show the others").count() == 1)
    page.focus(".plane")
    page.keyboard.press("Enter")
    page.wait_for_selector(".neighbors li")
    assert "label 3" in page.locator(".neighbors .cell >> nth=0").get_attribute("title")
    page.click(".neighbors >> text=Close")
    page.click("text=Clear selection")
    assert page.input_value("[aria-label='find a label']") == ""
    assert not page.locator(".lassoed").is_visible()
    page.click("button:text-is('Mean latent')")
    wait_until(lambda: pixels(page, ".plane") == before)


def test_the_address_keeps_the_map(page, server):
    """View, axes, color, zoom, neighbors and what is found are as before after a reload."""
    open_explorer(page, server, "six")
    page.select_option("[aria-label='horizontal axis']", "4")
    page.wait_for_selector(".busy", state="hidden")
    page.select_option("[aria-label='color of the points']", "kl")
    page.wait_for_selector(".ramp", timeout=60_000)
    page.fill("[aria-label='find a label']", "7")
    page.wait_for_selector(".lassoed b")
    page.click("[aria-label='zoom in']")
    axes = [page.input_value(f"[aria-label='{side} axis']") for side in ("horizontal", "vertical")]
    press_a_point(page, view=f"dims:{','.join(axes)}", label=7)
    read = """() => [".map .axis", ".map .unit", ".map .classes", ".lassoed p", ".neighbors h3", ".plot .below"]
      .map((selector) => document.querySelector(selector).innerText)"""
    before = wait_until_same(lambda: page.evaluate(read))
    assert before[0].startswith("z₅, ")
    wait_until(lambda: all(f"{key}=" in page.evaluate("location.hash") for key in ("color", "find", "zoom", "near")))
    page.reload()
    wait_until(lambda: page.locator(".neighbors h3").count() == 1 and page.locator(".ramp").count() == 1, 60)
    wait_until(lambda: page.evaluate(read) == before, 60)


def test_three_dimensions_turn_by_hand_and_by_keyboard(page, server):
    open_explorer(page, server, "six")
    page.select_option("[aria-label='view of the latents']", "pca3")
    page.wait_for_selector("canvas.space")
    wait_until(lambda: page.evaluate("document.querySelector('.space').width > 300"))
    assert re.search(
        r"principal axis 3, \d+% of the variance, standard deviations of the prior", page.inner_text(".map")
    )
    seen = {wait_until_same(lambda: pixels(page, ".space"))}
    page.focus(".space")
    page.keyboard.press("ArrowRight")
    wait_until(lambda: pixels(page, ".space") not in seen)
    seen.add(pixels(page, ".space"))
    box = page.locator(".space").bounding_box()
    page.mouse.move(box["x"] + 200, box["y"] + 200)
    page.mouse.down()
    page.mouse.move(box["x"] + 260, box["y"] + 230, steps=4)
    page.mouse.up()
    wait_until(lambda: pixels(page, ".space") not in seen)
    page.focus(".space")
    page.keyboard.press("0")
    wait_until(lambda: pixels(page, ".space") in seen)


def test_menus_of_many_dimensions_stay_short(page, server):
    """Of 1,280 dimensions a menu has the most active, and takes any other by its number."""

    def enlarge(route):
        model = route.fetch().json()
        model |= {"latent": 1280, "active": list(range(1280)), "kl": [1.0] * 1280}
        route.fulfill(json=model)

    page.route("**/api/model?*", enlarge)
    open_explorer(page, server, "six")
    menu = page.locator("[aria-label='horizontal axis']")
    options = menu.locator("option").all_inner_texts()
    assert len(options) == 17
    assert options[0] == "z₁ · 1.00 nats"
    assert options[-1] == "another of 1,280 …"
    menu.select_option("other")
    field = page.locator("[aria-label='number of the dimension, horizontal axis']")
    with page.expect_response(lambda response: "view=dims%3A899%2C" in response.url):
        field.fill("900")
        field.press("Enter")
    page.wait_for_selector(".busy:has-text('No map: view dims:899,')")  # the server's model has six
    page.refusals = {"400"}


def test_a_collapsed_plane_says_so(page, server):
    note = "z₁ and z₂ are collapsed: along them the posterior means have a variance of at most 0.01"

    def collapse(route):
        route.fulfill(json=route.fetch().json() | {"note": note})

    open_explorer(page, server)
    assert not page.locator(".map-note").is_visible()
    page.route("**/api/plane?*", collapse)
    page.reload()
    page.wait_for_selector(f".map-note:has-text('{note}')")
