"""The report of a run: one page that needs nothing else and has a section for every figure."""

import base64
import hashlib
import json
import re
import shutil

import numpy as np
import pytest
import torch

import elbowroom as er
from elbowroom.cli import main
from elbowroom.reporting import write_report
from tests.reporting.page import HtmlPage, read_report
from tests.tiny_recipes import by_family, representative_recipes


@pytest.mark.parametrize("name", by_family(representative_recipes()))
def test_a_report_needs_nothing_but_itself(runs, name):
    file = write_report(runs(name), examples=40)
    text = file.read_text(encoding="utf-8")
    page = HtmlPage(text)
    assert file == runs(name).path / "report.html"
    assert file.stat().st_size < 5_000_000
    assert all(value.startswith(("data:image/", "#")) for value in page.fetched)
    assert all(value[1:] in page.ids for value in page.fetched if value.startswith("#"))
    assert page.tags.count("link") == 1, "its icon, whose address is data"
    assert not {"iframe", "object", "embed", "base", "form"} & set(page.tags)
    assert not page.handlers
    assert "@import" not in text
    assert not re.findall(r"url\(", "".join(page.texts["style"]))
    assert len(page.ids) == len(set(page.ids))


def test_a_report_of_other_data_does_not_take_the_place_of_the_own(runs, digits, tmp_path):
    run, others = runs("vae"), np.random.default_rng(0).random((20, 8, 8), dtype=np.float32)
    own = write_report(run, examples=40).read_bytes()
    with pytest.raises(ValueError, match=r"array is not what the run was trained on: name a file .* --out FILE\.html"):
        write_report(run, others, examples=40)
    assert write_report(run, others, examples=40, out=tmp_path / "others.html").is_file()
    assert (run.path / "report.html").read_bytes() == own
    assert write_report(run, digits, examples=40) == run.path / "report.html", "its own data, given as an object"


def test_its_policy_lets_in_its_own_style_and_script_alone(runs):
    page = read_report(runs("vae"))
    rules = dict(rule.strip().split(" ", 1) for rule in page.policy.split(";"))
    assert rules["default-src"] == "'none'"
    assert rules["img-src"] == "data:"
    (style,) = page.texts["style"]
    script = next(text for text in page.texts["script"] if not text.startswith("{"))
    for rule, text in (("style-src", style), ("script-src", script)):
        assert rules[rule] == f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


HOSTILE = "<img src=x onerror=alert(1)>&\"'"


def test_names_are_words_and_nothing_else(tmp_path):
    """A run, a data set and classes whose names are markup."""
    rng = np.random.default_rng(0)
    classes = np.array(["</script><script>alert(2)</script>", "<b>bold", "'\"&amp;"])
    np.savez(tmp_path / "<i>data.npz", x=rng.random((90, 8, 8)), y=classes[rng.integers(0, 3, 90)])
    data = er.load_data(tmp_path / "<i>data.npz")
    run = er.fit(
        *er.recipes.vae(data.shape, latent=3), data, steps=3, batch_size=16, out=tmp_path / HOSTILE, device="cpu"
    )
    page = read_report(run)
    assert all(value.startswith(("data:image/", "#")) for value in page.fetched)
    assert page.texts["h1"] == [HOSTILE]
    assert page.data["latents"]["classes"] == sorted(classes)
    assert not {"i", "b"} & set(page.tags) - {"i", "b"}
    assert page.tags.count("script") == 2
    assert "<i>data" in page.words
    assert not page.handlers


def test_a_missing_figure_is_one_line_with_the_reason(runs):
    page = read_report(runs("autoencoder"))
    reasons = [" ".join(text.split()) for text in page.texts["p"] if text.startswith("Not shown")]
    assert reasons == [
        "Not shown: this model has no prior to sample from: give latents (z= in Python, --z on the command line), or "
        "fit a sampler to its latents (elbowroom fit-sampler).",
        "Not shown: the latent has 3 dimensions, not two: there is no one plane.",
    ]
    assert "Samples, nearest training examples" in page.texts["h2"]
    page = read_report(runs("vq_vae"))
    assert any(title.lower().endswith("the plane, decoded, traversals, interpolations") for title in page.texts["h2"])


def test_without_its_data_a_run_still_has_curves_and_samples(digits, tmp_path):
    """Data given as a Python object has to be given again; what needs none is there."""
    x, y = digits.train.first(200).x, digits.train.first(200).y
    torch.manual_seed(0)
    run = er.fit(*er.recipes.vae((1, 8, 8), latent=2), (x, y), steps=5, out=tmp_path / "run", device="cpu")
    page = read_report(run)
    assert {"course", "samples", "plane"} <= set(page.ids) - {"reconstructions"}
    missing = next(text for text in page.texts["p"] if text.startswith("Not shown"))
    assert "was trained on data given in Python: pass the same as data=" in missing
    complete = read_report(run, er.load_data((x, y)))
    assert not [text for text in complete.texts["p"] if text.startswith("Not shown")][1:]


def test_a_module_of_your_own_has_its_curves_and_its_facts(digits, tmp_path):
    module = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 64), torch.nn.Unflatten(1, (1, 8, 8)))
    loss = er.Loss(lambda output, x: ((output - x) ** 2).sum())
    run = er.fit(module, loss, digits, steps=3, out=tmp_path / "run", device="cpu")
    page = read_report(run, digits, module)
    assert "Sequential is a module of your own that does not return (reconstruction, mu, logvar)" in page.words
    assert "latents, KL per dimension" in page.words
    assert "The model was composed in Python, by no recipe: no command makes it again." in page.words
    assert f"{run.metrics('test')[-1]['loss']:.2f}" in page.words


def test_a_recipe_that_is_gone_costs_the_command_alone(runs, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(runs("vae").path, copy)
    record = json.loads((copy / "recipe.json").read_text()) | {"recipe": "lost_vae"}
    (copy / "recipe.json").write_text(json.dumps(record))
    page = read_report(copy)
    assert "No command repeats it: unknown recipe 'lost_vae'" in page.words
    assert page.data["charts"][0]["lines"]


def test_the_command_prints_the_path(runs, tmp_path, capsys):
    run = str(runs("vae").path)
    assert main(["report", run, "--examples", "20", "--out", str(tmp_path / "x.html")]) == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / "x.html")
    HtmlPage((tmp_path / "x.html").read_text())
    with pytest.raises(ValueError, match=r"cannot write .* give an --out you may write to"):
        write_report(run, examples=20, out=tmp_path / "no" / "x.html")


@pytest.mark.exhaustive
def test_large_color_images_stay_under_five_megabytes(tmp_path):
    """The worst case, noise, which no compression helps."""
    pixels = np.random.default_rng(0).integers(0, 256, (2600, 96, 96, 3), dtype=np.uint8)
    data = er.load_data(pixels, validation=100, test=2000)
    run = er.fit(*er.recipes.vae(data.shape, latent=2, hidden=(8,)), data, steps=2, out=tmp_path / "run", device="cpu")
    file = write_report(run, data, examples=2000)
    HtmlPage(file.read_text())
    assert file.stat().st_size < 5_000_000
