"""Curves of the studio: what is shown at first, the state in the address, and growth while a training goes on."""

import json

import pytest

from tests.browser.helpers import RECORD_TEXT, wait_for_value, wait_until, written_axes

ELBO_CHART = ".chart:has(b:text-is('ELBO'))"
#: Epochs of a run whose ELBO is minus the step, steps of an epoch, and its seconds.
EPOCHS, STEPS, SECONDS = 8, 10, 60.0


def rows(epochs, split="train"):
    for epoch in epochs:
        at = {"split": split, "epoch": epoch, "step": STEPS * epoch, "seconds": SECONDS * epoch, "examples": 1000}
        yield at | {"elbo": -float(STEPS * epoch), "loss": float(STEPS * epoch), "kl": 1.0 + epoch}


def lines(*records):
    return "".join(json.dumps(row) + "\n" for row in records)


@pytest.fixture
def run(new_run):
    """A copy of the run ``six`` with rows of its own."""
    path = new_run("curves")
    every = [row for split in ("train", "validation", "test") for row in rows(range(1, EPOCHS + 1), split)]
    (path / "metrics.jsonl").write_text(lines(*every))
    return path


@pytest.fixture
def open_curves(page, server, run):
    def visit(state=""):
        page.goto("about:blank")
        page.goto(f"{server.url}/#/run/{run.name}{state}")
        page.wait_for_selector(".plotted canvas")

    page.add_init_script(RECORD_TEXT)
    return visit


def titles(page):
    return page.locator(".chart.term figcaption b").all_inner_texts()


def written_across(page):
    """The labels of the first chart's horizontal axis, from left to right."""
    texts = page.evaluate("document.querySelector('.chart canvas').written") or []
    lowest = max((y for _, _, y in texts), default=0)
    return [text for text, _, y in sorted(texts, key=lambda text: text[1]) if y == lowest]


def state_of(page):
    return page.evaluate("location.hash").partition("?")[2]


def pressed(page, container):
    buttons = page.locator(f"{container} button[aria-pressed]").all()
    return {button.inner_text().split("\n")[0]: button.get_attribute("aria-pressed") == "true" for button in buttons}


def test_the_elbo_stands_once_and_the_test_split_waits_until_it_is_asked_for(page, open_curves):
    open_curves()
    assert titles(page) == ["ELBO", "KL"]
    assert pressed(page, f"{ELBO_CHART} .legend") == {"train": True, "validation": True, "test": False}
    assert page.locator(f"{ELBO_CHART} .legend b:visible").all_inner_texts() == ["−80.00", "−80.00"]
    page.locator(f"{ELBO_CHART} .legend button", has_text="test").click()
    wait_until(lambda: pressed(page, ".chart:has(b:text-is('KL')) .legend")["test"])
    page.focus(f"{ELBO_CHART} .plotted")
    page.keyboard.press("End")
    expected = ["epoch 8", "train", "−80.00", "validation", "−80.00", "test", "−80.00"]
    wait_for_value(lambda: page.inner_text(f"{ELBO_CHART} .reading").split("\n"), expected)


@pytest.mark.parametrize(
    ("axis", "labels", "reading"),
    [
        ("epoch", ["1", "2", "3", "4", "5", "6", "7", "8"], "epoch 8"),
        ("step", ["10", "20", "30", "40", "50", "60", "70", "80"], "step 80"),
        ("time", ["1 min", "2 min", "3 min", "4 min", "5 min", "6 min", "7 min", "8 min"], "time 8 min 00 s"),
    ],
)
def test_each_axis_has_labels_in_one_unit(page, open_curves, axis, labels, reading):
    open_curves()
    page.click(f".chart-toolbar button:text-is('{axis}')")
    wait_until(lambda: written_across(page) == labels)
    page.focus(f"{ELBO_CHART} .plotted")
    page.keyboard.press("End")
    wait_for_value(lambda: page.inner_text(f"{ELBO_CHART} .reading > b"), reading)


def test_the_address_keeps_what_the_toolbar_sets(page, open_curves):
    open_curves()
    page.click(".chart-toolbar button:text-is('step')")
    page.get_by_label("smoothing", exact=True).fill("0.6")
    page.click("button:text-is('log y')")
    page.locator(f"{ELBO_CHART} .legend button", has_text="validation").click()
    page.focus(f"{ELBO_CHART} .plotted")
    page.keyboard.press("Home")
    page.keyboard.press("+")
    state = wait_until(lambda: (state := state_of(page)) and "zoom=" in state and state)
    assert dict(pair.split("=") for pair in state.split("&")) == {
        "x": "step",
        "smooth": "0.6",
        "log": "yes",
        "zoom": "9.0667,57.6",
        "hide": "test,validation",
    }
    open_curves(f"?{state}")
    assert pressed(page, ".chart-toolbar") == {"epoch": False, "step": True, "time": False, "log y": True}
    assert page.locator(".chart-toolbar output").inner_text() == "0.60"
    assert pressed(page, f"{ELBO_CHART} .legend") == {"train": True, "validation": False, "test": False}
    wait_until(lambda: {"10", "30", "50"} <= set(written_across(page)) <= set(map(str, range(10, 58))))
    page.click("button:text-is('Reset zoom')")
    page.click("button:text-is('log y')")
    page.get_by_label("smoothing", exact=True).fill("0")
    page.click(".chart-toolbar button:text-is('epoch')")
    for name in ("validation", "test", "test"):
        page.locator(f"{ELBO_CHART} .legend button", has_text=name).click()
    wait_until(lambda: not state_of(page))


def test_another_axis_shows_all_of_it(page, open_curves):
    open_curves("?zoom=2,4")
    wait_until(lambda: written_across(page) == ["2", "3", "4"])
    page.click(".chart-toolbar button:text-is('step')")
    wait_until(lambda: written_across(page)[-1:] == ["80"])
    assert page.get_by_role("button", name="Reset zoom").is_disabled()


def test_a_training_adds_to_its_curves_without_drawing_them_from_the_start(page, open_curves, run):
    """The canvas stays the same, and so does the part of it that is shown."""
    open_curves("?zoom=2,4")
    page.evaluate("document.querySelectorAll('.chart canvas').forEach((canvas) => (canvas.isFirst = true))")
    with (run / "metrics.jsonl").open("a") as log:
        log.write(lines(*rows(range(EPOCHS + 1, EPOCHS + 4))))
    wait_until(lambda: "−110.00" in page.inner_text(f"{ELBO_CHART} .legend"))
    assert page.evaluate("[...document.querySelectorAll('.chart.term canvas')].every((canvas) => canvas.isFirst)")
    assert written_across(page) == ["2", "3", "4"]
    page.click("button:text-is('Reset zoom')")
    wait_until(lambda: written_across(page)[-1:] == ["11"])
    _, up = written_axes(page, ".chart canvas")
    assert min(value for _, value in up) >= -120


def test_values_are_saved_with_all_positions(page, open_curves):
    open_curves()
    page.locator(ELBO_CHART).hover()
    with page.expect_download() as download:
        page.locator(f"{ELBO_CHART} .chart-buttons button", has_text="CSV").click()
    assert download.value.suggested_filename == "elbo.csv"
    text = download.value.path().read_bytes().decode().splitlines()
    assert text[:2] == ["line,epoch,step,time,value", "train,1,10,60,-10"]
    assert len(text) == 1 + 3 * EPOCHS
