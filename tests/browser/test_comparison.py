"""The page of a comparison in a browser."""

import shutil

import pytest


def test_sorting_reading_and_bringing_forward(page, tmp_path):
    """In a browser: a click and the Enter key sort, within each protocol; lines are read with the arrow keys."""
    playwright = pytest.importorskip("playwright.sync_api")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("no chromium here")
    _, text = page
    (file := tmp_path / "page.html").write_text(text)
    with playwright.sync_playwright() as p:
        browser = p.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for width in (390, 1440):
            view = browser.new_page(viewport={"width": width, "height": 900})
            wrong = []
            view.on("pageerror", lambda error, wrong=wrong: wrong.append(str(error)))
            view.on("console", lambda message, wrong=wrong: wrong.append(message.text))
            view.on("request", lambda r, wrong=wrong: r.url.startswith("http") and wrong.append(r.url))
            view.goto(file.as_uri())
            assert view.evaluate("document.documentElement.scrollWidth") <= width
            head = view.locator("#figures thead button", has_text="squared error").first
            head.click()
            order = "bodies => [...bodies].map(b => [...b.rows].map(r => r.querySelector('.number:nth-last-child(6)')"
            order += "?.dataset.v).filter(v => v))"
            values = view.locator("table.figures").first.locator("tbody").evaluate_all(order)
            assert len(values) == 2
            for body in values:
                numbers = [float(v) for v in body]
                assert numbers == sorted(numbers)
            head.focus()
            view.keyboard.press("Enter")
            values = view.locator("table.figures").first.locator("tbody").evaluate_all(order)
            for body in values:
                assert [float(v) for v in body] == sorted((float(v) for v in body), reverse=True)
            area = view.locator("#curves .area").first
            area.focus()
            view.keyboard.press("ArrowLeft")
            view.keyboard.press("ArrowDown")
            reading = view.locator("#curves .reading").first
            assert reading.is_visible()
            assert "optimiser steps" in reading.inner_text()
            view.keyboard.press("Escape")
            assert not reading.is_visible()
            assert wrong == []
        browser.close()
