"""Marks as HTML: what is drawn by the script is in the page's data, what is read is text."""

import math
import re
from dataclasses import dataclass

import torch
from hypothesis import given
from hypothesis import strategies as st

from elbowroom.plotting.figure import Bars, Chart, ImageGrid, Line
from elbowroom.plotting.registry import PLOTS
from elbowroom.web.charts import MAX_LINE_POINTS, MAX_NAMED_LINES, line_data
from elbowroom.web.marks import MarkRenderer
from elbowroom.web.render import environment, read_asset

HOSTILE = "<b>\"'&"


@given(st.integers(0, 5 * MAX_LINE_POINTS))
def test_a_long_line_keeps_its_last_point(n):
    data = line_data(Line("train", range(n), [float(i) for i in range(n)], "train"))
    assert len(data["x"]) == len(data["y"]) <= MAX_LINE_POINTS
    assert data["x"][-1:] == [n - 1][: n > 0]
    assert data["x"] == sorted(data["x"])
    assert data["y"] == [float(i) for i in data["x"]]


def test_what_is_not_finite_is_a_gap():
    assert line_data(Line("train", [1, 2, 3], [1.0, math.nan, math.inf], "train"))["y"] == [1.0, None, None]


def test_charts_have_a_name_a_legend_and_data():
    marks = MarkRenderer()
    lines = [Line(HOSTILE, [1, 2], [3.0, 4.0], "train"), Line("test", [2], [5.0], 0.5)]
    html = marks.render([Chart("loss", lines, "steps", "nats"), Chart(HOSTILE, lines, "steps", "nats", (0, 9))])
    assert html.count("<figure") == 2
    assert html.count('class="legend"') == 1
    assert "<b>" not in html
    assert 'aria-label="loss, nats, over steps: &lt;b&gt;' in html
    assert [chart["limits"] for chart in marks.charts] == [None, (0, 9)]
    assert [line["color"] for line in marks.charts[0]["lines"]] == ["train", "#b0b0aa"]


def test_many_lines_have_no_legend_and_are_not_read():
    marks = MarkRenderer()
    lines = [Line(str(i), [1, 2], [1.0, 2.0], i / 9) for i in range(MAX_NAMED_LINES + 1)]
    assert "legend" not in marks.render([Chart("rows", lines, "column", "")])
    assert all(line["silent"] for line in marks.charts[0]["lines"])
    assert "ramp" in marks.render([Chart("rows", lines[:3], "column", "")])


def test_inactive_bars_have_a_color_of_their_own():
    marks = MarkRenderer()
    html = marks.render([Bars("KL", [2.0, 0.001], ["z₁", "z₂"], "dimension", "KL, nats", frozenset({1}))])
    assert 'aria-label="KL: KL, nats by dimension: z₁ 2.00, z₂ 0.001"' in html
    active, inactive = marks.charts[0]["lines"]
    assert (active["color"], active["y"]) == ("model", [2.0, None])
    assert (inactive["color"], inactive["y"]) == ("idle", [None, 0.001])


def test_images_are_inside_the_page_and_their_layout_in_its_style():
    marks = MarkRenderer()
    grid = ImageGrid(torch.rand(2, 3, 1, 8, 4), ["data  0.5", HOSTILE], ["a", "b", "c"], "row", "column")
    html = marks.render([grid])
    assert html.count('src="data:image/png;base64,') == 6
    assert "data <b>0.5</b>" in html
    assert "&lt;b&gt;" in html
    assert "style=" not in html
    assert marks.css == ".columns-3{--columns:3}\n.wide-500{--wide:0.5}"
    seamless = ImageGrid(
        torch.rand(20, 20, 1, 8, 8), list("abcdefghijklmnopqrst"), [""] * 20, "up", "across", (), 0, True
    )
    html = marks.render([seamless])
    assert html.count("<img") == 1
    assert 'data-rows="a|b|c' in html


def test_no_cell_of_an_image_grid_has_a_class_that_takes_it_out_of_the_grid():
    """One that is absolute lets all cells after it move up by one, so that the images stand below other titles."""
    grid = ImageGrid(torch.rand(2, 3, 1, 8, 4), ["data  0.5", "mean"], ["a", "b", "c"], "row", "column", group_size=1)
    words = {word for names in re.findall(r'class="([^"]*)"', MarkRenderer().render([grid])) for word in names.split()}
    css = "".join(read_asset(f"static/{name}.css") for name in ("kit", "report", "explorer", "comparison"))
    rules = re.findall(r"([^{}]+)\{([^{}]*)\}", css)
    taken_out = {
        selector.strip()
        for selectors, body in rules
        if re.search(r"position: (absolute|fixed)", body)
        for selector in re.sub(r"/\*.*?\*/", "", selectors, flags=re.DOTALL).split(",")
    }
    assert ".corner" in taken_out, "the button of the color scheme"
    assert not taken_out & {f"{parent}.{word}" for word in words for parent in ("", "span", ".sheet ")}


def test_every_figure_of_the_report_can_be_rendered(digits, tmp_path):
    import elbowroom as er

    run = er.fit(*er.recipes.vae(digits.shape, latent=2), digits, steps=5, out=tmp_path / "run", device="cpu")
    view, marks = er.plotting.RunView(run, examples=20), MarkRenderer()
    for plot in PLOTS.values():
        try:
            spec = plot.build_spec(view)
        except ValueError:
            continue
        if plot.kind not in ("latents", "pca", "tsne"):
            assert marks.render(spec.marks)


def test_a_new_mark_is_a_macro_of_its_name(monkeypatch):
    """What a new kind of mark costs here: its macro in ``marks.html``."""

    @dataclass(frozen=True)
    class Verdict:
        text: str

    source = (
        read_asset("templates/marks.html")
        + "{% macro Verdict(mark) %}<p class=verdict>{{ mark.text }}</p>{% endmacro %}"
    )
    monkeypatch.setattr("elbowroom.web.marks.environment", lambda: SourceEnvironment(source))
    assert MarkRenderer().render([Verdict(HOSTILE)]) == "<p class=verdict>&lt;b&gt;&#34;&#39;&amp;</p>"


class SourceEnvironment:
    """The environment of the pages, with another text of one template."""

    def __init__(self, source):
        self.source = source

    def get_template(self, name):
        return environment().from_string(self.source)
