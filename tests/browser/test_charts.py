"""Charts of the kit in Chromium: what is read from them, by pointer and keys; their axes; dark and printed."""

import math

import pytest
from PIL import Image

from elbowroom.plotting.figure import Bars, Chart, Line
from elbowroom.web.marks import MarkRenderer
from elbowroom.web.render import render_page
from tests.browser.helpers import PHONE, RECORD_TEXT, WIDE, number, wait_for_value, wait_until, written_axes

#: The second chart: values of one sign over three powers of ten, and one that has both signs.
RATE = Line("train", list(range(0, 1001, 10)), [10.0 ** (i / 500) for i in range(0, 1001, 10)], "train")
GAP = Line("train", [0, 500, 1000], [-1.0, 0.0, 2.0], "train")
#: A fast line and a slow one: the values are the steps, so that what is read says where.
FAST = Line("train", list(range(0, 1001, 10)), [float(i) for i in range(0, 1001, 10)], "train")
SLOW = Line("test", [333, 666, 999], [333.0, 666.0, 999.0], "test", True)
BARS = Bars("KL", [2.5, 1.25, 0.001], ["z₃", "z₁", "z₂"], "dimension", "KL, nats", frozenset({2}))


def write_page(path, **fields):
    marks = MarkRenderer()
    charts = [
        Chart("loss", [FAST, SLOW], "optimiser steps", "nats"),
        Chart("rate", [RATE], "optimiser steps", "nats"),
        Chart("gap", [GAP], "optimiser steps", "nats"),
    ]
    figure = marks.render([*charts, BARS])
    section = {"name": "course", "title": "Curves", "figure": figure, "caption": "a", "protocol": "b"}
    section["missing_reason"] = ""
    command = {"line": None, "flags": [], "caveats": []}
    empty = {
        "sentence": "",
        "tiles": [],
        "shown": [],
        "findings": "not now",
        "evaluations": [],
        "facts": [],
        "command": command,
    }
    data = {"charts": marks.charts, "latents": None}
    fields = {"protocol": "", "sections": [section], **empty, **fields}
    path.write_text(render_page("report", "charts", data, css=marks.css, **fields), encoding="utf-8")
    return path


@pytest.fixture
def tab(browser, tmp_path):
    """The page, offline, which must not log anything."""
    context = browser.new_context(viewport=WIDE, offline=True)
    tab = context.new_page()
    tab.add_init_script(RECORD_TEXT)
    problems = []
    tab.on("console", lambda message: problems.append(message.text))
    tab.on("pageerror", lambda error: problems.append(str(error)))
    tab.goto(write_page(tmp_path / "page.html").as_uri())
    tab.wait_for_selector(".chart canvas")
    yield tab
    context.close()
    assert problems == []


LOSS, RATES, GAPS = (f"[data-chart='{i}']" for i in (1, 2, 3))  # The bars are rendered first.


def read(tab, chart=LOSS):
    return tab.locator(f"{chart} .reading:visible").inner_text().split("\n")


def over(tab, chart, across):
    """The place in a chart at a share of its width."""
    box = tab.locator(f"{chart} .u-over").bounding_box()
    return box["x"] + box["width"] * across, box["y"] + box["height"] / 2


def drag(tab, chart, start, end):
    tab.mouse.move(*over(tab, chart, start))
    tab.mouse.down()
    tab.mouse.move(*over(tab, chart, end), steps=4)
    tab.mouse.up()


def test_each_line_is_read_at_its_own_step(tab):
    """The slow line has no value at most steps: its nearest is shown, with its step."""
    tab.mouse.move(*over(tab, LOSS, 0.5))
    wait_for_value(lambda: read(tab)[:3], ["optimiser steps 500", "train", "500.00"])
    assert read(tab)[3:] in (["test", "at 333", "333.00"], ["test", "at 666", "666.00"])
    tab.mouse.move(0, 0)
    wait_for_value(tab.locator(".reading:visible").count, 0)


def test_the_arrow_keys_go_from_step_to_step(tab):
    tab.locator(".chart .area").first.focus()
    tab.keyboard.press("ArrowLeft")
    wait_for_value(lambda: read(tab)[0], "optimiser steps 1,000")
    tab.keyboard.press("ArrowLeft")
    wait_for_value(lambda: read(tab), ["optimiser steps 999", "train", "at 1,000", "1,000.00", "test", "999.00"])
    tab.keyboard.press("ArrowLeft")
    wait_for_value(lambda: read(tab)[0], "optimiser steps 990")
    tab.keyboard.press("Escape")
    wait_for_value(tab.locator(".reading:visible").count, 0)


def test_bars_are_read_by_their_names(tab):
    tab.locator(".chart.bars .area").focus()
    tab.keyboard.press("ArrowLeft")
    wait_for_value(lambda: read(tab, ".bars")[0], "z₂")
    wait_for_value(lambda: read(tab, ".bars")[-1], "0.001")
    tab.keyboard.press("ArrowLeft")
    wait_for_value(lambda: read(tab, ".bars")[0], "z₁")
    wait_for_value(lambda: read(tab, ".bars")[-1], "1.25")


def test_a_place_that_is_read_in_one_chart_is_read_in_all(tab):
    tab.mouse.move(*over(tab, LOSS, 0.5))
    wait_for_value(lambda: read(tab, RATES), ["optimiser steps 500", "train", "10.00"])
    wait_for_value(lambda: read(tab, GAPS), ["optimiser steps 500", "train", "0.00"])
    assert tab.locator(".bars .reading:visible").count() == 0
    # Focus may scroll the page from under the pointer, whose leaving would take the reading away.
    tab.mouse.move(0, 0)
    wait_for_value(tab.locator(".reading:visible").count, 0)
    tab.locator(f"{RATES} .area").focus()
    tab.keyboard.press("Home")
    wait_for_value(lambda: read(tab, RATES), ["optimiser steps 0", "train", "1.00"])
    wait_for_value(lambda: read(tab)[:3], ["optimiser steps 0", "train", "0.00"])
    tab.keyboard.press("Escape")
    wait_for_value(tab.locator(".reading:visible").count, 0)


def labels(axis):
    return [value for _, value in axis]


def axes(tab, chart, until=lambda across: True):
    """Both axes as they are written, once the labels of the horizontal one are as a test says."""

    def written():
        found = written_axes(tab, f"{chart} canvas")
        return found if found and until(labels(found[0])) else None

    return wait_until(written)


def test_dragging_shows_a_part_of_all_charts_with_the_values_in_it(tab):
    reset = tab.get_by_role("button", name="Reset zoom")
    assert reset.is_disabled()
    drag(tab, LOSS, 0.25, 0.5)
    for chart in (LOSS, RATES):
        across, _ = axes(tab, chart, lambda across: max(across) <= 510)
        assert min(labels(across)) >= 240
        assert len(across) >= 3
    # Values are the steps, so that both axes show the same part.
    up = labels(axes(tab, LOSS)[1])
    assert min(up) >= 220
    assert max(up) <= 530
    assert max(labels(axes(tab, RATES)[1])) <= 11
    tab.locator(f"{LOSS} .area").focus()
    tab.keyboard.press("End")
    assert 460 <= number(read(tab)[2]) <= 510
    reset.click()
    axes(tab, LOSS, lambda across: {0, 1000} <= set(across))
    assert reset.is_disabled()


def test_keys_zoom_around_what_is_read(tab):
    tab.locator(f"{LOSS} .area").focus()
    tab.keyboard.press("Home")
    for _ in range(3):
        tab.keyboard.press("+")
    axes(tab, LOSS, lambda across: min(across) == 0 and max(across) <= 320)
    tab.keyboard.press("0")
    axes(tab, LOSS, lambda across: 1000 in across)


def test_a_logarithmic_axis_stands_where_its_labels_say_and_needs_one_sign(tab):
    tab.get_by_role("button", name="log y").click()
    up = wait_until(lambda: (up := axes(tab, RATES)[1]) and 50 not in labels(up) and up)
    assert labels(up)[0] > labels(up)[-1]
    places, powers = zip(*[(place, math.log10(value)) for place, value in up], strict=True)
    per_power = (places[-1] - places[0]) / (powers[-1] - powers[0])
    assert list(places) == pytest.approx([places[0] + per_power * (power - powers[0]) for power in powers], abs=1)
    assert {1, 10, 100} <= set(labels(up))
    for chart in (LOSS, GAPS):
        assert tab.locator(f"{chart} .scale-note").inner_text() == "linear axis: not all values have one sign"
    assert not tab.locator(f"{RATES} .scale-note").is_visible()
    assert -1 in labels(axes(tab, GAPS)[1])


def test_smoothing_stands_beside_the_values(tab):
    tab.get_by_label("smoothing", exact=True).fill("0.5")
    assert tab.locator(".chart-toolbar output").inner_text() == "0.50"
    tab.locator(f"{GAPS} .area").focus()
    tab.keyboard.press("End")
    # Weights 1, 1/2 and 1/4 of 2, 0 and -1, over their sum.
    wait_for_value(lambda: read(tab, GAPS), ["optimiser steps 1,000", "train", "smoothed 1.00", "2.00"])
    tab.get_by_label("smoothing", exact=True).fill("0")
    tab.keyboard.press("End")


def test_the_legend_hides_lines_and_shows_them_again(tab):
    entry = tab.locator(".legend button", has_text="test")
    entry.click()
    assert entry.get_attribute("aria-pressed") == "false"
    tab.mouse.move(*over(tab, LOSS, 0.5))
    wait_for_value(lambda: read(tab), ["optimiser steps 500", "train", "500.00"])
    entry.click()
    tab.mouse.move(*over(tab, LOSS, 0.4))
    wait_until(lambda: "test" in read(tab))


def save(tab, chart, kind):
    tab.locator(chart).hover()
    with tab.expect_download() as download:
        tab.locator(f"{chart} .chart-buttons button", has_text=kind).click()
    return download.value


def test_values_are_saved_as_csv_and_the_chart_as_png(tab):
    csv = save(tab, GAPS, "CSV")
    assert csv.suggested_filename == "gap.csv"
    text = csv.path().read_bytes().decode()
    assert text == "line,optimiser steps,value\r\ntrain,0,-1\r\ntrain,500,0\r\ntrain,1000,2\r\n"
    bars = save(tab, ".bars", "CSV").path().read_bytes().decode()
    assert bars.splitlines() == [
        "line,dimension,value",
        '"KL, nats",z₃,2.5',
        '"KL, nats",z₁,1.25',
        '"KL, nats",z₂,0.001',
    ]
    png = save(tab, LOSS, "PNG")
    assert png.suggested_filename == "loss.png"
    drawn = tab.locator(f"{LOSS} canvas").evaluate("({width, height}) => [width, height]")
    with Image.open(png.path()) as image:
        assert image.width > drawn[0]
        assert image.height > drawn[1]
        colors = {color for _, color in image.convert("RGB").getcolors(1 << 20)}
    assert {(0, 114, 178), (0, 158, 115)} <= colors


def test_an_enlarged_chart_fills_a_dialog_and_comes_back(tab):
    area = tab.locator(f"{RATES} .area")
    before = area.bounding_box()
    tab.locator(RATES).hover()
    button = tab.locator(f"{RATES} .chart-buttons button", has_text="Enlarge")
    button.click()
    assert tab.locator("dialog").get_attribute("aria-label") == "rate"
    wait_until(lambda: area.bounding_box()["height"] > 2 * before["height"])
    wait_until(lambda: tab.locator(f"{RATES} canvas").bounding_box()["height"] > 2 * before["height"])
    tab.locator("dialog").get_by_role("button", name="log y").click()
    tab.keyboard.press("Escape")
    wait_until(lambda: tab.locator("dialog").count() == 0)
    assert tab.locator(".charts > .chart h3").all_inner_texts() == ["loss", "rate", "gap"]
    assert tab.evaluate("document.activeElement.textContent") == "Enlarge"
    wait_until(lambda: area.bounding_box()["height"] == before["height"])
    assert tab.get_by_role("button", name="log y").get_attribute("aria-pressed") == "true"


def test_rows_of_charts_have_no_hole(tab):
    """Those of the first row are wider where the last would have a gap."""
    for width, columns in ((1440, 2), (900, 1), (390, 1)):
        tab.set_viewport_size({"width": width, "height": 900})
        room = tab.locator(".charts").bounding_box()
        boxes = [chart.bounding_box() for chart in tab.locator(".charts > .chart").all()]
        for top in {round(box["y"]) for box in boxes}:
            row = [box for box in boxes if round(box["y"]) == top]
            assert len(row) <= columns or width == 900
            assert min(box["x"] for box in row) == pytest.approx(room["x"], abs=1)
            right = max(box["x"] + box["width"] for box in row)
            assert right == pytest.approx(room["x"] + room["width"], abs=1)


@pytest.fixture
def phone(browser, tmp_path):
    """The page on a screen that is touched; the tab, and what sends touches at shares of the loss chart's width."""
    context = browser.new_context(viewport=PHONE, has_touch=True, offline=True)
    tab = context.new_page()
    tab.add_init_script(RECORD_TEXT)
    tab.goto(write_page(tmp_path / "page.html").as_uri())
    tab.wait_for_selector(".chart canvas")
    tab.locator(f"{LOSS} .u-over").scroll_into_view_if_needed()
    session = context.new_cdp_session(tab)

    def touch(kind, *across, down=0):
        points = [over(tab, LOSS, share) for share in across]
        touches = [{"x": x, "y": y + down, "id": i} for i, (x, y) in enumerate(points)]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": touches})

    yield tab, touch
    context.close()


def test_a_finger_reads_and_two_zoom(phone):
    tab, touch = phone
    touch("touchStart", 0.3)
    for share in (0.35, 0.42, 0.5):
        touch("touchMove", share)
    wait_until(lambda: read(tab)[:3] == ["optimiser steps 500", "train", "500.00"])
    touch("touchEnd")
    touch("touchStart", 0.4, 0.6)
    for spread in (0.15, 0.2, 0.3, 0.4):
        touch("touchMove", 0.5 - spread, 0.5 + spread)
    touch("touchEnd")
    axes(tab, LOSS, lambda across: min(across) >= 360 and max(across) <= 640)
    assert tab.get_by_role("button", name="Reset zoom").is_enabled()


def test_a_finger_that_moves_down_scrolls_the_page(phone):
    tab, touch = phone
    before = tab.evaluate("scrollY")
    touch("touchStart", 0.5, down=40)
    for down in (20, 0, -30, -60, -90):
        touch("touchMove", 0.5, down=down)
    touch("touchEnd")
    wait_until(lambda: tab.evaluate("scrollY") > before + 40)
    wait_for_value(tab.locator(".reading:visible").count, 0)


def ink(tab):
    """The colors of a chart's pixels, the commonest first, without what is transparent."""
    return tab.evaluate(
        """() => {
        const canvas = document.querySelector('.chart canvas');
        const { width, height } = canvas;
        const copy = new OffscreenCanvas(width, height).getContext('2d', { willReadFrequently: true });
        copy.drawImage(canvas, 0, 0);
        const { data } = copy.getImageData(0, 0, width, height);
        const counts = {};
        for (let i = 0; i < data.length; i += 4)
            if (data[i + 3] === 255) {
                const color = [data[i], data[i + 1], data[i + 2]];
                counts[color] = (counts[color] ?? 0) + 1;
            }
        return Object.entries(counts).sort((a, b) => b[1] - a[1]).map(([color]) => color);
        }"""
    )


def test_colors_follow_the_page_and_paper_is_light(tab):
    light, dark = "0,114,178", "86,180,233"
    assert light in ink(tab)
    tab.emulate_media(color_scheme="dark")
    wait_until(lambda: dark in ink(tab) and light not in ink(tab))
    tab.emulate_media(color_scheme="dark", media="print")
    wait_until(lambda: light in ink(tab) and dark not in ink(tab))


def test_charts_fit_a_phone(tab):
    tab.set_viewport_size(PHONE)
    wait_until(lambda: tab.evaluate("document.querySelector('.chart canvas').clientWidth") < PHONE["width"])
    assert tab.evaluate("document.documentElement.scrollWidth") == PHONE["width"]


def test_without_scripts_a_chart_is_words(browser, tmp_path):
    context = browser.new_context(java_script_enabled=False)
    tab = context.new_page()
    tab.goto(write_page(tmp_path / "page.html").as_uri())
    assert "train from 0.00 to 1,000.00" in tab.locator(".chart .area").first.inner_text()
    context.close()
