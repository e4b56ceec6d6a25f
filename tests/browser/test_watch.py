"""The watch view in a browser: what its axes, readings, tiles and bars say is true."""

import json
import shutil

import pytest

import elbowroom as er
from tests.browser.helpers import RECORD_TEXT, number, wait_for_value, wait_until, written_axes

#: ELBO of each split in these runs, minus the epoch.
ELBO_OFFSETS = {"train": -100.25, "validation": -90.5, "test": -80.75}
ELBO_CHART = ".chart:has(b:text-is('ELBO'))"
READ_ROWS = """(chart) => [...chart.querySelectorAll(".reading:not([hidden]) div")].map((row) => ({
  name: row.querySelector("span").childNodes[1].textContent,
  at: row.querySelector("small")?.textContent ?? null,
  value: row.querySelector("b").textContent,
}))"""


@pytest.fixture
def make_run(folder, new_run):
    """Makes copies of the run ``six`` with rows for other epochs; the ELBO is the epoch plus an offset."""

    def make(name, **epochs):
        path = new_run(name)
        rows = [json.loads(line) for line in (path / "metrics.jsonl").read_text().splitlines()]
        template = {row["split"]: row for row in rows if "split" in row}
        at = lambda epoch: {"epoch": epoch, "step": 10 * epoch, "seconds": float(epoch)}  # noqa: E731
        written = [
            template[split] | at(epoch) | {"elbo": epoch + ELBO_OFFSETS[split], "loss": -epoch - ELBO_OFFSETS[split]}
            for split, chosen in epochs.items()
            for epoch in chosen
        ]
        look = next(row for row in rows if row.get("event") == "look")
        looks = [look | at(epoch) for epoch in epochs["train"]]
        for epoch in epochs["train"]:
            shutil.copy(
                next((folder / "six" / "images").glob("samples-*.png")), path / f"images/samples-{epoch:04d}.png"
            )
        lines = sorted([*written, *looks], key=lambda row: row["epoch"])
        (path / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in lines))
        return er.Run(path)

    return make


def open_run(page, server, name):
    page.goto(f"{server.url}/#/run/{name}")
    page.wait_for_selector(".plotted canvas")


def show_all_splits(page, server, name):
    """The test split is left out of curves until it is asked for."""
    page.goto(f"{server.url}/#/run/{name}?hide=none")
    page.wait_for_selector(".plotted canvas")


@pytest.mark.parametrize("epochs", [1, *(pytest.param(n, marks=pytest.mark.exhaustive) for n in (2, 3)), 8])
def test_the_labels_of_both_axes_say_where_they_stand(page, server, make_run, epochs):
    """Identity: labels read back are linear in their positions; those of epochs are whole, and none stands twice."""
    every = range(1, epochs + 1)
    make_run(f"first-{epochs}", train=every, validation=every, test=every)
    page.add_init_script(RECORD_TEXT)
    open_run(page, server, f"first-{epochs}")
    across, up = wait_until(lambda: written_axes(page, ".plotted canvas"))
    for axis in (across, up):
        places, values = zip(*axis, strict=True)
        assert len(set(values)) == len(values)
        per_unit = (places[-1] - places[0]) / (values[-1] - values[0]) if len(axis) > 1 else 0
        for place, value in axis:
            assert place == pytest.approx(places[0] + per_unit * (value - values[0]), abs=1), axis
    assert all(value == round(value) for _, value in across)
    assert {value for _, value in across} <= set(range(1, epochs + 1))


def test_a_reading_gives_each_value_at_its_own_epoch(page, server, make_run):
    make_run("gaps", train=range(1, 9), validation=(2, 4, 6, 8), test=(8,))
    show_all_splits(page, server, "gaps")
    page.focus(f"{ELBO_CHART} .plotted")
    for epoch in range(8, 0, -1):
        page.keyboard.press("ArrowLeft")
        wait_for_value(lambda: page.inner_text(f"{ELBO_CHART} .reading:not([hidden]) > b"), f"epoch {epoch}")
        rows = page.locator(ELBO_CHART).evaluate(READ_ROWS)
        assert [row["name"] for row in rows] == list(ELBO_OFFSETS)
        at = {row["name"]: int(row["at"].removeprefix("at ")) if row["at"] else epoch for row in rows}
        assert at["train"] == epoch
        assert abs(at["validation"] - epoch) == epoch % 2
        assert at["test"] == 8
        for row in rows:
            assert number(row["value"]) == at[row["name"]] + ELBO_OFFSETS[row["name"]]


def test_the_tiles_and_the_legend_say_what_the_metrics_do(page, server, make_run):
    make_run("tiles", train=range(1, 9), validation=(2, 4, 6), test=())
    open_run(page, server, "tiles")
    names, values = (page.locator(f".tiles {tag}").all_inner_texts() for tag in ("dt", "dd:not(.about)"))
    tiles = dict(zip((name.rstrip("?\n ") for name in names), values, strict=True))
    assert tiles | {"Best validation ELBO": "−84.50", "ELBO, latest": "−84.50", "Epoch": "8"} == tiles
    assert page.locator(".tiles .about").nth(0).inner_text() == "nats per example, epoch 6"
    legend = page.locator(f"{ELBO_CHART} .legend button").all_inner_texts()
    assert legend == ["train\n−92.25", "validation\n−84.50"]


def test_the_bars_of_the_kl_say_it_by_dimension(page, server, folder):
    open_run(page, server, "six")
    looks = [row for row in er.Run(folder / "six").metrics() if row.get("event") == "look"]
    kl = [
        value
        for latent in looks[-1].get("kl", looks[-1].get("nats"))
        for value in (latent if isinstance(latent, list) else [latent])
    ]
    caption = page.inner_text(".kl figcaption")
    assert caption.startswith(f"KL of each of {len(kl)} dimensions: ")
    assert number(caption.split(": ")[1].split(" ")[0]) == pytest.approx(sum(kl), abs=0.0051)
    assert f"{sum(value > 0.1 for value in kl) or 'none'} above 0.1" in caption
    page.focus(".kl .plotted")
    for i in range(len(kl), 0, -1):
        page.keyboard.press("ArrowLeft")
        name = "z" + "".join("₀₁₂₃₄₅₆₇₈₉"[int(digit)] for digit in str(i))
        wait_for_value(lambda: page.inner_text(".kl .reading").split("\n")[0], name)
        value = page.inner_text(".kl .reading").partition("\n")[2]
        assert number(value.split("KL")[1].strip()) == pytest.approx(kl[i - 1], rel=0.01, abs=0.0051)


def test_the_images_are_those_of_the_epoch(page, server, make_run):
    make_run("images", train=range(1, 9), validation=(), test=())
    open_run(page, server, "images")

    def read():
        image = page.locator(".film [data-kind=samples] img")
        name = image.get_attribute("src").partition("?")[2]
        return page.inner_text(".through output"), image.get_attribute("alt"), name

    wait_for_value(read, ("epoch 8", "samples after epoch 8", "run=images&kind=samples&epoch=8"))
    page.focus("[aria-label='epoch']")
    page.keyboard.press("Home")
    wait_for_value(read, ("epoch 1", "samples after epoch 1", "run=images&kind=samples&epoch=1"))
    page.click("button:text-is('newest')")
    wait_for_value(read, ("epoch 8", "samples after epoch 8", "run=images&kind=samples&epoch=8"))


def test_findings_are_sentences(page, server, make_run):
    finding = {"event": "finding", "severity": "fault", "title": "KL collapse", "epoch": 2, "step": 20}
    run = make_run("found", train=range(1, 4), validation=(), test=())
    run.log(
        finding | {"evidence": "no active unit", "consequence": "samples do not vary", "advice": "lower the weight"}
    )
    open_run(page, server, "found")
    expected = ["No active unit. Samples do not vary.", "Lower the weight."]
    wait_for_value(page.locator(".finding p").all_inner_texts, expected)


def test_the_configuration_is_the_record_for_a_reader(page, server, folder):
    """One rule a row; the command has a button to copy it; defaults are folded away."""
    open_run(page, server, "six")
    rows = wait_until(page.locator(".settings-list > div").all_inner_texts)
    shown = dict(row.split("\n") for row in rows if row)
    expected = {"recipe": "vae", "data": "digits", "objective": "reconstruction + KL", "latent": "6", "epochs": "8"}
    assert shown | expected == shown
    assert "activation" not in shown
    page.click("summary:has-text('more at their defaults')")
    folded = page.locator("details .settings-list > div").all_inner_texts
    wait_until(lambda: {"activation\nrelu", "precision\nfloat32"} <= set(folded()))


def test_title_focus_and_navigation_say_which_view_is_open(page, server):
    page.goto(server.url)
    page.wait_for_selector(".run")
    for view, link, title in (
        ("#/run/six", "Runs", "six · Watch · elbowroom studio"),
        ("#/new/vae", "Train", "Train · elbowroom studio"),
        ("#/trash", "Trash", "Trash · elbowroom studio"),
    ):
        page.evaluate(f"location.hash = '{view}'")
        wait_until(lambda title=title: page.title() == title)
        wait_for_value(lambda: page.inner_text("nav [aria-current=page] >> nth=0"), link)
        wait_until(lambda: page.evaluate("document.activeElement.tagName") == "H1")
