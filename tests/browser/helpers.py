"""Waiting for the page, and reading what it shows and writes."""

import base64
import io
import time

import numpy as np
from PIL import Image

WIDE = {"width": 1440, "height": 900}
PHONE = {"width": 390, "height": 844}
#: By how much a picture may differ: one of 256 levels.
LEVEL = 1 / 255


def pixels(page, selector=".decoded"):
    """What a canvas shows, as a data URL."""
    return page.evaluate(f"document.querySelector('{selector}').toDataURL()")


#: Counts the pixels of a canvas that have a hue: points of classes have one, axes and rings are gray.
COUNT_COLORED = """(selector) => {
  const canvas = document.querySelector(selector);
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  let count = 0;
  for (let i = 0; i < data.length; i += 4) {
    const range = Math.max(data[i], data[i + 1], data[i + 2]) - Math.min(data[i], data[i + 1], data[i + 2]);
    if (range * data[i + 3] > 40 * 255) count += 1;
  }
  return count;
}"""


def hide_every_class(page, selector, chips):
    """Switch all classes off, and wait until the points that were on the canvas are gone."""

    def count():
        return page.evaluate(COUNT_COLORED, selector)

    # A map is drawn in the frame after its page is ready: points must be there before they can go.
    wait_until(lambda: count() > 1000)
    shown = wait_until_same(count)
    for i in range(chips.count()):
        chips.nth(i).click()
    wait_until(lambda: count() < 0.1 * shown)


def open_explorer(page, server, run="plane"):
    page.goto(f"{server.url}/#/explore/{run}")
    page.wait_for_selector(".decoded")
    page.wait_for_selector(".busy", state="hidden", timeout=60_000)
    # A canvas that has not been drawn on is 300 wide.
    wait_until(lambda: page.evaluate("document.querySelector('.decoded').width < 300"))


def wait_until(check, seconds=20):
    """Wait for something to become true."""
    deadline = time.monotonic() + seconds
    while not (result := check()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.1)
    return result


def wait_for_value(read, expected, seconds=20):
    """Wait until what is read is this; what was read last stands in the error otherwise."""
    deadline = time.monotonic() + seconds
    while (found := read()) != expected and time.monotonic() < deadline:
        time.sleep(0.1)
    assert found == expected


#: The signs that pages write exponents with.
SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")


def number(text):
    """The number that a text is, as the pages write it: −1,234.5 or 5.36·10⁻⁴."""
    mantissa, _, power = text.replace("−", "-").replace(",", "").partition("·10")
    return float(mantissa) * 10.0 ** int(power.translate(SUPERSCRIPTS) or 0)


def is_number(text):
    try:
        number(text)
    except ValueError:
        return False
    return True


def wait_until_same(read):
    """Return what is read as soon as it is twice the same, a drawing later: the page has come to rest."""
    last = None

    def is_same():
        nonlocal last
        before, last = last, read()
        return last == before

    wait_until(is_same)
    return last


#: Keeps what canvases write, with its place and the canvas; to be run before the page's scripts.
RECORD_TEXT = """
const write = CanvasRenderingContext2D.prototype.fillText;
const clear = CanvasRenderingContext2D.prototype.clearRect;
CanvasRenderingContext2D.prototype.fillText = function (text, x, y) {
  (this.canvas.written ??= []).push([text, x, y]);
  return write.apply(this, arguments);
};
CanvasRenderingContext2D.prototype.clearRect = function () {
  this.canvas.written = [];
  return clear.apply(this, arguments);
};
"""


def written_axes(page, canvas):
    """The labels of the horizontal and of the vertical axis of a chart, as pairs of place and number."""
    texts = page.evaluate(f"document.querySelector({canvas!r}).written") or []
    lowest = max((y for _, _, y in texts), default=0)
    across = sorted((x, number(text)) for text, x, y in texts if y == lowest)
    up = sorted((y, number(text)) for text, x, y in texts if y != lowest)
    return (across, up) if across and up else None


def read_image(source):
    """The levels from 0 to 1 of an image that is written as a data URL, (H, W)."""
    data = base64.b64decode(source.split(",")[1])
    return np.asarray(Image.open(io.BytesIO(data)).convert("L")).astype(float) / 255


def wait_for_image(page, expected):
    """Wait until the stage shows these pixels, (1, H, W)."""
    wait_until(
        lambda: (
            (shown := read_image(pixels(page))).shape == expected.shape[1:]
            and np.abs(shown - expected[0].numpy()).max() <= LEVEL
        )
    )


#: Ticks of the map: the number written, and its place in percent; and the size of the map in pixels.
READ_TICKS = """() => {
  const read = (side, place) =>
    [...document.querySelectorAll(`.map .plot .${side} span`)]
      .map((tick) => [tick.textContent, parseFloat(tick.style[place])]);
  const { offsetWidth, offsetHeight } = document.querySelector(".plane");
  return { below: read("below", "left"), left: read("left", "bottom"), size: [offsetWidth, offsetHeight] };
}"""
FETCH = "(path) => fetch(path).then((response) => response.json())"


def place_of(ticks, value, length):
    """Where a value lies on an axis of this length in pixels, by its ticks."""
    (first, start), (last, end) = ((number(text), place) for text, place in (ticks[0], ticks[-1]))
    return (start + (end - start) * (value - first) / (last - first)) / 100 * length


def press_a_point(page, run="six", view="dims", label=None):
    """Press the point of a view of a run that is nearest to the middle of the map: one of a label, if given.

    Of a map with a selection only what is selected can be pressed.
    """
    shown = wait_until_same(lambda: page.evaluate(READ_TICKS))
    answer = page.evaluate(FETCH, f"/api/plane?run={run}&view={view}&n=2000")
    pairs = zip(answer["points"], answer["labels"], strict=True)
    points = np.array([point for point, own in pairs if label in (None, own)])
    width, height = shown["size"]
    x = place_of(shown["below"], points[:, 0], width)
    y = height - place_of(shown["left"], points[:, 1], height)
    i = np.hypot(x - width / 2, y - height / 2).argmin()
    box = page.locator(".plane").bounding_box()
    page.mouse.click(box["x"] + x[i], box["y"] + y[i])
    page.wait_for_selector(".neighbors li")
