"""An exported page in a browser, without a server."""

import pytest

from elbowroom.cli import main
from tests.browser.helpers import WIDE, hide_every_class, number, pixels, wait_until, wait_until_same

#: Ticks of the map: the number written, and its place in percent.
READ_TICKS = """(side) => [...document.querySelectorAll(`.map .plot .${side} span`)]
  .map((tick) => [tick.textContent, parseFloat(tick.style[side === "below" ? "left" : "bottom"])])"""


@pytest.fixture(scope="module")
def exported(folder, tmp_path_factory):
    target = tmp_path_factory.mktemp("export") / "explorer.html"
    assert main(["export", str(folder / "six"), "--html", str(target)]) == 0
    return target


@pytest.fixture
def explorer(browser, exported):
    context = browser.new_context(viewport=WIDE, offline=True)
    page = context.new_page()
    requests, errors = [], []
    page.on("request", lambda request: requests.append(request.url))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(exported.as_uri())
    page.wait_for_selector("body[data-checked]")
    yield page
    context.close()
    assert all(url.startswith(("file:", "data:", "blob:")) for url in requests), "it opens without a server"
    assert not errors


def test_its_map_has_the_axes_of_the_studio(explorer, page, server):
    """The same two dimensions in the same order, with their unit, and what is shown of the prior."""
    plane = page.request.get(f"{server.url}/api/plane?run=six&view=dims&n=50").json()
    assert [explorer.inner_text(".map .axis"), explorer.inner_text(".map .unit")] == list(plane["axes"].values())
    assert plane["prior"]["words"] in explorer.inner_text("#caption")
    explorer.click(".views button:text-is('PCA')")
    wait_until(lambda: explorer.inner_text(".map .axis").startswith("principal axis 1, "))


def test_its_ticks_say_where_they_stand_and_follow_the_zoom(explorer):
    """Identity: ticks read back are linear in their places, and nearer to zero after a zoom."""
    reach, read = [], lambda: explorer.evaluate(READ_TICKS, "below")
    for _ in range(3):
        ticks = [(number(text), place) for text, place in wait_until_same(read)]
        (first, start), (last, end) = ticks[0], ticks[-1]
        for value, place in ticks:
            assert abs(start + (end - start) * (value - first) / (last - first) - place) < 0.01
        reach.append(last - first)
        written = explorer.inner_text(".map .below")
        explorer.click("[aria-label='zoom in']")
        wait_until(lambda written=written: explorer.inner_text(".map .below") != written)
    assert reach[0] > reach[1] > reach[2]


def test_a_class_of_it_can_be_hidden(explorer):
    chips = explorer.locator("#classes button")
    assert chips.all_inner_texts() == [str(i) for i in range(10)]
    hide_every_class(explorer, "#plane", chips)


def test_the_keyboard_moves_its_point_and_says_where(explorer):
    before = pixels(explorer, "#shown")
    explorer.focus("#plane")
    for _ in range(5):
        explorer.keyboard.press("Shift+ArrowRight")
    wait_until(lambda: pixels(explorer, "#shown") != before)
    names = [explorer.inner_text(f".map .{place}").split(",")[0] for place in ("axis", "unit")]
    said = explorer.inner_text(".map .said")
    assert [part.split()[0] for part in said.split(", ")] == names
