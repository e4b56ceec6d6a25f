"""The page of a comparison in a browser: order, filter, legend and what is read from its charts."""

import pytest

from elbowroom.comparing import compare
from elbowroom.comparing.page_data import comparison_data, curve_data
from elbowroom.formatting import format_metric
from tests.browser.helpers import PHONE, WIDE, number, wait_for_value
from tests.comparing.helpers import train_sweep

#: The squared errors of each body of a table, in the order of its rows.
READ_COLUMN = """([table, name]) => {
  const heads = [...table.tHead.rows[0].cells];
  const at = heads.findIndex((head) => head.querySelector('button').dataset.column === name);
  return [...table.tBodies].map((body) =>
    [...body.querySelectorAll('tr[data-group]')].map((row) => row.cells[at].dataset.v).filter(Boolean));
}"""


@pytest.fixture(scope="module")
def comparison(tmp_path_factory):
    folder = tmp_path_factory.mktemp("compared") / "s"
    return compare(train_sweep(folder), baselines=True, log=lambda line: None)


@pytest.fixture(scope="module")
def comparison_file(comparison, tmp_path_factory):
    return comparison.write(tmp_path_factory.mktemp("page") / "page.html")


@pytest.fixture(params=[PHONE, WIDE], ids=["phone", "wide"])
def opened(comparison_file, browser, request):
    """The page, which must not log anything or request anything."""
    page = browser.new_page(viewport=request.param)
    problems = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda message: problems.append(message.text))
    page.on("request", lambda request: request.url.startswith("http") and problems.append(request.url))
    page.goto(comparison_file.as_uri())
    page.wait_for_selector("table.figures")
    assert page.evaluate("document.documentElement.scrollWidth") <= request.param["width"]
    yield page
    assert not problems
    page.close()


def read_column(page, name):
    table = page.locator("table.figures").first.element_handle()
    return [[float(value) for value in body] for body in page.evaluate(READ_COLUMN, [table, name])]


def legend_names(page, pressed):
    keys = page.locator(f'.keys button[data-group][aria-pressed="{pressed}"]')
    return [key.get_attribute("data-group") for key in keys.all()]


def read_names(page, area):
    """The names of the lines that the arrow keys go to in a chart, from the last line up."""
    area.focus()
    page.keyboard.press("ArrowLeft")
    seen = []
    for _ in range(8):
        seen.append(area.locator(".reading span").first.inner_text())
        page.keyboard.press("ArrowDown")
    page.keyboard.press("Escape")
    return set(seen)


def test_heads_sort_within_each_protocol(opened):
    """A click and the Enter key, one way and the other; PCA has another protocol."""
    head = opened.locator('#results thead button[data-column="squared_error"]').first
    head.click()
    values = read_column(opened, "squared_error")
    assert len(values) == 2
    ascending = [sorted(body) for body in values]
    wait_for_value(lambda: read_column(opened, "squared_error"), ascending)
    head.focus()
    opened.keyboard.press("Enter")
    wait_for_value(lambda: read_column(opened, "squared_error"), [body[::-1] for body in ascending])
    assert opened.locator("#results th[aria-sort]").first.get_attribute("aria-sort") == "descending"
    focused = opened.evaluate("document.activeElement.dataset.column")
    assert focused == "squared_error", "the focus stays where the key was pressed"


def test_a_line_is_read_at_its_own_points(opened, comparison):
    """The last value of a mean is written with its deviation over the seeds, in every unit of the horizontal axis."""
    group = next(g for g in comparison.groups if g.settings.get("latent") == 2 and len(g.done_entries) == 2)
    rows = [curve_data(comparison)[entry.path]["validation"] for entry in group.done_entries]
    last = [columns["elbo"][-1] for columns in rows]
    area = opened.locator("#curves .area").first
    for axis, place in (("epoch", rows[0]["epoch"][-1]), ("step", rows[0]["step"][-1])):
        opened.locator(".chart-toolbar button", has_text=axis).click()
        area.focus()
        opened.keyboard.press("ArrowLeft")
        reading = area.locator(".reading")
        for _ in range(8):
            text = reading.inner_text()
            if text.startswith(group.name):
                break
            opened.keyboard.press("ArrowDown")
        mean, deviation = sum(last) / 2, abs(last[0] - last[1]) / 2**0.5
        assert f"{format_metric(mean)} ± {format_metric(deviation)}" in text
        assert text.endswith(f"{axis} {place}")
        opened.keyboard.press("Escape")
        assert not reading.is_visible()


def test_the_legend_hides_a_group_in_every_chart(opened, comparison):
    names = [group.name for group in comparison.groups]
    first = legend_names(opened, "true")
    assert first == names
    in_chart = read_names(opened, opened.locator("#curves .area").first)
    hidden = next(name for name in names if name in in_chart)
    opened.locator(f'.keys button[data-group="{hidden}"]').focus()
    opened.keyboard.press("Enter")
    wait_for_value(lambda: legend_names(opened, "false"), [hidden])
    for area in opened.locator("#curves .area").all():
        assert hidden not in read_names(opened, area)
    rates = opened.locator("#rate .area").first
    assert not any(name.startswith(f"{hidden}, ELBO") for name in read_names(opened, rates))
    opened.get_by_role("button", name="Show all").click()
    assert read_names(opened, opened.locator("#curves .area").first) == in_chart


def test_a_filter_leaves_the_groups_that_it_asks_for(opened, comparison):
    data = comparison_data(comparison)
    expected = [group["name"] for group in data["groups"] if group["settings"].get("latent") == 2]
    opened.get_by_label("filter groups").fill("latent 2")
    wait_for_value(lambda: legend_names(opened, "true"), expected)
    rows = opened.locator("table.figures").first.locator("tbody tr[data-group]")
    assert [row.get_attribute("data-group") for row in rows.all()] == expected
    opened.get_by_label("filter groups").fill("")
    wait_for_value(lambda: len(legend_names(opened, "true")), len(data["groups"]))


def test_rate_and_distortion_are_those_of_the_table(opened, comparison):
    """A point is named with its ELBO, and lines of equal ELBO with theirs, in order."""
    group = next(g for g in comparison.groups if g.settings.get("latent") == 3 and "kl" in g.metrics)
    rate, distortion = (group.metrics[name].mean for name in ("kl", "reconstruction"))
    area = opened.locator("#rate .area").first
    names = read_names(opened, area)
    assert f"{group.name}, ELBO {format_metric(-rate - distortion)}" in names
    contours = [number(text.removeprefix("ELBO ")) for text in area.locator(".elbo-label").all_inner_texts()]
    assert len(contours) >= 2
    assert contours == sorted(contours)
    assert len(set(contours)) == len(contours)


def test_columns_are_chosen(opened):
    opened.locator("details.columns summary").click()
    opened.get_by_role("checkbox", name="KL test, nats", exact=True).uncheck()
    heads = opened.locator("table.figures").first.locator("thead button")
    names = [head.get_attribute("data-column") for head in heads.all()]
    assert "elbo" in names
    assert "kl" not in names
