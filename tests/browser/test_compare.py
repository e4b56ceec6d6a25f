"""Compare in the studio: the page of ``elbowroom compare``, live, with its state in the address."""

import json

import pytest

from elbowroom.formatting import format_metric
from elbowroom.runs.run_view import RunView
from tests.browser.helpers import wait_until


@pytest.fixture
def compared(page, server):
    open_compare(page, server, "plane,six")
    return page


def open_compare(page, server, runs, state=""):
    page.goto(f"{server.url}/#/compare/{runs}{state}")
    page.wait_for_selector("table.figures tbody tr")


def written_rows(page):
    """The first table as text: cells by the name of their column."""
    heads = page.locator("#results table.figures").first.locator("thead button")
    names = [head.get_attribute("data-column") for head in heads.all()]
    rows = page.locator("#results table.figures").first.locator("tbody tr[data-group]")
    return [dict(zip(names, row.locator("td .cell-text").all_inner_texts(), strict=True)) for row in rows.all()]


def test_the_headline_of_a_run_is_the_same_in_the_list_and_here(compared, folder):
    rows = {row["latent"]: row for row in written_rows(compared)}
    for run, latent in (("plane", "2"), ("six", "6")):
        assert rows[latent]["best_validation_elbo"] == format_metric(RunView(folder / run).headline.value)
    assert [key.get_attribute("data-group") for key in compared.locator(".keys [data-group]").all()] == [
        row.get_attribute("data-group")
        for row in compared.locator("#results table.figures").first.locator("tr[data-group]").all()
    ]


def test_what_is_chosen_stays_over_a_reload(compared):
    compared.locator('#results thead [data-column="kl"]').first.click()
    compared.locator('#results thead [data-column="kl"]').first.click()
    key = compared.locator(".keys [data-group]").first
    hidden = key.get_attribute("data-group")
    key.click()
    compared.locator(".chart-toolbar button", has_text="step").click()
    address = wait_until(lambda: (text := compared.evaluate("location.hash")).endswith("x=step") and text)
    assert "sort=-kl" in address
    compared.reload()
    compared.wait_for_selector("table.figures tbody tr")
    assert compared.locator('th[aria-sort="descending"] button').first.get_attribute("data-column") == "kl"
    pressed = compared.locator('.keys [data-group][aria-pressed="false"]')
    assert [one.get_attribute("data-group") for one in pressed.all()] == [hidden]
    assert compared.locator('.chart-toolbar button[aria-pressed="true"]').first.inner_text() == "step"


def test_it_opens_as_the_file_that_the_command_writes(compared):
    link = compared.get_by_role("link", name="Open as file")
    response = compared.request.get(compared.evaluate("a => a.href", link.element_handle()), timeout=60_000)
    assert response.ok
    text = response.text()
    assert "Comparison of runs" in text
    assert '"best_validation_elbo"' in text


def test_reconstructions_are_those_of_the_models(compared):
    compared.wait_for_selector(".comparison-images .sheet", timeout=60_000)
    names = compared.locator("#reconstructions .side").all_inner_texts()
    groups = [key.get_attribute("data-group") for key in compared.locator(".keys [data-group]").all()]
    assert names == ["data", *groups]


def test_rows_that_arrive_move_the_curves_and_rebuild_nothing(page, server, new_run):
    """The figure, its canvas and the order of rows stay; the last value that is read is the one that came."""
    run = new_run("grows")
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    early = [row for row in rows if row["epoch"] <= 6 and row.get("event") != "end"]
    (run / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in early))
    open_compare(page, server, "plane,grows")
    page.evaluate("document.querySelectorAll('#curves canvas').forEach((c, i) => { c.dataset.kept = i; })")
    count = page.locator("#curves canvas").count()
    new = next(row for row in rows if row["epoch"] == 8 and row.get("split") == "validation")
    with (run / "metrics.jsonl").open("a") as file:
        file.write(json.dumps(new | {"elbo": -12.5}) + "\n")
    area = page.locator("#curves .area").first

    def last_reading():
        area.focus()
        page.keyboard.press("ArrowLeft")
        texts = []
        for _ in range(3):
            texts.append(area.locator(".reading").inner_text())
            page.keyboard.press("ArrowDown")
        page.keyboard.press("Escape")
        return " ".join(texts)

    wait_until(lambda: "−12.50" in last_reading())
    assert page.locator("#curves canvas[data-kept]").count() == count
