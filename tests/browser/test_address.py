"""The state of a view in the address: back, reload and a copied link show the same; the color scheme is remembered."""

import json
import re

import pytest

from tests.browser.helpers import WIDE, wait_for_value, wait_until

ROWS = ".run h3 a"


def names(page):
    return page.locator(ROWS).all_inner_texts()


def write_setting(run, elbo=None, **data):
    """Change what a copied run says of its data and its ELBO."""
    file = run / "recipe.json"
    record = json.loads(file.read_text())
    record["data"] |= data
    file.write_text(json.dumps(record))
    if elbo is not None:
        metrics = run / "metrics.jsonl"
        metrics.write_text(re.sub(r'"elbo": -?[\d.]+', f'"elbo": {elbo}', metrics.read_text()))


@pytest.fixture
def faces(new_run):
    """Two runs on other data, one of them with an ELBO above all others."""
    for name, elbo in (("faces-low", -1500.0), ("faces-high", -5.0)):
        write_setting(new_run(name), elbo, name="faces")


def test_search_order_and_choice_survive_back_and_reload(page, server):
    page.goto(server.url)
    page.wait_for_selector(".run")
    page.fill("input[type=search]", "latent 6")
    wait_until(lambda: names(page) == ["six"])
    page.select_option("[aria-label=order]", "name")
    page.check("[aria-label='compare six']")
    wait_until(lambda: page.evaluate("location.hash") == "#/?q=latent%206&order=name&chosen=six")
    page.reload()
    wait_until(lambda: names(page) == ["six"])
    assert page.input_value("input[type=search]") == "latent 6"
    assert page.is_checked("[aria-label='compare six']")
    page.click(f"{ROWS}:text-is('six')")
    page.wait_for_selector(".tabs")
    page.go_back()
    wait_until(lambda: names(page) == ["six"])
    assert page.input_value("[aria-label=order]") == "name"
    page.fill("input[type=search]", "")
    wait_until(lambda: names(page) == ["plane", "six"])
    wait_until(lambda: page.evaluate("location.hash") == "#/?order=name&chosen=six")


def test_bounds_are_ordered_within_the_same_data_only(page, server, faces):
    page.goto(f"{server.url}/#/?order=best")
    wait_until(lambda: page.locator(".run").count() == 4)
    groups = {
        group.locator("h2").inner_text(): group.locator(ROWS).all_inner_texts()
        for group in page.locator(".run-group").all()
    }
    assert groups["faces, 1 × 8 × 8, bernoulli"] == ["faces-high", "faces-low"]
    assert set(groups["digits, 1 × 8 × 8, bernoulli"]) == {"plane", "six"}
    written = page.locator(".run:has-text('faces-high') .bound").inner_text().split("\n")
    assert written[0] == "−5.00"
    assert re.fullmatch(r"best validation, epoch \d", written[1])
    # Grouped by something else, bounds have no order.
    page.select_option("[aria-label=groups]", "recipe")
    wait_for_value(page.locator(".run-group h2").all_inner_texts, ["vae"])
    wait_for_value(lambda: page.input_value("[aria-label=order]"), "newest")


def test_the_small_curve_says_what_it_shows(page, server, folder):
    page.goto(server.url)
    page.wait_for_selector(".run")
    rows = [json.loads(line) for line in (folder / "six" / "metrics.jsonl").read_text().splitlines()]
    losses = [row["loss"] for row in rows if row.get("split") == "validation"]
    spark = page.locator(".run:has-text('six') .spark")
    drawn = losses[-spark.locator("path").get_attribute("d").count(" ") :]
    assert len(drawn) >= 0.8 * len(losses)
    title = spark.locator("title").text_content()
    assert title == f"validation loss, {rows[-1]['epoch']} epochs, {drawn[0]:.2f} → {drawn[-1]:.2f}"


def test_a_link_is_copied(browser, server):
    context = browser.new_context(viewport=WIDE, permissions=["clipboard-read", "clipboard-write"])
    page = context.new_page()
    page.goto(f"{server.url}/#/?q=plane")
    wait_until(lambda: names(page) == ["plane"])
    page.get_by_role("button", name="Copy link").click()
    page.wait_for_selector("#toasts :text-is('The link is copied')")
    assert page.evaluate("navigator.clipboard.readText()") == f"{server.url}/#/?q=plane"
    context.close()


def test_the_list_is_found_where_it_was_left(page, server):
    """The scroll position comes back with the back button, and a new view starts at its top."""
    page.set_viewport_size({"width": 700, "height": 260})
    page.goto(server.url)
    page.wait_for_selector(".run")
    page.evaluate("scrollTo(0, 120)")
    wait_until(lambda: page.evaluate("history.state?.scroll") == 120)
    page.evaluate("location.hash = '#/run/six'")
    page.wait_for_selector(".tabs")
    wait_for_value(lambda: page.evaluate("scrollY"), 0)
    page.go_back()
    page.wait_for_selector(".run")
    wait_until(lambda: page.evaluate("scrollY") == 120)


def test_a_view_that_failed_for_want_of_the_server_opens_when_it_is_back(browser, own_server):
    context = browser.new_context(viewport=WIDE)
    page = context.new_page()
    page.goto(own_server.url)
    page.wait_for_selector(".run")
    own_server.kill()
    page.evaluate("location.hash = '#/trash'")
    page.wait_for_selector("h1:text-is('This cannot be shown')")
    assert page.inner_text(".empty p") == "The server does not answer: is 'elbowroom studio' still running?"
    own_server.start(port=own_server.url.rsplit(":", 1)[1])
    page.wait_for_selector("h1:text-is('Trash')", timeout=20_000)
    context.close()


def test_a_view_that_there_is_not_is_named(page, server):
    page.goto(f"{server.url}/#/watch/plane")
    page.wait_for_selector("h1:text-is('Not found')")
    assert page.inner_text(".empty p") == "There is no view 'watch' here."


def test_a_run_that_is_not_there_is_named_in_a_sentence(page, server):
    page.goto(f"{server.url}/#/run/nonsense")
    page.wait_for_selector("h1:text-is('Not found')")
    assert page.inner_text(".empty p").startswith("There is no run 'nonsense' here")
    page.refusals = {"404"}


@pytest.mark.parametrize("system", ["light", "dark"])
def test_the_color_scheme_is_the_systems_until_another_is_chosen(browser, server, system):
    context = browser.new_context(viewport=WIDE, color_scheme=system)
    page = context.new_page()
    page.goto(server.url)
    page.wait_for_selector(".run")
    paper = lambda: page.evaluate("getComputedStyle(document.body).backgroundColor")  # noqa: E731
    light, dark = "rgb(252, 251, 248)", "rgb(19, 20, 23)"
    button = page.locator(".scheme")
    shown = [(button.inner_text(), paper())]
    for _ in range(3):
        button.click()
        shown.append((button.inner_text(), paper()))
    own = {"light": light, "dark": dark}[system]
    assert shown == [("Auto", own), ("Light", light), ("Dark", dark), ("Auto", own)]
    button.click()
    page.goto(f"{server.url}/api")
    assert (page.locator(".scheme").inner_text(), paper()) == ("Light", light)
    context.close()
