"""Waiting for the page, and reading what its canvases show."""

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
