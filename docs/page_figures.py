"""Take the docs' pictures of the studio, of reports, comparisons and explorers: ``python docs/page_figures.py FOLDER``.

FOLDER keeps the trainings (MNIST and Fashion-MNIST, about fifteen minutes on two cores); those that are there already
are not repeated. Needs Playwright and a Chromium (``CHROMIUM`` names it if it is not on the path).
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

IMAGES = Path(__file__).parent / "images"
LAPTOP = {"width": 1280, "height": 960}
PHONE = {"width": 390, "height": 844}
#: Time for charts and decoded images to be drawn, milliseconds.
SETTLE_MS = 2500

TRAININGS = {
    "studio/plane": "vae --data mnist --latent 2 --hidden 512,256 --epochs 20",
    "studio/ten": "vae --data mnist --latent 10 --epochs 15",
    "studio/beta4": "beta_vae --data mnist --beta 4 --epochs 8",
    "studio/fashion": "vae --data fashion-mnist --latent 16 --epochs 8",
    "studio/codebook": "vq_vae --data mnist --epochs 4",
    **{
        f"runs/vae-{latent}-seed{seed}": f"vae --data mnist --latent {latent} --seed {seed} --epochs 5"
        for latent in (2, 5, 10, 20)
        for seed in (0, 1, 2)
    },
    **{
        f"runs/autoencoder-10-seed{seed}": f"autoencoder --data mnist --latent 10 --seed {seed} --epochs 5"
        for seed in (0, 1, 2)
    },
}


def main(folder: Path) -> None:
    """Train what is missing, make the pages of one file, start the studio, and take the pictures."""
    for run, arguments in TRAININGS.items():
        if not (folder / run).exists():
            elbowroom("train", *arguments.split(), "--quiet", "--out", folder / run)
    elbowroom("export", folder / "studio/plane", "--html", folder / "explorer.html")
    elbowroom("report", folder / "studio/plane", "--out", folder / "report.html")
    elbowroom("compare", folder / "runs", "--baselines", "--out", folder / "comparison.html")
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    with sync_playwright() as p, studio(folder / "studio") as url:
        browser = p.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for name, (address, viewport, scheme, prepare) in PICTURES.items():
            place = f"{url}/#/{address}" if not address.endswith(".html") else (folder / address).resolve().as_uri()
            take(browser, place, IMAGES / f"{name}.png", viewport, scheme, prepare)
        browser.close()


def elbowroom(*arguments: str | Path) -> None:
    """Run an elbowroom command."""
    subprocess.run([sys.executable, "-m", "elbowroom", *map(str, arguments)], check=True)


@contextmanager
def studio(folder: Path) -> Iterator[str]:
    """Serve a folder of runs, and give the address."""
    command = [sys.executable, "-m", "elbowroom", "studio", str(folder), "--port", "0", "--no-browser"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield next(match[0].rstrip("/") for line in process.stdout if (match := re.search(r"http://\S+", line)))
    finally:
        process.terminate()
        process.wait()


def take(
    browser: Browser, place: str, path: Path, viewport: dict[str, int], scheme: str, prepare: Callable[[Page], None]
) -> None:
    """Open a page at a size and in a color scheme, bring it to a state, and write what is seen of it."""
    context = browser.new_context(viewport=viewport, color_scheme=scheme)  # type: ignore[arg-type]
    page = context.new_page()
    page.goto(place)
    page.wait_for_selector("h1")
    page.wait_for_timeout(SETTLE_MS)
    prepare(page)
    page.wait_for_timeout(SETTLE_MS)
    page.screenshot(path=path)
    context.close()
    print(path)


def as_it_opens(page: Page) -> None:
    """Leave the page as it opens."""


def at(selector: str) -> Callable[[Page], None]:
    """Scroll an element to the top of what is seen."""

    def scroll(page: Page) -> None:
        page.locator(selector).first.evaluate(
            "element => scrollTo(0, element.getBoundingClientRect().top + scrollY - 80)"
        )

    return scroll


def draw_seven(page: Page) -> None:
    """Draw a seven on the pad, and scroll to it."""
    at("canvas.pad")(page)
    box = page.locator("canvas.pad").first.bounding_box()
    assert box is not None
    stroke = [(0.28, 0.25), (0.5, 0.25), (0.72, 0.25), (0.6, 0.5), (0.48, 0.8)]
    places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in stroke]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=8)
    page.mouse.up()


#: Pictures by name: the address (a page of one file, or a view of the studio), size, color scheme, what is done first.
PICTURES: dict[str, tuple[str, dict[str, int], str, Callable[[Page], None]]] = {
    "studio-runs": ("", LAPTOP, "light", as_it_opens),
    "studio-watch": ("run/ten", LAPTOP, "light", as_it_opens),
    "studio-explore": ("explore/plane?z=-0.6,0.9", LAPTOP, "light", as_it_opens),
    "studio-codebook": ("explore/codebook", LAPTOP, "dark", as_it_opens),
    "studio-phone": ("explore/plane?z=-0.6,0.9", PHONE, "dark", as_it_opens),
    "studio-own": ("explore/plane", LAPTOP, "light", draw_seven),
    "explorer-laptop": ("explorer.html", LAPTOP, "light", as_it_opens),
    "explorer-phone": ("explorer.html", PHONE, "dark", as_it_opens),
    "report-head": ("report.html", LAPTOP, "light", as_it_opens),
    "report-codes": ("report.html", LAPTOP, "light", at("h2:has-text('Latents')")),
    "compare-figures": ("comparison.html", LAPTOP, "light", at("h2:has-text('Results')")),
    "compare-curves": ("comparison.html", LAPTOP, "light", at("h2:has-text('Training curves')")),
}


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("give the folder that keeps the trainings: python docs/page_figures.py FOLDER")
    main(Path(sys.argv[1]))
