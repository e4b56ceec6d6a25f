"""What is taken away does what torch does: the page's interpreter and ONNX, for every recipe."""

import base64
import html.parser
import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import elbowroom as er
from elbowroom.cli import main
from elbowroom.exporting import explorer
from elbowroom.exporting.js.compile import compile_graph
from elbowroom.exporting.js.graph import MIN_WEIGHT_VALUES
from elbowroom.exporting.modules import Decoder, Encoder, Sampler, cycle_conditions
from elbowroom.exporting.onnx import MAX_RELATIVE_ERROR
from elbowroom.exporting.source import ExportSource
from elbowroom.networks import ACTIVATIONS
from elbowroom.recipes import RECIPES

SMALL = {
    "factor_vae": {"critic": (16,), "latent": 4},
    "vamp_vae": {"components": 10},
    "vq_vae": {"codes": 8, "dim": 3},
    "ladder_vae": {"latent": (6, 3), "hidden": (32, 16)},
    "vae": {"latent": 2},
    "iwae": {"k": 3},
    "m2": {"latent": 3, "hidden": (16,)},
    "hierarchical_vae": {"widths": (8, 16), "latent": 4},
    "conv_vae": {"widths": (8, 16), "latent": 5},
}
LIKELIHOODS = [
    ((1, 8, 8), "continuous-bernoulli"),
    ((1, 8, 8), "categorical"),
    ((2, 9), "diagonal-normal"),
    ((9,), "gaussian:optimal"),
    ((9,), "laplace"),
    ((3, 5, 7), "discretised-logistic"),
    ((3, 5, 7), "logistic-mixture"),
]
DECODE = Path(er.__file__).parent / "exporting" / "js" / "interpreter.js"
NODE = """
const read = require("fs").readFileSync;
const decoder = new Function(read(process.argv[1], "utf8") + "; return decoder;")();
const bytes = (text) => Uint8Array.from(Buffer.from(text, "base64")).buffer;
const found = JSON.parse(read(0, "utf8")).map(({ program, weights, inputs }) => {
  const run = decoder(program, bytes(weights));
  return inputs.map((given) => Array.from(run(given)));
});
process.stdout.write(JSON.stringify(found));
"""


def make(name, shape=(1, 8, 8), likelihood="bernoulli", **more):
    """A model whose every parameter matters: those that begin at nothing are moved."""
    torch.manual_seed(0)
    model, _ = RECIPES[name](shape, likelihood=likelihood, **SMALL.get(name, {}), **more)
    for parameter in model.parameters():
        parameter.data.add_(0.05 * torch.randn_like(parameter))
    return model.eval()


def interpreted(cases, chromium):
    """What the interpreter makes of programs: by node where there is one, else in a browser."""
    if node := shutil.which("node"):
        done = subprocess.run([node, "-e", NODE, str(DECODE)], input=json.dumps(cases), capture_output=True, text=True)
        assert not done.stderr
        return json.loads(done.stdout)
    page = chromium().new_page()
    page.add_script_tag(content=DECODE.read_text())
    return page.evaluate(
        """(cases) => cases.map(({ program, weights, inputs }) => {
            const run = decoder(program, Uint8Array.from(atob(weights), (c) => c.charCodeAt(0)).buffer);
            return inputs.map((given) => Array.from(run(given)));
        })""",
        cases,
    )


def case(module, z, given, half=False):
    made = compile_graph(module, [t[:1] for t in (z, *given)], ["z", "c"][: 1 + len(given)])
    inputs = [
        {name: t[i].flatten().tolist() for name, t in zip(("z", "c"), (z, *given), strict=False)} for i in range(len(z))
    ]
    return {
        "program": made.to_dict(half),
        "weights": base64.b64encode(made.weight_bytes(half)).decode(),
        "inputs": inputs,
    }


@pytest.fixture(scope="module")
def chromium():
    """A way to a browser, opened when first asked for; skips where there is none."""
    opened = []

    def ask():
        if opened:
            return opened[0]
        sync = pytest.importorskip(
            "playwright.sync_api", reason="no playwright: the page is not opened"
        ).sync_playwright()
        path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
        if path is None:
            pytest.skip("no chromium: the page is not opened")
        started = sync.start()
        browser = started.chromium.launch(executable_path=path, args=["--no-sandbox"])
        opened.extend((browser, started))
        return browser

    yield ask
    if opened:
        opened[0].close()
        opened[1].stop()


@pytest.fixture(scope="module")
def run(digits, tmp_path_factory):
    torch.manual_seed(0)
    model, objective = er.recipes.vae(digits.shape, latent=2, hidden=(32,))
    return er.fit(model, objective, digits, epochs=2, out=tmp_path_factory.mktemp("runs") / "plane", device="cpu")


def test_the_interpreter_does_what_torch_does(chromium):
    todo = [(name, (1, 8, 8), "bernoulli", {}) for name in RECIPES]
    todo += [("conv_vae", (3, 11, 9), "logistic-mixture", {"network": "residual"})]
    todo += [("conv_vae", (2, 11), "gaussian:optimal", {})]
    cases, wanted = [], []
    for name, shape, likelihood, more in todo:
        model = make(name, shape, likelihood, **more)
        decoder, z, given = Decoder(model).eval(), 2 * torch.randn(3, *model.latent_shape), cycle_conditions(model, 3)
        cases.append(case(decoder, z, given))
        wanted.append(decoder(z, *given).detach().flatten(1))
    for what, got, want in zip(todo, interpreted(cases, chromium), wanted, strict=True):
        assert want.std() > 1e-3, what
        torch.testing.assert_close(torch.tensor(got), want, atol=1e-4, rtol=0, msg=lambda m, what=what: f"{what}: {m}")


class Own(nn.Module):
    """A network as others write them."""

    def __init__(self):
        super().__init__()
        self.foot = nn.Sequential(nn.Linear(4, 32), nn.BatchNorm1d(32), nn.Hardtanh())
        self.up = nn.Sequential(
            nn.ConvTranspose2d(2, 6, 4, stride=2, padding=1, groups=2),
            nn.BatchNorm2d(6),
            nn.GELU(approximate="tanh"),
            nn.LayerNorm([6, 8, 8]),
            nn.ConvTranspose2d(6, 3, 3, stride=2, output_padding=1, dilation=1),
            nn.Conv2d(3, 2, 3, stride=2, dilation=2, bias=False),
            nn.Dropout(),
        )
        for norm in (self.foot[1], self.up[1]):
            norm.running_mean.normal_()
            norm.running_var.uniform_(0.5, 2)
            nn.init.normal_(norm.weight)

    def forward(self, z):
        h = self.up(self.foot(z).reshape(-1, 2, 4, 4))
        return torch.cat((h.mean((1, 3)), h.flatten(1)[:, ::3].softmax(-1), z**2), 1)


def test_networks_of_ones_own_are_programs_too(chromium):
    torch.manual_seed(0)
    module, z = Own().eval(), torch.randn(3, 4)
    (got,) = interpreted([case(module, z, ())], chromium)
    torch.testing.assert_close(torch.tensor(got), module(z).detach(), atol=1e-5, rtol=0)


class Mean(nn.Module):
    def __init__(self, family):
        super().__init__()
        self.family = family

    def forward(self, z):
        return self.family(z).mean


def test_every_likelihood_and_activation_is_a_program(chromium):
    """Their numbers far out too, where formulas lose their digits."""
    torch.manual_seed(0)
    columns = er.Columns(er.Gaussian(1), er.Bernoulli(1), er.families.Classes(3), er.Laplace(1))
    families = [er.likelihood(name, shape) for shape, name in LIKELIHOODS] + [columns]
    modules = [Mean(family) for family in families]
    sizes = [family.size for family in families]
    for make_layer in ACTIVATIONS.values():
        modules.append(make_layer(6, 4))
        sizes.append(6)
    given = [4 * torch.randn(3, size) for size in sizes]
    found = interpreted([case(m.eval(), z, ()) for m, z in zip(modules, given, strict=True)], chromium)
    for module, z, got in zip(modules, given, found, strict=True):
        want = module(z).detach().flatten(1)
        torch.testing.assert_close(torch.tensor(got), want, atol=1e-4, rtol=0, msg=lambda m, at=module: f"{at}: {m}")


def test_half_precision_is_that_of_torch(chromium):
    """The weights as the page reads them are those that torch rounds to, and settings of formulas are not rounded."""
    model = make("vae", likelihood="discretised-logistic")
    z = torch.randn(4, 2)
    one = case(Decoder(model).eval(), z, (), half=True)
    for parameter in model.parameters():
        if parameter.numel() >= MIN_WEIGHT_VALUES:
            parameter.data.copy_(parameter.half().float())
    (got,) = interpreted([one], chromium)
    want = Decoder(model).eval()(z).detach().flatten(1)
    torch.testing.assert_close(torch.tensor(got), want, atol=1e-5, rtol=0)


def test_noise_that_is_turned_off_costs_nothing():
    """A ladder's means need no variances: of each way down the program keeps the exponential of none."""
    model = make("ladder_vae")
    steps = compile_graph(Decoder(model).eval(), [torch.zeros(1, *model.latent_shape)], ["z"]).operations
    assert "exp" not in [step.op for step in steps]
    assert all(step.output > max(step.inputs) or step.op == "view" for step in steps if step.op != "linear")


class Odd(nn.Module):
    def forward(self, z):
        return torch.linalg.matrix_exp(z.reshape(-1, 1, 1)).reshape(-1)


def test_what_the_page_cannot_do_is_refused_with_the_way_out():
    with pytest.raises(
        ValueError, match=r"no 'linalg_matrix_exp.default', which this decoder uses: export it with --onnx"
    ):
        compile_graph(Odd(), [torch.ones(1, 1)], ["z"])


class Branching(nn.Module):
    def forward(self, z):
        return z if z.sum() > 0 else -z


def test_a_way_that_depends_on_values_is_refused():
    with pytest.raises(ValueError, match=r"the decoder cannot be traced \(.*\): export it with --onnx") as told:
        compile_graph(Branching(), [torch.ones(1, 1)], ["z"])
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("name", list(RECIPES))
def test_the_parts_are_the_models(name):
    """Encoder and decoder say what the model's own methods say; a sample is its code, decoded."""
    model = make(name)
    x, c = torch.rand(4, 1, 8, 8), torch.arange(4) % 10
    given = cycle_conditions(model, 4)
    encoder = Encoder(model).eval()
    first, *_ = (t.detach() for t in encoder(x, *given))
    torch.testing.assert_close(first.reshape(4, *model.latent_shape), model.encode(x, c), atol=1e-5, rtol=0)
    mean = Decoder(model).eval()(z := model.encode(x, c), *given)
    torch.testing.assert_close(mean.detach(), model.sample(z=z, c=c), atol=1e-6, rtol=0)
    if name == "autoencoder":
        with pytest.raises(ValueError, match="no prior to sample from"):
            Sampler(model)
        return
    sampler = Sampler(model).eval()
    x, z = sampler(torch.randn(4, sampler.noise_size), *given)
    assert x.shape == (4, 1, 8, 8)
    if len(sampler.noise_sizes) == 1:  # else the latents below are drawn too
        torch.testing.assert_close(x, model.decode(z, c).mean)


@pytest.mark.parametrize("name", ["vamp_vae", "vq_vae"])
def test_a_priors_transformation_of_noise_draws_from_it(name):
    """The moments of many codes are those of the prior's own draws."""
    model = make(name)
    sampler, n = Sampler(model).eval(), 40_000
    with torch.no_grad():
        made = sampler.transform.forward
        from elbowroom import noise

        eps = torch.randn(n, sampler.noise_size)
        parts = iter(eps.split(sampler.noise_sizes, 1))
        with noise._use_source(lambda shape, like: next(parts).reshape(shape)):
            z = made(n).flatten(1)
        own = model.draw_prior(n).flatten(1)
    spread = own.std(0) * (2 / n) ** 0.5
    assert ((z.mean(0) - own.mean(0)).abs() < 5 * spread).all()
    assert (z.std(0) / own.std(0) - 1).abs().max() < 0.05
    assert (torch.corrcoef(z.T) - torch.corrcoef(own.T)).abs().max() < 0.05


class Fetches(html.parser.HTMLParser):
    found = ()

    def handle_starttag(self, tag, attributes):
        names = {"src", "href", "srcset", "action", "data", "poster"}
        self.found += tuple(value for name, value in attributes if name in names)


def test_the_page_is_one_file_that_asks_for_nothing(run, tmp_path, chromium):
    """From disk, the network blocked: it decodes, agrees with torch, follows the pointer, and makes no request."""
    path = tmp_path / "explorer.html"
    (told,) = er.export(run, html=path)
    assert told.path == path
    text = path.read_text()
    reader = Fetches()
    reader.feed(text)
    assert not reader.found
    assert "default-src 'none'" in text
    assert "unsafe-eval" not in text
    page = chromium().new_context(offline=True).new_page()
    asked, wrong = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    page.goto(path.as_uri())
    page.wait_for_selector("body[data-checked]")
    assert float(page.get_attribute("body", "data-checked")) < explorer.MAX_HALF_ERROR
    shown = "() => Array.from(document.getElementById('shown').getContext('2d').getImageData(0, 0, 8, 8).data)"
    before = page.evaluate(shown)
    plane = page.locator("#plane")
    plane.click(position={"x": 40, "y": 40})
    page.wait_for_timeout(200)
    assert page.evaluate(shown) != before
    code = [float(v.replace("−", "-")) for v in page.inner_text("#read").removeprefix("z = ").split(", ")]
    want = er.load(run).sample(z=torch.tensor([code]))[0, 0].clamp(0, 1) * 255
    got = np.array(page.evaluate(shown)).reshape(8, 8, 4)[..., 0]
    assert np.abs(got - want.numpy()).max() < 2  # the code as it is written has three digits
    plane.press("ArrowRight")
    assert page.inner_text("#read") != ""
    page.click("#draw")
    page.click("#pin-1")
    page.click("#play")
    page.wait_for_timeout(100)
    page.click("#play")
    assert {url.partition(":")[0] for url in asked} <= {"file", "blob"}
    assert len([url for url in asked if url.startswith("file")]) == 1
    assert not wrong


def test_a_page_that_is_too_large_is_refused(run, tmp_path, capsys):
    assert main(["export", str(run.path), "--html", str(tmp_path / "a.html"), "--max-mb", "0.001"]) == 2
    told = capsys.readouterr().err
    assert "the decoder has 0.0 MB of weights and a page takes 0.001: give a larger --max-mb" in told
    assert told.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_a_condition_is_chosen_on_the_page(digits, tmp_path):
    model, objective = er.recipes.cvae(digits.shape, latent=3, hidden=(16,), prior="learned")
    run = er.fit(model, objective, digits, steps=5, out=tmp_path / "run", device="cpu")
    told = ExportSource(run)
    data = json.loads(explorer.render_explorer(told, 20)[0].partition('id="data">')[2].partition("</script>")[0])
    assert data["condition"] == {"names": [str(i) for i in range(10)], "several": False}
    assert set(data["program"]["inputs"]) == {"z", "c"}
    prior = data["codes"]["prior"]
    assert (prior["each"], prior["n"]) == (10, 250)
    drawn = np.frombuffer(base64.b64decode(prior["codes"]), "<f4").reshape(25, 10, 3)
    want = model.prior(torch.eye(10)).mean.detach().numpy()
    # The mean of 25 draws of each class, of standard deviations near one.
    assert np.abs(drawn.mean(0) - want).max() < 5 * 1.5 / 5


def test_without_its_data_a_run_is_exported_all_the_same(tmp_path):
    model, objective = er.recipes.vae((9,), latent=4, hidden=(8,), likelihood="gaussian:1")
    run = er.fit(model, objective, torch.randn(40, 9), steps=3, batch_size=8, out=tmp_path / "run", device="cpu")
    text, _ = explorer.render_explorer(ExportSource(run), 20)
    assert "was trained on data given in Python" in text
    data = json.loads(text.partition('id="data">')[2].partition("</script>")[0])
    assert data["codes"]["planes"][0]["points"] is None
    assert len(data["codes"]["dials"]) == 4


def session(path):
    return pytest.importorskip("onnxruntime").InferenceSession(str(path), providers=["CPUExecutionProvider"])


def exported(name, digits, folder, **more):
    torch.manual_seed(0)
    model, objective = RECIPES[name](digits.shape, **(SMALL.get(name, {}) | more))
    run = er.fit(model, objective, digits, steps=3, out=folder / "run", device="cpu")
    return er.load(run), er.export(run, onnx=folder / "onnx")


FAST = "vae"


@pytest.mark.parametrize("name", [pytest.param(n, marks=[] if n == FAST else pytest.mark.slow) for n in RECIPES])
def test_onnx_does_what_torch_does(name, digits, tmp_path):
    """Run by another program, on another number of examples than it was written with."""
    pytest.importorskip("onnx")
    model, told = exported(name, digits, tmp_path)
    names = [file.path.name for file in told]
    about = json.loads((tmp_path / "onnx" / "model.json").read_text())
    assert names == [*about["files"], "model.json"]
    assert ("sampler.onnx" in names) == (name != "autoencoder")
    x, y, _ = digits.test.first(7)
    given = {} if not cycle_conditions(model, 1) else {"c": torch.eye(10)[y].numpy()}
    first, *_ = session(tmp_path / "onnx" / "encoder.onnx").run(None, {"x": x.numpy(), **given})
    z = model.encode(x, y)
    np.testing.assert_allclose(first.reshape(z.shape), z, atol=MAX_RELATIVE_ERROR)
    (mean,) = session(tmp_path / "onnx" / "decoder.onnx").run(None, {"z": z.numpy(), **given})
    np.testing.assert_allclose(mean, model.sample(z=z, c=y), atol=MAX_RELATIVE_ERROR)
    if "sampler.onnx" in names:
        sampler = session(tmp_path / "onnx" / "sampler.onnx")
        size = about["files"]["sampler.onnx"]["inputs"]["noise"]["shape"][1]
        eps = np.random.default_rng(0).standard_normal((5, size), dtype=np.float32)
        one, two = (sampler.run(None, {"noise": eps, **{k: v[:5] for k, v in given.items()}}) for _ in range(2))
        assert one[0].shape == (5, *model.shape)
        assert all(np.array_equal(a, b) for a, b in zip(one, two, strict=True))


def test_onnx_that_is_off_leaves_nothing(run, tmp_path, monkeypatch, capsys):
    pytest.importorskip("onnx")
    monkeypatch.setattr("elbowroom.exporting.onnx.MAX_RELATIVE_ERROR", -1.0)
    assert main(["export", str(run.path), "--onnx", str(tmp_path / "onnx")]) == 2
    told = capsys.readouterr().err
    assert "the encoder's 'mean' as ONNX is off by" in told
    assert told.count("\n") == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "nothing to export was named: give --html FILE.html, --onnx FOLDER or both"),
        (["--html", "page.txt"], "--html page.txt: the name must end in .html"),
        (["--html", "no-such/page.html"], "there is no folder no-such; make it first"),
    ],
)
def test_errors_say_what_to_do(run, capsys, arguments, words):
    assert main(["export", str(run.path), *arguments]) == 2
    assert words in capsys.readouterr().err
