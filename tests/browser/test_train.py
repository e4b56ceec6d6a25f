"""The training form and the actions on a run in a browser: what they write, start and leave behind."""

import json

import pytest

import elbowroom as er
from tests.browser.helpers import wait_for_value, wait_until


@pytest.fixture
def run_copy(new_run):
    """A copy of the run ``six`` that the test may change."""
    return new_run("copied")


def open_form(page, server, address="vae"):
    page.goto(f"{server.url}/#/new/{address}")
    page.wait_for_selector(".train-form")


def command(page, *words):
    """The command that the form shows, once it has these words."""
    return wait_until(
        lambda: (text := page.inner_text(".train-form .command")) and all(w in text for w in words) and text
    )


def test_train_from_the_form_and_watch_a_curve_move(page, server, folder):
    page.goto(f"{server.url}/#/new/vae")
    page.fill("#field-data", "digits")
    page.fill("#field-epochs", "400")
    page.fill("#field-latent", "3")
    page.fill("input[name=name]", "from-the-form")
    page.click("text=Start training")
    page.wait_for_selector(".plotted canvas", timeout=60_000)
    label = lambda: page.get_attribute(".plotted", "aria-label")  # noqa: E731
    first = wait_until(label)
    wait_until(lambda: label() != first, 60)
    record = json.loads((folder / "from-the-form" / "recipe.json").read_text())
    assert record["recipe"] == "vae"
    assert record["arguments"]["latent"] == 3
    page.wait_for_selector(".film img")
    page.click("text=Pause")
    page.wait_for_selector(".state:has-text('paused')", timeout=30_000)
    step = er.Run(folder / "from-the-form").metrics()[-1]["step"]
    page.click("button:text-is('Resume')")
    page.wait_for_selector(".state.live", timeout=60_000)
    wait_until(lambda: er.Run(folder / "from-the-form").metrics()[-1]["step"] > step, 60)
    page.click("button:text-is('Stop')")
    page.wait_for_selector(".state:has-text('stopped')", timeout=30_000)


def test_the_form_shows_the_command_that_it_runs(page, server, folder):
    open_form(page, server)
    first = command(page, "elbowroom train vae")
    assert first.split()[2:4] == ["vae", "--data=digits"]
    assert len(first.split()) == 5, "defaults are not among the words"
    page.fill("#field-latent", "7")
    page.fill("#field-hidden", "32, 16")
    page.select_option("#field-likelihood", "gaussian")
    page.fill("#field-likelihood-setting", "0.1")
    page.select_option("#field-optimizer", "…")
    page.fill("#field-optimizer-other", "sgd(momentum=0.9)")
    page.select_option("#field-schedule", "cosine")
    page.fill("#field-name", "mine")
    words = command(page, "--out=", "mine", "--schedule").replace("'", "")
    for word in (
        *("--latent=7", "--hidden=32,16", "--likelihood=gaussian:0.1", "--optimizer=sgd(momentum=0.9)"),
        "--schedule=cosine",
    ):
        assert word in words


def test_the_form_says_what_there_is(page, server):
    """Cards with sizes and a picture; placeholders that belong to their fields; defaults as values."""
    open_form(page, server)
    digits = page.locator(".source:has-text('digits')").first
    assert digits.inner_text().split("\n")[-1] == "1,797 train · 8×8"
    wait_until(lambda: digits.locator("img").evaluate("image => image.naturalWidth") == 560)
    page.click("text=Advanced")
    placeholders = {"epochs": "10, or 1,000 steps", "resize": "28, 20", "clip": "off", "only": "0, 1"}
    for name, words in placeholders.items():
        assert page.get_attribute(f"#field-{name}", "placeholder") == words
    assert page.input_value("#field-lr") == "0.001"
    assert page.input_value("#field-hidden") == "400"
    assert {"relu", "gelu"} <= set(page.locator("#field-activation option").all_inner_texts())


#: Entries of the form that are refused, by their field, and words of the reason.
WRONG_ENTRIES = {
    "epochs": ("-3", "epochs: -3 is not in the range"),
    "latent": ("-1", "give a larger latent"),
    "clip": ("much", "clip: 'much' is not a valid"),
    "name": ("a/b", "is no directory name"),
    "data": ("nothing.npy", "there is no data 'nothing.npy' here"),
}


def test_an_error_stands_at_its_field_which_has_the_focus(page, server, folder):
    """Of a folded part of the form too; what is entered next takes it away."""
    page.refusals = {"400", "409"}
    before = set(folder.iterdir())
    open_form(page, server)
    for field, (value, words) in WRONG_ENTRIES.items():
        page.evaluate("document.querySelector('.advanced').open = true")
        right = page.input_value(f"#field-{field}")
        page.fill(f"#field-{field}", value)
        page.evaluate("document.querySelector('.advanced').open = false")
        page.click("text=Start training")
        shown = page.wait_for_selector("small.wrong:not([hidden])")
        assert words in shown.inner_text()
        wait_for_value(lambda: page.evaluate("document.activeElement.id"), f"field-{field}")
        assert page.get_attribute(f"#field-{field}", "aria-invalid") == "true"
        assert page.get_attribute(f"#field-{field}", "aria-describedby") == shown.get_attribute("id")
        page.fill(f"#field-{field}", right)
        page.wait_for_selector("small.wrong:not([hidden])", state="detached")
    assert set(folder.iterdir()) == before


def test_train_again_with_changes_fills_the_form(page, server):
    page.goto(f"{server.url}/#/run/six")
    page.click("text=Train again with changes")
    page.wait_for_selector(".origin:has-text('Filled with the values of six.')")
    assert page.input_value("#field-latent") == "6"
    assert page.input_value("#field-epochs") == "8"
    page.fill("#field-latent", "9")
    words = command(page, "--latent=9").split()
    assert {"--epochs=8", "--max-overhead=1"} <= set(words)
    page.click(".recipes button:has-text('beta_vae')")
    page.wait_for_selector("#field-beta")
    assert page.input_value("#field-latent") == "9", "what was entered stays where the other recipe has it"
    assert command(page, "train beta_vae", "--epochs=8")


def test_an_action_runs_and_its_result_is_linked_after_a_reload(page, server, run_copy):
    page.goto(f"{server.url}/#/run/copied")
    page.click("button:text-is('Fit a sampler')")
    assert page.input_value("#action-option") == "mixture:10"
    page.click("dialog dt button:text-is('gaussian')")
    assert page.input_value("#action-option") == "gaussian"
    page.fill("#action-option", "mixture:3")
    page.click("dialog button.main")
    page.wait_for_selector(".job.done:has-text('Fit a sampler (mixture:3)')", timeout=60_000)
    assert (run_copy / "sampler-mixture-3.safetensors").is_file()
    page.reload()
    page.wait_for_selector(".job.done:has-text('Fit a sampler (mixture:3)')")
    assert "--sampler mixture:3" in page.get_attribute("text=Copy the command that samples", "title")
    page.click("[aria-label='log of Fit a sampler']")
    wait_until(lambda: "sampler-mixture-3.safetensors" in page.inner_text("dialog .log"))


def test_more_epochs_are_asked_for_and_trained(page, server, run_copy):
    page.goto(f"{server.url}/#/run/copied")
    page.click("text=More epochs")
    page.fill("#more-epochs", "8")
    page.click("text=Go on")
    wait_for_value(lambda: page.inner_text("dialog .wrong"), "give more than the 8 that it has")
    page.fill("#more-epochs", "9")
    page.click("text=Go on")
    wait_until(lambda: er.Run(run_copy).metrics()[-1].get("epoch") == 9 and er.Run(run_copy).state == "finished", 180)
    page.wait_for_selector(".bar-of-run:has-text('epoch 9 of 9') .state.done")
    page.click("summary:text-is('Log of the training')")
    wait_until(lambda: "finished after" in page.inner_text(".log"), 60)


def test_a_deleted_run_comes_back_by_undo(page, server, run_copy):
    page.goto(f"{server.url}/#/run/copied")
    page.click("text=Rename, note, delete")
    page.click("text=Move to the trash")
    page.wait_for_selector("#toasts >> text=Copied is in the trash")
    assert not run_copy.exists()
    page.click("#toasts >> text=Undo")
    page.wait_for_selector("#toasts >> text=Copied is restored")
    assert (run_copy / "recipe.json").is_file()


def test_the_trash_shows_a_run_and_deletes_it_for_good(page, server, run_copy, folder):
    page.request.post(f"{server.url}/api/run/delete", data={"run": "copied"})
    page.goto(f"{server.url}/#/trash")
    row = page.locator(".run.away")
    text = wait_until(row.inner_text)
    assert text.startswith("copied\n")
    assert "vae on digits, epoch 8, best validation ELBO −" in text
    assert text.split("\n")[4].endswith(" MB")
    wait_until(lambda: row.locator("img").evaluate("image => image.naturalWidth") > 400)
    page.click("[aria-label='delete copied for good']")
    assert page.inner_text("dialog h2") == "Delete copied for good?"
    page.click("dialog .danger")
    page.wait_for_selector("text=The trash is empty.")
    assert list((folder / ".trash").iterdir()) == []
