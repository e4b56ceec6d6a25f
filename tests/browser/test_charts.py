"""Charts of the kit in Chromium: what is read from them, by pointer and keys; their axes; dark and printed."""

import pytest

from elbowroom.plotting.figure import Bars, Chart, Line
from elbowroom.web.marks import MarkRenderer
from elbowroom.web.render import render_page
from tests.browser.helpers import PHONE, WIDE, wait_until

#: A fast line and a slow one: the values are the steps, so that what is read says where.
FAST = Line("train", list(range(0, 1001, 10)), [float(i) for i in range(0, 1001, 10)], "train")
SLOW = Line("test", [333, 666, 999], [333.0, 666.0, 999.0], "test", True)
BARS = Bars("KL", [2.5, 1.25, 0.001], ["z₃", "z₁", "z₂"], "dimension", "KL, nats", frozenset({2}))


def write_page(path, **fields):
    marks = MarkRenderer()
    figure = marks.render([Chart("loss", [FAST, SLOW], "optimiser steps", "nats"), BARS])
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
    problems = []
    tab.on("console", lambda message: problems.append(message.text))
    tab.on("pageerror", lambda error: problems.append(str(error)))
    tab.goto(write_page(tmp_path / "page.html").as_uri())
    tab.wait_for_selector(".chart canvas")
    yield tab
    context.close()
    assert problems == []


def read(tab):
    return tab.locator(".reading:visible").inner_text().split("\n")


def test_each_line_is_read_at_its_own_step(tab):
    """The slow line has no value at most steps: its nearest is shown, with its step."""
    over = tab.locator(".chart .u-over").first
    box = over.bounding_box()
    tab.mouse.move(box["x"] + box["width"] / 2, box["y"] + 50)
    words = read(tab)
    assert words[:3] == ["optimiser steps 500", "train", "500.00"]
    assert words[3:] in (["test", "at 333", "333.00"], ["test", "at 666", "666.00"])
    tab.mouse.move(0, 0)
    assert tab.locator(".reading:visible").count() == 0


def test_the_arrow_keys_go_from_step_to_step(tab):
    tab.locator(".chart .area").first.focus()
    tab.keyboard.press("ArrowLeft")
    assert read(tab)[0] == "optimiser steps 1,000"
    tab.keyboard.press("ArrowLeft")
    assert read(tab) == ["optimiser steps 999", "train", "at 1,000", "1,000.00", "test", "999.00"]
    tab.keyboard.press("ArrowLeft")
    assert read(tab)[0] == "optimiser steps 990"
    tab.keyboard.press("Escape")
    assert tab.locator(".reading:visible").count() == 0


def test_bars_are_read_by_their_names(tab):
    tab.locator(".chart.bars .area").focus()
    tab.keyboard.press("ArrowLeft")
    assert read(tab)[0] == "z₂"
    assert read(tab)[-1] == "0.001"
    tab.keyboard.press("ArrowLeft")
    assert read(tab)[0] == "z₁"
    assert read(tab)[-1] == "1.25"


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
    tab.wait_for_function("document.querySelector('.chart canvas').clientWidth < 390")
    assert tab.evaluate("document.documentElement.scrollWidth") == PHONE["width"]


def test_without_scripts_a_chart_is_words(browser, tmp_path):
    context = browser.new_context(java_script_enabled=False)
    tab = context.new_page()
    tab.goto(write_page(tmp_path / "page.html").as_uri())
    assert "train from 0.00 to 1,000.00" in tab.locator(".chart .area").first.inner_text()
    context.close()
