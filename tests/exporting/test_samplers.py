"""Samplers fitted to latents, in ONNX and on the explorer page: they draw what torch draws."""

import json

import numpy as np
import pytest
import torch

import elbowroom as er
from elbowroom.cli import main
from elbowroom.exporting.modules import NoiseDecoder
from elbowroom.samplers import flow_matching, load_sampler, load_with_sampler, save_sampler
from tests.samplers.test_samplers import CASES, correlated_latents, quick

FAST = "mixture:5"
#: How the page prints small numbers, 3·10⁻⁴, as Python reads them.
AS_PRINTED = str.maketrans("−⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "--0123456789")


@pytest.fixture(scope="module")
def run(digits, tmp_path_factory):
    torch.manual_seed(0)
    model, objective = er.recipes.vae(digits.shape, latent=3, hidden=(16,))
    out = tmp_path_factory.mktemp("runs") / "sampled"
    run = er.fit(model, objective, digits, steps=3, out=out, sampler="none", report=False)
    for name in CASES:
        save_sampler(run, name, quick(name, correlated_latents(400)))
    return run


@pytest.mark.parametrize("name", CASES)
def test_a_sample_is_the_samplers_transformation_of_noise_decoded(name, run):
    model = load_with_sampler(run, name)
    decoder = NoiseDecoder(model).eval()
    eps = torch.randn(5, decoder.noise_size, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        x, z = decoder(eps)
        torch.testing.assert_close(z, load_sampler(run, name).transform_noise(eps))
        torch.testing.assert_close(x, model.decode(z).mean)


@pytest.mark.parametrize("name", [n if n == FAST else pytest.param(n, marks=pytest.mark.exhaustive) for n in CASES])
def test_onnx_draws_what_torch_draws(name, run, tmp_path, monkeypatch):
    pytest.importorskip("onnx")
    # Its steps are all the same in the graph, which writes each of them out: twenty take half a minute.
    monkeypatch.setattr(flow_matching, "ODE_STEPS", 2)
    runtime = pytest.importorskip("onnxruntime")
    er.export(run, onnx=tmp_path / "onnx", sampler=name)
    assert json.loads((tmp_path / "onnx" / "model.json").read_text())["sampler"] == name
    session = runtime.InferenceSession(str(tmp_path / "onnx" / "sampler.onnx"), providers=["CPUExecutionProvider"])
    eps = torch.randn(7, session.get_inputs()[0].shape[1], generator=torch.Generator().manual_seed(1))
    _, z = session.run(None, {"noise": eps.numpy()})
    with torch.no_grad():
        np.testing.assert_allclose(z, load_sampler(run, name).transform_noise(eps), rtol=1e-4, atol=1e-4)


def page_of(run, tmp_path, *options):
    """The explorer page of a run and its data."""
    path = tmp_path / "page.html"
    assert main(["export", str(run.path), "--html", str(path), *options]) == 0
    return path, json.loads(path.read_text().partition('id="data">')[2].partition("</script>")[0])


def drawn_on_page(page, n):
    """Latents that a page draws, as it prints them: (n, D)."""
    script = """(n) => Array.from({ length: n }, () => {
        document.getElementById("draw").click();
        return document.getElementById("read").textContent;
    })"""
    lines = [line.removeprefix("z = ").replace("·10", "e").translate(AS_PRINTED) for line in page.evaluate(script, n)]
    return torch.tensor([[float(value) for value in line.split(", ")] for line in lines])


@pytest.mark.parametrize("name", ["standard", "gaussian", "mixture:5", "neighbors:3"])
def test_the_page_draws_latents_with_the_samplers_mean_and_covariance(name, run, tmp_path, chromium):
    """It draws mixtures of normals by itself, and has latents of the others in it."""
    path, data = page_of(run, tmp_path, "--sampler", name)
    assert data["codes"]["sampling"]["kind"] == ("stored" if name == "neighbors:3" else "normals")
    page = chromium().new_page()
    page.goto(path.as_uri())
    page.wait_for_selector("body[data-checked]")
    assert page.inner_text("#draw") == f"Draw from {name}"
    assert page.inner_text("#sampling") == data["codes"]["sampling"]["words"]
    n = 4000
    z = drawn_on_page(page, n)
    with torch.no_grad():
        expected = load_with_sampler(run, name).draw_latents(50_000)
    sd = expected.std(0)
    assert ((z.mean(0) - expected.mean(0)).abs() < 6 * sd * n**-0.5).all()
    assert ((z.T.cov() - expected.T.cov()).abs() < 0.15 * sd * sd[:, None]).all()


def test_the_page_shifts_draws_by_the_class(digits, tmp_path, chromium):
    model, objective = er.recipes.cvae(digits.shape, latent=2, hidden=(16,))
    run = er.fit(model, objective, digits, steps=3, out=tmp_path / "run")
    mean, weight = torch.full((10,), 0.1), 5 * torch.randn(10, 2, generator=torch.Generator().manual_seed(0))
    sampler = quick("gaussian", correlated_latents(400)[:, :2])
    sampler.set_condition(mean, weight)
    save_sampler(run, "gaussian", sampler)
    path, _ = page_of(run, tmp_path, "--sampler", "gaussian")
    page = chromium().new_page()
    page.goto(path.as_uri())
    page.wait_for_selector("body[data-checked]")
    page.click("#given button:nth-child(4)")
    density = load_sampler(run, "gaussian")(torch.eye(10)[3:4])
    z = drawn_on_page(page, 2000)
    assert ((z.mean(0) - density.mean[0]).abs() < 6 * z.std(0) * 2000**-0.5).all()


def test_a_run_is_exported_with_the_density_that_it_samples_from(digits, tmp_path):
    """The prior, if nobody says; an autoencoder's sampler; an error names what was fitted and what fits another."""
    model, objective = er.recipes.autoencoder(digits.shape, latent=2)
    run = er.fit(model, objective, digits, steps=3, out=tmp_path / "run")
    assert page_of(run, tmp_path)[1]["codes"]["sampling"]["from"] == "the data"
    save_sampler(run, "gaussian", quick("gaussian", correlated_latents(400)[:, :2]))
    assert page_of(run, tmp_path)[1]["codes"]["sampling"]["from"] == "gaussian"
    with pytest.raises(ValueError, match=r"has no sampler 'flow:maf' yet: fit it with 'elbowroom fit-sampler .* flow"):
        er.export(run, html=tmp_path / "page.html", sampler="flow")
