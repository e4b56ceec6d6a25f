"""The explorer page: its data, its limits, and runs without data."""

import base64
import html
import html.parser
import json

import numpy as np
import pytest
import torch

import elbowroom as er
from elbowroom.cli import main
from elbowroom.exporting import explorer
from elbowroom.exporting.exported_run import ExportedRun


class FetchedUrls(html.parser.HTMLParser):
    found = ()

    def handle_starttag(self, tag, attributes):
        names = {"src", "href", "srcset", "action", "data", "poster"}
        self.found += tuple(value for name, value in attributes if name in names)


def test_the_page_is_one_file_that_asks_for_nothing(run, tmp_path, chromium):
    """From disk, the network blocked: it decodes, agrees with torch, follows the pointer, and makes no request."""
    path = tmp_path / "explorer.html"
    (exported,) = er.export(run, html=path)
    assert exported.path == path
    text = path.read_text()
    reader = FetchedUrls()
    reader.feed(text)
    assert all(url.startswith("data:") for url in reader.found)
    assert "default-src 'none'" in html.unescape(text)
    assert "unsafe-eval" not in text
    page = chromium().new_context(offline=True).new_page()
    requests, errors = [], []
    page.on("request", lambda request: requests.append(request.url))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.goto(path.as_uri())
    page.wait_for_selector("body[data-checked]")
    assert float(page.get_attribute("body", "data-checked")) < explorer.MAX_HALF_ERROR
    shown = "() => Array.from(document.getElementById('shown').getContext('2d').getImageData(0, 0, 8, 8).data)"
    before = page.evaluate(shown)
    plane = page.locator("#plane")
    plane.click(position={"x": 40, "y": 40})
    page.wait_for_timeout(200)
    assert page.evaluate(shown) != before
    latent = [float(v.replace("−", "-")) for v in page.inner_text("#read").removeprefix("z = ").split(", ")]
    want = er.load(run).sample(z=torch.tensor([latent]))[0, 0].clamp(0, 1) * 255
    got = np.array(page.evaluate(shown)).reshape(8, 8, 4)[..., 0]
    assert np.abs(got - want.numpy()).max() < 2  # the latent on the page has three digits
    plane.press("ArrowRight")
    assert page.inner_text("#read") != ""
    page.click("#mean")
    centre = json.loads(text.partition('id="data">')[2].partition("</script>")[0])["codes"]["centre"]
    shown = [float(v.replace("−", "-")) for v in page.inner_text("#read").removeprefix("z = ").split(", ")]
    assert shown == pytest.approx(centre, rel=0.01, abs=1e-3)
    outputs = page.locator(".dial output").all_inner_texts()
    assert sorted(float(v.replace("−", "-")) for v in outputs) == pytest.approx(sorted(centre), abs=0.0051)
    page.click("#draw")
    page.click("#pin-1")
    page.click("#play")
    page.wait_for_timeout(100)
    page.click("#play")
    assert {url.partition(":")[0] for url in requests} <= {"file", "blob"}
    assert len([url for url in requests if url.startswith("file")]) == 1
    assert not errors


def test_a_page_that_is_too_large_is_refused(run, tmp_path, capsys):
    assert main(["export", str(run.path), "--html", str(tmp_path / "a.html"), "--max-mb", "0.001"]) == 2
    printed = capsys.readouterr().err
    assert "the decoder has 0.0 MB of weights and a page takes 0.001: give a larger --max-mb" in printed
    assert printed.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_a_condition_is_chosen_on_the_page(digits, tmp_path):
    model, objective = er.recipes.cvae(digits.shape, latent=3, hidden=(16,), prior="learned")
    run = er.fit(model, objective, digits, steps=5, out=tmp_path / "run", device="cpu")
    told = ExportedRun(run)
    data = json.loads(explorer.render_explorer(told, 20)[0].partition('id="data">')[2].partition("</script>")[0])
    assert data["condition"] == {"names": [str(i) for i in range(10)], "several": False}
    assert set(data["program"]["inputs"]) == {"z", "c"}
    sampling = data["codes"]["sampling"]
    assert (sampling["from"], sampling["each"], sampling["n"]) == ("the prior", 10, 2000)
    drawn = np.frombuffer(base64.b64decode(sampling["codes"]), "<f4").reshape(200, 10, 3)
    want = model.prior(torch.eye(10)).mean.detach().numpy()
    # The mean of 200 draws of each class, of standard deviations near one.
    assert np.abs(drawn.mean(0) - want).max() < 5 * 1.5 / 200**0.5


def test_without_its_data_a_run_is_exported_all_the_same(tmp_path):
    model, objective = er.recipes.vae((9,), latent=4, hidden=(8,), likelihood="gaussian:1")
    run = er.fit(model, objective, torch.randn(40, 9), steps=3, batch_size=8, out=tmp_path / "run", device="cpu")
    text, _ = explorer.render_explorer(ExportedRun(run), 20)
    assert "was trained on data given in Python" in text
    data = json.loads(text.partition('id="data">')[2].partition("</script>")[0])
    assert data["codes"]["planes"][0]["points"] is None
    assert len(data["codes"]["dials"]) == 4


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "nothing to export was named: give --html FILE.html, --onnx FOLDER, --diffusers FOLDER or --hub FOLDER"),
        (["--html", "page.txt"], "--html page.txt: the name must end in .html"),
        (["--html", "no-such/page.html"], "there is no folder no-such; make it first"),
    ],
)
def test_errors_say_what_to_do(run, capsys, arguments, words):
    assert main(["export", str(run.path), *arguments]) == 2
    assert words in capsys.readouterr().err
