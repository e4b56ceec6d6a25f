"""The studio in a browser: runs, training, comparison and trash, against the server as it is started."""

import json
import shutil
import time

from filelock import FileLock

from tests.browser.helpers import PHONE, WIDE, wait_until, wait_until_same


def test_runs_are_listed_searched_and_sorted(page, server):
    page.goto(server.url)
    page.wait_for_selector(".run")
    assert {h.inner_text().split()[0] for h in page.query_selector_all(".run h3")} == {"plane", "six"}
    page.fill("input[type=search]", "six")
    wait_until(lambda: page.locator(".run").count() == 1)
    page.fill("input[type=search]", "no such run")
    wait_until(lambda: "Nothing found" in page.inner_text(".groups"))


def test_compare(page, server):
    page.goto(server.url)
    page.wait_for_selector(".run")
    for name in ("plane", "six"):
        page.check(f"[aria-label='compare {name}']")
    page.click("text=Compare 2")
    page.wait_for_selector(".chart canvas")
    assert page.inner_text("h1") == "plane and six"
    heads = page.locator("table.figures").first.locator("thead th").all_inner_texts()
    assert [head.split("\n")[0] for head in heads[:2]] == ["latent", "learning rate"]
    rows = page.locator("table.figures").first.locator("tbody tr")
    assert [row.split()[:2] for row in rows.all_inner_texts()] == [["2", "0.003"], ["6", "0.001"]]
    for title in ("Reconstructions", "Samples"):  # the images are made after the figures, by both models
        page.wait_for_selector(f"h2:text-is('{title}')", timeout=60_000)


def test_rename_annotate_delete_and_restore(page, server, folder, new_run):
    new_run("spare")
    page.goto(server.url)
    page.click("[aria-label^='more for spare']", timeout=15_000)
    page.fill("dialog input", "A better name")
    page.fill("dialog textarea", "wider, slower")
    page.click("text=Save")
    page.wait_for_selector(".run h3:has-text('A better name')")
    page.wait_for_selector(".note:has-text('wider, slower')")
    page.click("[aria-label^='more for A better name']")
    page.click("text=Move to the trash")
    page.wait_for_selector(".run h3:has-text('A better name')", state="detached")
    assert not (folder / "spare").exists()
    page.goto(f"{server.url}/#/trash")
    page.click("text=Restore")
    page.wait_for_selector("text=Spare is restored")
    assert (folder / "spare" / "recipe.json").is_file()


def test_a_damaged_run_is_shown_as_damaged_and_breaks_nothing(page, server, folder):
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
    for view in ("", "#/run/six", "#/explore/six", "#/compare/plane,six", "#/new/vae"):
        page.goto(f"{server.url}/{view}")
        page.wait_for_selector("h1")
        page.wait_for_timeout(400)
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= PHONE["width"], f"{view} is {width} wide"
    context.close()


def test_the_page_reconnects_to_a_restarted_server(browser, own_server):
    context = browser.new_context(viewport=WIDE)
    page = context.new_page()
    page.goto(own_server.url)
    page.wait_for_selector(".run")
    own_server.kill()
    page.wait_for_selector(".link.lost")
    own_server.start(port=own_server.url.rsplit(":", 1)[1])
    page.wait_for_selector(".link:not(.lost)", state="attached", timeout=20_000)
    wait_until(lambda: page.locator(".run:has-text('plane')").count() == 1)
    context.close()
    assert own_server.stop() == 0


def test_a_page_left_open_does_not_grow(page, server, new_run):
    """After ten thousand rows and four hundred images the page has no more elements than after the first thousand."""
    run = new_run("long")
    lines = [line for line in (run / "metrics.jsonl").read_text().splitlines() if '"end"' not in line]
    (run / "metrics.jsonl").write_text("\n".join(lines) + "\n")
    last = json.loads(next(line for line in reversed(lines) if '"validation"' in line))
    snapshot = json.loads(next(line for line in reversed(lines) if '"look"' in line))
    image = next(run.glob("images/reconstructions-*.png")).read_bytes()

    def write(epochs):
        for epoch in epochs:
            (run / "images" / f"reconstructions-{epoch:04d}.png").write_bytes(image)
            at = {"epoch": epoch, "step": 100 * epoch, "seconds": float(epoch)}
            rows = [last | at | {"split": "train", "step": 100 * epoch - 96 + 4 * i} for i in range(24)]
            rows += [last | at, snapshot | {"epoch": epoch, "step": 100 * epoch}]
            with (run / "metrics.jsonl").open("a") as file:
                file.write("".join(json.dumps(row) + "\n" for row in rows))
            time.sleep(0.02)

    def count_elements(epoch):
        wait_until(lambda: page.inner_text(".through output") == f"epoch {epoch}", 60)
        page.wait_for_timeout(1500)
        return wait_until_same(lambda: page.evaluate("document.querySelectorAll('*').length"))

    with FileLock(run / ".lock"):
        page.goto(f"{server.url}/#/run/long")
        page.wait_for_selector(".plotted canvas")
        write(range(9, 50))
        early = count_elements(49)
        write(range(50, 450))
        late = count_elements(449)
    assert late <= early + 20
