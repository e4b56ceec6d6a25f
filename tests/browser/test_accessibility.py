"""Every page by the rules of WCAG 2.2 A and AA, in both color schemes; and by keyboard alone."""

from pathlib import Path

import pytest

from elbowroom.comparing import compare
from elbowroom.exporting import export
from elbowroom.reporting import write_report
from tests.browser.helpers import PHONE, WIDE, open_explorer, wait_for_value, wait_until

AXE = (Path(__file__).parent / "vendor" / "axe-core" / "axe.min.js").read_text(encoding="utf-8")
RULES = {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}
#: All that the dark scheme changes: the pages are the same otherwise.
CONTRAST = {"type": "rule", "values": ["color-contrast"]}
VIEWS = ["#/", "#/run/six", "#/explore/six", "#/compare/plane,six", "#/new/vae", "#/trash", "api"]


@pytest.fixture
def plain_page(browser, server):
    """A page that is shown in one color scheme after the other."""
    context = browser.new_context(viewport=WIDE, color_scheme="light")
    yield context.new_page()
    context.close()


def broken_rules(page, rules):
    """The elements that break one of these rules, each with the rule and why."""
    result = page.evaluate("rules => axe.run(document, { runOnly: rules, resultTypes: ['violations'] })", rules)
    return [
        f"{rule['id']}: {node['html'][:160]} ({node['failureSummary'].splitlines()[-1].strip()})"
        for rule in result["violations"]
        for node in rule["nodes"]
    ]


def violations(page):
    """The elements that break a rule as the page is shown, by color scheme."""
    page.evaluate(AXE)
    found = {}
    for scheme, rules in (("light", RULES), ("dark", CONTRAST)):
        page.emulate_media(color_scheme=scheme)
        page.wait_for_timeout(300)  # colors pass over into one another
        found[scheme] = broken_rules(page, rules)
    page.emulate_media(color_scheme="light")
    return found


#: What is found where all is well.
NONE = {"light": [], "dark": []}


def settle(page):
    page.wait_for_selector("h1")
    page.wait_for_selector(".loading", state="detached")
    page.wait_for_timeout(500)


def test_the_rules_find_a_fault(plain_page, server):
    """The check itself: an input without a name, and text that is too pale, are found."""
    plain_page.goto(f"{server.url}/#/trash")
    settle(plain_page)
    plain_page.evaluate("""
        document.querySelector(".room").insertAdjacentHTML("beforeend", "<input><p class=pale>pale</p>");
        document.querySelector(".pale").style.color = "#777"; document.querySelector(".pale").style.background = "#888";
    """)
    found = {scheme: {text.partition(":")[0] for text in texts} for scheme, texts in violations(plain_page).items()}
    assert found == {"light": {"label", "color-contrast"}, "dark": {"color-contrast"}}


def test_the_dark_scheme_is_what_is_checked_as_dark(plain_page, server):
    """Text that can be read in the light scheme alone is found."""
    plain_page.goto(f"{server.url}/#/trash")
    settle(plain_page)
    plain_page.evaluate("document.querySelector('h1').style.color = '#222'")
    found = violations(plain_page)
    assert (len(found["light"]), len(found["dark"])) == (0, 1)


def test_every_view_meets_the_rules(plain_page, server):
    found = {}
    for view in VIEWS:
        plain_page.goto(f"{server.url}/{view}")
        settle(plain_page)
        found[view] = violations(plain_page)
    assert found == dict.fromkeys(VIEWS, NONE)


def test_every_panel_of_explore_meets_the_rules(plain_page, server):
    open_explorer(plain_page, server, "six")
    tabs = plain_page.locator("[role=tab]")
    names = tabs.all_inner_texts()
    assert len(names) >= 5
    found = {}
    for i, name in enumerate(names):
        tabs.nth(i).click()
        plain_page.wait_for_timeout(800)
        found[name] = violations(plain_page)
    assert found == dict.fromkeys(names, NONE)


def test_dialogs_messages_and_explanations_meet_the_rules(plain_page, server):
    plain_page.goto(server.url)
    plain_page.get_by_role("button", name="What is ELBO?").first.click()
    assert violations(plain_page) == NONE
    plain_page.keyboard.press("Escape")
    plain_page.get_by_role("button", name="more for six").click()
    plain_page.wait_for_selector("dialog[open]")
    assert violations(plain_page) == NONE


@pytest.fixture(scope="module")
def pages_of_one_file(folder, tmp_path_factory):
    """Report, comparison and explorer of the same runs."""
    out = tmp_path_factory.mktemp("pages")
    return {
        "report": write_report(folder / "six", out=out / "report.html", examples=60),
        "comparison": compare([folder / "plane", folder / "six"], log=lambda line: None).write(out / "compare.html"),
        "explorer": export(folder / "six", html=out / "explorer.html")[0].path,
    }


def test_pages_of_one_file_meet_the_rules(plain_page, pages_of_one_file):
    found = {}
    for name, file in pages_of_one_file.items():
        plain_page.goto(Path(file).as_uri())
        for size, viewport in (("screen", WIDE), ("phone", PHONE)):
            plain_page.set_viewport_size(viewport)
            plain_page.wait_for_timeout(800)
            found[name, size] = violations(plain_page)
        plain_page.set_viewport_size(WIDE)
    assert found == dict.fromkeys(found, NONE)


# ---- By keyboard


def focused(page):
    """The name of the element that has the focus."""
    return page.evaluate("""
        (document.activeElement.getAttribute("aria-label") ?? document.activeElement.innerText).trim()
    """)


def test_navigation_moves_the_focus_to_the_heading_and_says_where_it_arrived(page, server):
    page.goto(server.url)
    page.wait_for_selector(".run")
    assert page.title().endswith(" · Runs · elbowroom studio")
    assert page.inner_text("#announcer") == ""
    page.click(".run h3 a:text-is('six')")
    wait_until(lambda: page.evaluate("document.activeElement.tagName") == "H1")
    wait_for_value(lambda: focused(page), "six")
    wait_for_value(page.title, "six · Watch · elbowroom studio")
    wait_for_value(page.locator("#announcer").text_content, "six, Watch")
    assert page.get_attribute(".tabs a:text-is('Watch')", "aria-current") == "page"
    page.click(".tabs a:text-is('Explore')")
    wait_until(lambda: page.locator("#announcer").text_content() == "six, Explore")
    wait_for_value(page.title, "six · Explore · elbowroom studio")
    assert page.get_attribute("header nav a:text-is('Runs')", "aria-current") == "page"
    page.click("header nav a:text-is('Trash')")
    wait_until(lambda: focused(page) == "Trash")
    assert page.locator("[aria-current=page]").all_inner_texts() == ["Trash"]


def test_the_list_by_keyboard(page, server):
    """The skip link, the tick of a run, its dialog and its end by Escape, and the view behind its name."""
    page.goto(server.url)
    page.wait_for_selector(".run")
    page.keyboard.press("Tab")
    assert focused(page) == "To the content"
    page.keyboard.press("Enter")
    stops = []
    while "more for" not in (name := focused(page)) or not stops:
        page.keyboard.press("Tab")
        stops.append(focused(page))
        if len(stops) > 20:
            raise AssertionError(stops)
        if stops[-1].startswith("compare "):
            page.keyboard.press("Space")
            assert page.evaluate("document.activeElement.checked")
    assert stops[:5] == ["filter runs", "groups", "order", "Train a model", "What is ELBO?"]
    page.keyboard.press("Enter")
    page.wait_for_selector("dialog[open]")
    page.keyboard.press("Escape")
    page.wait_for_selector("dialog", state="detached")
    wait_for_value(lambda: focused(page), name)


def test_an_explanation_by_keyboard(page, server):
    page.goto(server.url)
    button = page.get_by_role("button", name="What is ELBO?").first
    button.focus()
    page.keyboard.press("Enter")
    box = page.locator(".help-box:popover-open")
    assert box.inner_text().startswith("ELBO The evidence lower bound, log p(x|z) averaged over q(z|x) minus KL:")
    page.keyboard.press("Tab")
    assert focused(page) == "Kingma and Welling 2014"
    assert page.evaluate("document.activeElement.href") == "https://arxiv.org/abs/1312.6114"
    page.keyboard.press("Escape")
    wait_until(lambda: box.count() == 0)
    assert focused(page) == "What is ELBO?"


def test_a_message_lies_above_an_open_dialog(page, server):
    """An error while a dialog is open is neither behind it nor dimmed."""
    page.goto(server.url)
    page.click("[aria-label='more for six']")
    page.wait_for_selector("dialog[open]")
    page.evaluate("import('/static/js/dom.js').then(({ toast }) => toast('it went wrong', { isError: true }))")
    line = page.locator("#toasts p")
    assert line.inner_text() == "It went wrong"
    x, y = page.evaluate("""() => {
        const box = document.querySelector("#toasts p").getBoundingClientRect();
        return [box.x + box.width / 2, box.y + box.height / 2];
    }""")
    # Pointers pass through messages: make them stop first.
    page.evaluate("document.getElementById('toasts').style.pointerEvents = 'auto'")
    assert page.evaluate("([x, y]) => document.elementFromPoint(x, y).textContent", [x, y]) == "It went wrong"
