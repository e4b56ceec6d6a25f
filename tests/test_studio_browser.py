"""The studio as people use it: in a browser, with the mouse, against the server as it is started."""

import base64
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import elbowroom as er

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium here")
sync_api = pytest.importorskip("playwright.sync_api", reason="no playwright here: pip install playwright")

WIDE, PHONE = {"width": 1440, "height": 900}, {"width": 390, "height": 844}


class Server:
    """``elbowroom studio`` on a folder, started as from a terminal."""

    def __init__(self, folder):
        self.folder = folder
        self.start()

    def start(self, port="0"):
        command = [sys.executable, "-m", "elbowroom", "studio", str(self.folder), "--port", port, "--no-browser"]
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"}
        )
        for line in self.process.stdout:
            if found := re.search(r"http://\S+", line):
                self.url = found[0].rstrip("/")
                return
        raise AssertionError("the studio did not start")

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(20)


@pytest.fixture(scope="module")
def folder(tmp_path_factory, digits):
    """Two small runs: one whose code is a plane, one with more dimensions."""
    here = tmp_path_factory.mktemp("studio") / "runs"
    for name, latent, lr in (("plane", 2, 3e-3), ("six", 6, 1e-3)):
        recipe = er.recipes.vae(digits.shape, latent=latent)
        er.fit(*recipe, digits, epochs=8, lr=lr, out=here / name)
    return here


@pytest.fixture(scope="module")
def server(folder):
    made = Server(folder)
    yield made
    made.stop()


@pytest.fixture(scope="module")
def browser():
    with sync_api.sync_playwright() as p:
        running = p.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield running
        running.close()


@pytest.fixture
def page(browser, server):
    """A page on which nothing goes wrong, and from which nothing goes elsewhere."""
    context = browser.new_context(viewport=WIDE)
    opened = context.new_page()
    wrong, asked = [], []
    opened.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
    opened.on("pageerror", lambda error: wrong.append(str(error)))
    opened.on("request", lambda request: asked.append(request.url))
    opened.wrong, opened.asked = wrong, asked
    yield opened
    context.close()
    elsewhere = [url for url in asked if not url.startswith((server.url, "data:", "blob:"))]
    assert not elsewhere, "the page asks no other host"
    assert not wrong


def pixels(page, selector=".decoded"):
    """What a canvas shows, as text that differs where the picture does."""
    return page.evaluate(f"document.querySelector('{selector}').toDataURL()")


def explore(page, server, run="plane"):
    page.goto(f"{server.url}/#/explore/{run}")
    page.wait_for_selector(".decoded")
    page.wait_for_selector(".busy", state="hidden", timeout=60_000)
    # A canvas nobody has drawn on is 300 wide.
    until(lambda: page.evaluate("document.querySelector('.decoded').width < 300"))


def until(check, seconds=20):
    """Wait for something to become true."""
    end = time.monotonic() + seconds
    while not (found := check()):
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.1)
    return found


def test_runs_are_listed_searched_and_sorted(page, server):
    page.goto(server.url)
    page.wait_for_selector(".run")
    assert {h.inner_text().split()[0] for h in page.query_selector_all(".run h2")} == {"plane", "six"}
    page.fill("input[type=search]", "six")
    until(lambda: page.locator(".run").count() == 1)
    page.fill("input[type=search]", "no such run")
    assert "Nothing found" in page.inner_text(".runs")


def test_train_from_the_form_and_watch_a_curve_move(page, server, folder):
    page.goto(f"{server.url}/#/new/vae")
    page.fill("#field-data", "digits")
    page.fill("#field-epochs", "400")
    page.fill("#field-latent", "3")
    page.fill("input[name=name]", "from-the-form")
    page.click("text=Start training")
    page.wait_for_selector(".plotted canvas", timeout=60_000)
    said = lambda: page.get_attribute(".plotted", "aria-label")  # noqa: E731
    first = until(said)
    assert until(lambda: said() != first)
    record = json.loads((folder / "from-the-form" / "recipe.json").read_text())
    assert record["recipe"] == "vae"
    assert record["arguments"]["latent"] == 3
    page.wait_for_selector(".film img")
    page.click("text=Pause")
    page.wait_for_selector(".state:has-text('paused')", timeout=30_000)
    step = er.Run(folder / "from-the-form").metrics()[-1]["step"]
    page.click("button:text-is('Resume')")
    page.wait_for_selector(".state.live", timeout=60_000)
    until(lambda: er.Run(folder / "from-the-form").metrics()[-1]["step"] > step)
    page.click("button:text-is('Stop')")
    page.wait_for_selector(".state:has-text('stopped')", timeout=30_000)


def test_a_form_says_what_is_wrong_with_a_value(page, server):
    page.goto(f"{server.url}/#/new/vae")
    page.fill("#field-epochs", "-3")
    page.click("text=Start training")
    page.wait_for_selector("[role=alert]:not([hidden])")
    assert "epochs" in page.inner_text("[role=alert]")
    page.wrong[:] = [text for text in page.wrong if "400" not in text]


def test_dragging_decodes(page, server):
    explore(page, server)
    before = pixels(page)
    box = page.locator(".plane").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    seen = set()
    for i in range(20):
        page.mouse.move(x + 8 * i, y + 5 * i)
        page.wait_for_timeout(25)
        seen.add(pixels(page))
    page.mouse.up()
    assert len(seen - {before}) > 3


def test_pictures_are_laid_under_the_points(page, server):
    explore(page, server)
    before = pixels(page, ".plane")
    page.click("button:text-is('Pictures')")
    until(lambda: len(pixels(page, ".plane")) > 1.2 * len(before))


def test_the_keyboard_moves_the_point(page, server):
    explore(page, server)
    before = pixels(page)
    page.focus(".plane")
    for _ in range(12):
        page.keyboard.press("Shift+ArrowRight")
    until(lambda: pixels(page) != before)


def test_the_picture_under_the_hand_is_the_models(page, server, folder):
    """Oracle: the code that the sliders show, decoded in Python, is what the canvas shows."""
    import numpy as np
    import torch
    from PIL import Image

    explore(page, server)
    for slider, value in zip(page.query_selector_all(".sliders input"), ("1.2", "-0.6"), strict=True):
        slider.evaluate(f"s => {{ s.value = {value}; s.dispatchEvent(new Event('input')); }}")
    order = [int(row.get_attribute("data-dimension")) for row in page.query_selector_all(".sliders .slider")]
    values = [float(s.evaluate("s => s.value")) for s in page.query_selector_all(".sliders input")]
    z = torch.zeros(1, 2)
    z[0, order] = torch.tensor(values)
    expected = (er.load(folder / "plane").sample(z=z)[0, 0] * 255).round().numpy()

    def shown():
        data = base64.b64decode(pixels(page).split(",")[1])
        return np.asarray(Image.open(io.BytesIO(data)).convert("L")).astype(float)

    until(lambda: shown().shape == expected.shape and abs(shown() - expected).max() <= 1)


def test_views_lasso_and_classes(page, server):
    explore(page, server, "six")
    page.select_option("[aria-label='view of the codes']", "pca")
    page.wait_for_selector(".axes:has-text('test split')")
    page.click("text=Lasso")
    box = page.locator(".plane").bounding_box()
    corners = [(0.2, 0.2), (0.8, 0.2), (0.8, 0.8), (0.2, 0.8)]
    page.mouse.move(box["x"] + box["width"] * 0.2, box["y"] + box["height"] * 0.2)
    page.mouse.down()
    for x, y in [*corners[1:], corners[0]]:
        page.mouse.move(box["x"] + box["width"] * x, box["y"] + box["height"] * y, steps=4)
    page.mouse.up()
    page.wait_for_selector(".lassoed img")
    assert re.match(r"\d+ examples", page.inner_text(".lassoed"))
    page.select_option("[aria-label='view of the codes']", "tsne")
    page.wait_for_selector(".busy", state="hidden", timeout=60_000)
    page.click("text=Move")
    before = pixels(page)
    page.mouse.click(box["x"] + box["width"] * 0.3, box["y"] + box["height"] * 0.4)
    until(lambda: pixels(page) != before)


def test_drop_a_picture_and_draw_a_digit(page, server, digits):
    from PIL import Image

    explore(page, server)
    array = (digits.test.first(1).x[0, 0] * 255).byte().numpy()
    file = io.BytesIO()
    Image.fromarray(array).resize((64, 64), Image.Resampling.NEAREST).save(file, "PNG")
    page.set_input_files(".drop input", {"name": "digit.png", "mimeType": "image/png", "buffer": file.getvalue()})
    page.wait_for_selector(".pair-of-pictures img")
    dropped = page.inner_text(".scores")
    assert page.locator(".strip .cell").count() >= 5

    page.locator(".pad").scroll_into_view_if_needed()
    pad = page.locator(".pad").bounding_box()
    page.mouse.move(pad["x"] + 110, pad["y"] + 30)
    page.mouse.down()
    page.mouse.move(pad["x"] + 112, pad["y"] + 190, steps=12)
    page.mouse.up()
    until(lambda: page.inner_text(".scores") != dropped)
    assert "ELBO" in page.inner_text(".scores")
    page.set_input_files(".drop input", {"name": "no.png", "mimeType": "image/png", "buffer": b"not a picture"})
    page.wait_for_selector("#told .wrong")
    page.wrong[:] = [text for text in page.wrong if "400" not in text]


def test_interpolation_samples_and_files(page, server):
    explore(page, server)
    box = page.locator(".plane").bounding_box()
    for name, at in (("A", 0.3), ("B", 0.7)):
        page.mouse.click(box["x"] + box["width"] * at, box["y"] + box["height"] * 0.5)
        page.click(f"text=Pin as {name}")
    page.click("text=Between two")
    page.wait_for_selector(".wide-strip img")
    assert page.locator(".wide-strip img").count() == 9
    for kind, magic in (("GIF", b"GIF8"), ("PNG", b"\x89PNG"), ("NPZ", b"PK")):
        with page.expect_download() as waiting:
            page.click(f".take button:text-is('{kind}')")
        assert Path(waiting.value.path()).read_bytes().startswith(magic)
    page.click("[role=tab]:has-text('Samples')")
    page.wait_for_selector(".grid-of-samples img")
    first = page.get_attribute(".grid-of-samples img", "src")
    page.click("text=Again")
    until(lambda: page.get_attribute(".grid-of-samples img", "src") != first)
    page.click(".take button:text-is('Copy code')")
    assert "elbowroom sample" in page.inner_text("dialog")
    assert "import elbowroom" in page.inner_text("dialog")


def test_compare(page, server):
    page.goto(server.url)
    page.wait_for_selector(".run")
    for name in ("plane", "six"):
        page.check(f"[aria-label='compare {name}']")
    page.click("text=Compare 2")
    page.wait_for_selector(".chart canvas")
    differ = page.inner_text(".settings tbody")
    assert "latent" in differ
    assert "lr" in differ
    assert page.locator(".side-by-side img").count() == 4


def test_rename_annotate_delete_and_have_it_back(page, server, folder):
    shutil.copytree(folder / "six", folder / "spare")
    page.goto(server.url)
    page.click("[aria-label^='more for spare']", timeout=15_000)
    page.fill("dialog input", "A better name")
    page.fill("dialog textarea", "wider, slower")
    page.click("text=Keep")
    page.wait_for_selector(".run h2:has-text('A better name')")
    page.wait_for_selector(".note:has-text('wider, slower')")
    page.click("[aria-label^='more for A better name']")
    page.click("text=Move to the trash")
    page.wait_for_selector(".run h2:has-text('A better name')", state="detached")
    assert not (folder / "spare").exists()
    page.goto(f"{server.url}/#/trash")
    page.click("text=Put back")
    until(lambda: (folder / "spare" / "recipe.json").is_file())
    shutil.rmtree(folder / "spare")


def test_a_damaged_run_shows_as_such_and_breaks_nothing(page, server, folder):
    (folder / "half").mkdir()
    (folder / "half" / "recipe.json").write_text('{"recipe": "va')
    page.goto(server.url)
    page.wait_for_selector(".run:has-text('half') .state.bad")
    shutil.rmtree(folder / "half")
    page.wait_for_selector(".run:has-text('half')", state="detached", timeout=15_000)
    assert page.locator(".run:has-text('plane')").count() == 1


def test_every_view_fits_a_phone(browser, server):
    context = browser.new_context(viewport=PHONE)
    page = context.new_page()
    for address in ("", "#/run/six", "#/explore/six", "#/compare/plane,six", "#/new/vae"):
        page.goto(f"{server.url}/{address}")
        page.wait_for_selector("h1")
        page.wait_for_timeout(400)
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= PHONE["width"], f"{address} is {wide} wide"
    context.close()


def test_a_killed_server_comes_back_to_the_same(browser, folder):
    made = Server(folder)
    context = browser.new_context(viewport=WIDE)
    page = context.new_page()
    page.goto(made.url)
    page.wait_for_selector(".run")
    made.process.kill()
    made.process.wait()
    page.wait_for_selector(".link.lost")
    made.start(port=made.url.rsplit(":", 1)[1])
    page.wait_for_selector(".link:not(.lost)", state="attached", timeout=20_000)
    assert page.locator(".run:has-text('plane')").count() == 1
    context.close()
    assert made.stop() == 0


def test_export_opens_with_the_server_down(browser, folder, tmp_path):
    target = tmp_path / "explorer.html"
    command = [sys.executable, "-m", "elbowroom", "export", str(folder / "plane"), "--html", str(target)]
    subprocess.run(command, check=True, capture_output=True)
    context = browser.new_context(viewport=WIDE, offline=True)
    page = context.new_page()
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(target.as_uri())
    page.wait_for_selector("canvas")
    assert all(url.startswith(("file:", "data:", "blob:")) for url in asked)
    context.close()


def test_a_page_left_open_does_not_grow(page, server, folder):
    """Ten thousand rows and four hundred pictures later it holds no more than after the first thousand."""
    from filelock import FileLock

    run = folder / "long"
    shutil.copytree(folder / "six", run)
    kept = [line for line in (run / "metrics.jsonl").read_text().splitlines() if '"end"' not in line]
    (run / "metrics.jsonl").write_text("\n".join(kept) + "\n")
    last = json.loads(next(line for line in reversed(kept) if '"validation"' in line))
    looked = json.loads(next(line for line in reversed(kept) if '"look"' in line))
    picture = next(run.glob("images/reconstructions-*.png")).read_bytes()

    def write(epochs):
        for epoch in epochs:
            (run / "images" / f"reconstructions-{epoch:04d}.png").write_bytes(picture)
            at = {"epoch": epoch, "step": 100 * epoch, "seconds": float(epoch)}
            rows = [last | at | {"split": "train", "step": 100 * epoch - 96 + 4 * i} for i in range(24)]
            rows += [last | at, looked | {"epoch": epoch, "step": 100 * epoch}]
            with (run / "metrics.jsonl").open("a") as file:
                file.write("".join(json.dumps(row) + "\n" for row in rows))
            time.sleep(0.02)

    def settled(epoch):
        until(lambda: page.inner_text(".through output") == f"epoch {epoch}", 60)
        page.wait_for_timeout(1500)
        return page.evaluate("document.querySelectorAll('*').length")

    with FileLock(run / ".lock"):
        page.goto(f"{server.url}/#/run/long")
        page.wait_for_selector(".plotted canvas")
        write(range(9, 50))
        early = settled(49)
        write(range(50, 450))
        late = settled(449)
    assert late <= early + 20
    shutil.rmtree(run)
