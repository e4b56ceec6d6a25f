"""Waiting for the page, and reading what it shows and writes."""

import time

WIDE = {"width": 1440, "height": 900}
PHONE = {"width": 390, "height": 844}


def pixels(page, selector=".decoded"):
    """What a canvas shows, as a data URL."""
    return page.evaluate(f"document.querySelector('{selector}').toDataURL()")


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
