"""The report: one page that needs nothing else, tells the run's own numbers, and holds whatever it is given."""

import base64
import hashlib
import json
import re
import shlex
import shutil
from html.parser import HTMLParser
from pathlib import Path

import click
import numpy as np
import pytest
import torch

import elbowroom as er
from elbowroom.cli import main
from elbowroom.recipes import RECIPES
from elbowroom.reporting import write_report
from elbowroom.runs import repeat_command
from elbowroom.training.state import DATA, MODEL, RUN, STOP, State
from elbowroom.workbench.monitoring.report import write_final_report

SMALL = {
    "factor_vae": {"critic": (16,), "latent": 4},
    "vamp_vae": {"components": 10},
    "vq_vae": {"codes": 8, "dim": 3},
    "ladder_vae": {"latent": (6, 3), "hidden": (32, 16)},
    "vae": {"latent": 2},
    "iwae": {"k": 3},
    "m2": {"latent": 3, "hidden": (16,)},
}
#: Elements that have no end.
VOID = {"meta", "img", "br", "link", "input", "hr"}
#: Attributes that make a browser fetch something.
FETCHES = {"src", "srcset", "href", "action", "data", "poster", "background", "formaction", "xlink:href"}


class Page(HTMLParser):
    """A page taken apart: what it would fetch, its texts by element, and whether its elements are closed."""

    def __init__(self, text):
        super().__init__()
        self.open, self.fetched, self.tags, self.ids, self.texts, self.handlers = [], [], [], [], {}, []
        self.policy = ""
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        for name, value in attributes:
            if name in FETCHES:
                self.fetched.append(value)
            if name == "id":
                self.ids.append(value)
            if name.startswith("on"):
                self.handlers.append(name)
        if ("http-equiv", "Content-Security-Policy") in attributes:
            self.policy = dict(attributes)["content"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open, tag
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.setdefault(self.open[-1] if self.open else "", []).append(data)

    @property
    def data(self):
        return json.loads(next(text for text in self.texts["script"] if text.startswith('{"charts"')))

    @property
    def words(self):
        return " ".join(" ".join(texts) for tag, texts in self.texts.items() if tag not in ("script", "style"))


@pytest.fixture(scope="module")
def runs(digits, tmp_path_factory):
    """A short run of any recipe, trained when first asked for."""
    made = {}

    def run(name, **settings):
        if name not in made:
            torch.manual_seed(0)
            model, objective = RECIPES[name](digits.shape, **SMALL.get(name, {}))
            out = tmp_path_factory.mktemp(name) / "run"
            made[name] = er.fit(model, objective, digits, epochs=2, out=out, device="cpu", **settings)
        return made[name]

    return run


def page(run, *args, **settings):
    return Page(write_report(run, *args, **{"examples": 40} | settings).read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", list(RECIPES))
def test_a_report_needs_nothing_but_itself(runs, name):
    file = write_report(runs(name), examples=40)
    text = file.read_text(encoding="utf-8")
    shown = Page(text)
    assert file == runs(name).path / "report.html"
    assert file.stat().st_size < 5_000_000
    assert all(value.startswith(("data:image/", "#")) for value in shown.fetched)
    assert all(value[1:] in shown.ids for value in shown.fetched if value.startswith("#"))
    assert not {"link", "iframe", "object", "embed", "base", "form"} & set(shown.tags)
    assert not shown.handlers
    assert "@import" not in text
    assert not re.findall(r"url\(", "".join(shown.texts["style"]))
    assert len(shown.ids) == len(set(shown.ids))


def test_its_policy_lets_in_its_own_style_and_script_alone(runs):
    shown = page(runs("vae"))
    rules = dict(rule.strip().split(" ", 1) for rule in shown.policy.split(";"))
    assert rules["default-src"] == "'none'"
    assert rules["img-src"] == "data:"
    (style,) = shown.texts["style"]
    script = next(text for text in shown.texts["script"] if not text.startswith("{"))
    for rule, text in (("style-src", style), ("script-src", script)):
        assert rules[rule] == f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


@pytest.mark.parametrize("name", ["vae", "factor_vae", "autoencoder"])
def test_its_numbers_are_those_of_the_metrics(runs, name):
    run, shown = runs(name), page(runs(name))
    last = run.metrics("test")[-1]
    told = [text.replace("−", "-") for text in shown.texts["dd"]]
    names = ["elbo", "reconstruction", "kl"] if "elbo" in last else ["loss", "reconstruction"]
    assert told[: len(names)] == [f"{last[key]:.2f}" for key in names]
    assert f"mean over {last['examples']:,} test examples, epoch 2" in shown.words
    loss = shown.data["charts"][0]
    for line in loss["lines"]:
        rows = run.metrics(line["name"])
        assert line["x"] == [row["step"] for row in rows]
        assert line["y"] == pytest.approx([row["loss"] for row in rows], rel=1e-5)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("beta_vae", "A beta_vae (Higgins et al. 2017) with a code of 20 dimensions and "),
        ("iwae", "An iwae (Burda, Grosse & Salakhutdinov 2016) with a code of 20 dimensions and "),
        ("ladder_vae", "A ladder_vae (Sønderby et al. 2016) with 2 latents, the uppermost of 3 dimensions, and "),
        ("vq_vae", "A vq_vae (van den Oord, Vinyals & Kavukcuoglu 2017) with 20 codes of 3 numbers and "),
    ],
)
def test_it_begins_with_a_sentence(runs, name, words):
    run, said = runs(name), page(runs(name)).words
    assert words + f"{run.record['parameters']:,} parameters, trained on the 1,258 training examples of digits" in said
    assert "for 2 epochs, 20 steps, in " in said


def test_the_points_are_the_codes_of_the_examples(runs, digits):
    run = runs("beta_vae")
    told = page(run, examples=500).data["codes"]
    x, y = digits.test.first(1000).x, digits.test.first(1000).y
    z = er.load(run).encode(x)
    assert sorted(told["index"]) == list(range(359))
    for which, values in zip(told["dimensions"][:2], (told["views"][0]["x"], told["views"][0]["y"]), strict=True):
        dim = int(which["name"][1:].translate(str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789"))) - 1
        np.testing.assert_allclose(values, z[told["index"], dim], rtol=1e-3, atol=1e-3)
    assert told["labels"] == y[told["index"]].tolist()
    assert [view["name"] for view in told["views"]] == ["two dimensions", "PCA", "t-SNE"]


def test_the_thumbnails_are_the_examples(runs, digits):
    from io import BytesIO

    from PIL import Image

    told = page(runs("vae"), examples=60).data["codes"]
    sheet = told["sheet"]
    picture = Image.open(BytesIO(base64.b64decode(sheet["source"].partition(",")[2]))).convert("L")
    pixels = torch.from_numpy(np.asarray(picture).copy()).float() / 255
    x = digits.test.first(400).x[torch.tensor(told["index"])]
    size, across = sheet["width"], sheet["across"]
    found = torch.stack([pixels[i // across * size :, i % across * size :][:size, :size] for i in range(60)])
    nearest = torch.cdist(found.flatten(1), x.flatten(1)).argmin(1)
    assert torch.equal(nearest, torch.arange(60))


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
    shown = page(run)
    assert all(value.startswith(("data:image/", "#")) for value in shown.fetched)
    assert shown.texts["h1"] == [HOSTILE]
    assert shown.data["codes"]["classes"] == sorted(classes)
    assert not {"i", "b"} & set(shown.tags) - {"i", "b"}
    assert shown.tags.count("script") == 2
    assert "<i>data" in shown.words
    assert not shown.handlers


def test_what_a_model_has_not_is_said_in_one_line(runs):
    shown = page(runs("autoencoder"))
    why = [" ".join(text.split()) for text in shown.texts["p"] if text.startswith("Not shown")]
    assert why == [
        "Not shown: this model has no prior to sample from: give codes (z= in Python, --z on the command line).",
        "Not shown: the code has 20 dimensions, not two: there is no one plane.",
    ]
    assert "Samples, nearest training examples" in shown.texts["h2"]
    shown = page(runs("vq_vae"))
    assert any(title.lower().endswith("the plane, decoded, traversals, interpolations") for title in shown.texts["h2"])


def test_without_its_data_a_run_still_has_curves_and_samples(digits, tmp_path):
    """Data given as a Python object has to be given again; what needs none is there."""
    x, y = digits.train.first(200).x, digits.train.first(200).y
    torch.manual_seed(0)
    run = er.fit(*er.recipes.vae((1, 8, 8), latent=2), (x, y), steps=5, out=tmp_path / "run", device="cpu")
    shown = page(run)
    assert {"course", "samples", "plane"} <= set(shown.ids) - {"reconstructions"}
    missing = next(text for text in shown.texts["p"] if text.startswith("Not shown"))
    assert "was trained on data given in Python: pass the same as data=" in missing
    whole = page(run, er.load_data((x, y)))
    assert not [text for text in whole.texts["p"] if text.startswith("Not shown")][1:]


def test_a_module_of_your_own_has_its_curves_and_its_facts(digits, tmp_path):
    module = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 64), torch.nn.Unflatten(1, (1, 8, 8)))
    loss = er.Loss(lambda output, x: ((output - x) ** 2).sum())
    run = er.fit(module, loss, digits, steps=3, out=tmp_path / "run", device="cpu")
    shown = page(run, digits, module)
    assert "Sequential is a module of your own: what it draws is for you to show." in shown.words
    assert "The model was composed in Python, by no recipe: no command makes it again." in shown.words
    assert f"{run.metrics('test')[-1]['loss']:.2f}" in shown.words


def test_an_unfinished_run_is_called_that(runs, tmp_path):
    copied = tmp_path / "copied"
    shutil.copytree(runs("vae").path, copied)
    lines = (copied / "metrics.jsonl").read_text().splitlines()
    (copied / "metrics.jsonl").write_text("\n".join(lines[:-1]) + "\n")
    assert "It has not finished." in page(copied).words
    (copied / "metrics.jsonl").write_text("")
    assert page(copied).data["charts"][0]["lines"] == []


LONG = [
    *("--epochs", "1", "--lr", "1e-4", "--batch-size", "200", "--seed", "7", "--watch", "validation"),
    *(
        "--optimizer",
        "sgd(momentum=0.9)",
        "--clip",
        "1",
        "--skip",
        "1e6",
        "--accumulate",
        "2",
        "--likelihood",
        "laplace",
    ),
]
LONGER = [
    *("--epochs", "1", "--schedule", "cosine", "--average", "0.9", "--kl-warmup", "0.5", "--free-bits", "0.1"),
    *("--patience", "3", "--checkpoint-every", "5", "--on-nan", "rollback"),
    *("--binarise", "dynamic", "--validation", "100"),
]
REPEATED = [
    ("vae", ["--latent", "2", "--hidden", "none", "--steps", "4"]),
    ("vae", LONG),
    ("vae", LONGER),
    ("autoencoder", ["--linear", "--latent", "3", "--steps", "4"]),
    ("ladder_vae", ["--latent", "6,3", "--hidden", "16,8", "--steps", "4"]),
]


@pytest.mark.parametrize(("recipe", "words"), REPEATED)
def test_the_command_repeats_the_run(tmp_path, recipe, words):
    """The same record and the same weights, from the flags that differ from the defaults alone."""
    assert main(["train", recipe, *words, "--device", "cpu", "--out", str(tmp_path / "first")]) == 0
    first = er.Run(tmp_path / "first")
    # As a command line leaves it; here it was called from Python.
    told = repeat_command(first.record | {"command": "elbowroom train"})
    assert told.caveats == []
    again = [*shlex.split(told.line)[1:], "--device", "cpu", "--out", str(tmp_path / "again")]
    assert main(again) == 0
    second = er.Run(tmp_path / "again")
    for field in ("recipe", "arguments", "data", "objective"):
        assert second.record[field] == first.record[field]
    assert second.record["training"] | {"products": ""} == first.record["training"] | {"products": ""}
    assert second.weights.read_bytes() == first.weights.read_bytes()
    flags = [word for word in again if word.startswith("--") and word not in ("--data", "--device", "--out")]
    asked = [word for word in words if word.startswith("--")]
    assert set(flags) <= set(asked), "nothing that is a default"


def test_every_flag_of_train_is_known_with_its_usual_value():
    from elbowroom.cli.train import TrainGroup
    from elbowroom.runs.command import CALLBACK_FLAGS, DATA_DEFAULTS, TRAIN_DEFAULTS

    context = click.Context(click.Command("train"))
    given = TrainGroup("train").get_command(context, "vae").make_context("vae", []).params
    of_callbacks = {flag.replace("-", "_") for flag, *_ in CALLBACK_FLAGS.values()}
    others = {"data", "validation", "out", "device", *RECIPES["vae"].arguments}
    assert set(TRAIN_DEFAULTS) | set(DATA_DEFAULTS) | of_callbacks | others == set(given)
    for name, usual in (TRAIN_DEFAULTS | DATA_DEFAULTS).items():
        # Ten epochs are those of fit, since the flag leaves them open for steps.
        expected = {"watch": ",".join(TRAIN_DEFAULTS["watch"]), "epochs": None}.get(name, usual)
        assert given[name] == expected, name


def test_what_no_command_can_repeat_is_said(digits, tmp_path):
    torch.manual_seed(0)
    model, _ = er.recipes.vae(digits.shape, latent=2)
    callbacks = [er.EarlyStopping(3, metric="kl"), er.on.step(lambda state: None), er.GradientClipping(1.0)]
    run = er.fit(
        model,
        er.Reconstruction() + 3 * er.KL(),
        digits,
        steps=3,
        out=tmp_path / "run",
        callbacks=callbacks,
        device="cpu",
    )
    told = repeat_command(run.record)
    assert told.line == "elbowroom train vae --data digits --latent 2 --steps 3 --clip 1.0"
    assert told.caveats == [
        "The callback EarlyStopping(patience=3, of='kl', by=0.0) was given in Python, and has no flag.",
        "The callback Callback was given in Python, and has no flag.",
        "The objective was composed in Python: (reconstruction + (3 * kl)), "
        "where the recipe's is (reconstruction + kl).",
        "It was made in Python: the weights it began with depend on the seed set before the model was made.",
    ]
    data = er.load_data(digits.train.first(100).x, seed=5)
    run = er.fit(*er.recipes.vae(digits.shape), data, steps=1, out=tmp_path / "other", device="cpu", batch_size=16)
    assert "was given as a Python object: save it as .npy or .npz" in repeat_command(run.record).caveats[0]
    assert "--data … " in repeat_command(run.record).line
    shown = page(run, data)
    assert told.caveats[-1] in shown.words


def test_a_recipe_that_is_gone_costs_the_command_alone(runs, tmp_path):
    copied = tmp_path / "copied"
    shutil.copytree(runs("vae").path, copied)
    record = json.loads((copied / "recipe.json").read_text()) | {"recipe": "lost_vae"}
    (copied / "recipe.json").write_text(json.dumps(record))
    shown = page(copied)
    assert "No command repeats it: unknown recipe 'lost_vae'" in shown.words
    assert shown.data["charts"][0]["lines"]


def test_the_page_about_it_runs(root, tmp_path, monkeypatch, capsys):
    """The commands and the Python of docs/report.md, on the digits; the table of kinds is that of the code."""
    from elbowroom.plotting import PLOTS

    monkeypatch.chdir(tmp_path)
    text = (root / "docs" / "report.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```(\w+)\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    lines = [line.split("#")[0] for kind, code in blocks if kind == "bash" for line in code.splitlines()]
    assert len(lines) == 6
    for line in lines:
        assert main(shlex.split(line.replace("--data mnist", "--data digits"))[1:]) == 0, line
    for code in (code for kind, code in blocks if kind == "python"):
        exec(compile(code, "report.md", "exec"), {})
    made = {"traversals.png", "codes.svg", "training.gif", "reconstructions.png", "interpolations.png"}
    assert made <= {path.name for path in tmp_path.iterdir()}
    for plot in PLOTS.values():
        assert f"| `{plot.kind}` | {plot.summary.replace('|', chr(92) + '|')} | {plot.needs}" in text
    for target in re.findall(r"\]\(([^)#]+)\)", text):
        assert (root / "docs" / target).exists(), target


def ended(run, data, model, stop=""):
    state = State()
    state[RUN], state[DATA], state[MODEL], state[STOP] = run, data, model, stop
    return state


def test_a_training_leaves_a_report_and_no_trace_in_the_random_stream(runs, digits):
    run = runs("beta_vae")
    (run.path / "report.html").unlink(missing_ok=True)
    before = torch.get_rng_state()
    model = er.load(run)
    torch.set_rng_state(before)
    write_final_report(ended(run, digits, model))
    assert torch.equal(before, torch.get_rng_state())
    assert "Kingma" not in Page((run.path / "report.html").read_text()).texts["h1"]


@pytest.mark.parametrize("stop", ["interrupted", "terminated"])
def test_a_training_that_was_cut_off_leaves_none(runs, digits, stop):
    run = runs("beta_vae")
    (run.path / "report.html").unlink(missing_ok=True)
    write_final_report(ended(run, digits, er.load(run), stop))
    assert not (run.path / "report.html").exists()


def test_a_report_that_fails_costs_no_training(runs, digits):
    class Broken(er.Model):
        def encode(self, x, c=None):
            raise RuntimeError("no memory\nleft")

    model = er.load(runs("vae"))
    broken = Broken(model.encoder, model.decoder, model.prior)
    with pytest.warns(UserWarning, match=r"there is no report \(no memory left\): 'elbowroom report .*' tries again"):
        write_final_report(ended(runs("vae"), digits, broken))


def test_the_command_says_where_it_is(runs, tmp_path, capsys):
    run = str(runs("vae").path)
    assert main(["report", run, "--examples", "20", "--out", str(tmp_path / "x.html")]) == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / "x.html")
    Page((tmp_path / "x.html").read_text())
    with pytest.raises(ValueError, match=r"cannot write .* give an --out you may write to"):
        write_report(run, examples=20, out=tmp_path / "no" / "x.html")


@pytest.mark.slow
def test_large_colour_pictures_stay_under_five_megabytes(tmp_path):
    """The worst of pictures, noise, which no compression helps."""
    pixels = np.random.default_rng(0).integers(0, 256, (2600, 96, 96, 3), dtype=np.uint8)
    data = er.load_data(pixels, validation=100, test=2000)
    run = er.fit(*er.recipes.vae(data.shape, latent=2, hidden=(8,)), data, steps=2, out=tmp_path / "run", device="cpu")
    file = write_report(run, data, examples=2000)
    Page(file.read_text())
    assert file.stat().st_size < 5_000_000


@pytest.mark.slow
def test_a_browser_shows_it_on_a_screen_and_on_a_phone(runs):
    """No errors, nothing fetched, nothing wider than the window; the picture under the pointer; keys."""
    playwright = pytest.importorskip("playwright.sync_api")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("no chromium here")
    file = write_report(runs("beta_vae"), examples=60)
    problems = []
    with playwright.sync_playwright() as p:
        browser = p.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for width in (1440, 390):
            tab = browser.new_page(viewport={"width": width, "height": 900})
            tab.on("console", lambda message: problems.append(message.text))
            tab.on("pageerror", lambda error: problems.append(str(error)))
            tab.on("request", lambda r: r.url.startswith(("file:", "data:")) or problems.append(r.url))
            tab.goto(Path(file).as_uri())
            assert tab.evaluate("document.documentElement.scrollWidth") == width
            tab.get_by_role("button", name="PCA").click()
            canvas = tab.locator("#codes .area > canvas")
            canvas.focus()
            tab.keyboard.press("ArrowRight")
            assert re.match(r"label \d, test example \d+, at ", tab.locator(".said").text_content())
            assert tab.locator(".card canvas").is_visible()
            assert "the plane on which they vary most" in tab.locator("#codes .caption").text_content()
            area = tab.locator("#course .area").first
            area.scroll_into_view_if_needed()
            area.hover()
            assert "optimiser steps" in tab.locator("#course .reading").first.text_content()
        browser.close()
    assert problems == []


@pytest.mark.report
def test_a_training_ends_with_its_report(tmp_path, capsys):
    assert (
        main(["train", "vae", "--latent", "2", "--hidden", "8", "--steps", "10", "--out", str(tmp_path / "run")]) == 0
    )
    assert f"report    {tmp_path / 'run' / 'report.html'}" in capsys.readouterr().out
    assert "10 steps" in (tmp_path / "run" / "report.html").read_text()
