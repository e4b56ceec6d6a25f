"""ONNX files compute what torch does, run by onnxruntime."""

import json

import numpy as np
import pytest
import torch
from torch import nn

import elbowroom as er
from elbowroom.cli import main
from elbowroom.exporting.modules import Encoder, cycle_conditions
from elbowroom.exporting.onnx import MAX_RELATIVE_ERROR
from tests.exporting.test_modules import NO_SAMPLER
from tests.tiny_recipes import make_tiny, representative_recipes


def session(path):
    return pytest.importorskip("onnxruntime").InferenceSession(str(path), providers=["CPUExecutionProvider"])


def export_recipe(name, digits, folder):
    model, objective = make_tiny(name, digits.shape)
    run = er.fit(model, objective, digits, steps=3, out=folder / "run", device="cpu")
    return er.load(run), er.export(run, onnx=folder / "onnx")


#: A recipe of each kind of model, and networks and priors with operations of their own.
EXPORTED = dict.fromkeys(
    (*representative_recipes(), "conv_vae", "conv_cvae", "hierarchical_vae", "nvae", "vamp_vae", "iaf_vae")
)
#: Recipes of which a part has no graph for any number of examples.
REFUSED = {"dmm": "the encoder cannot be written", "lars_vae": "the sampler cannot be written.*--sampler takes another"}


def marks(name):
    """Perceptrons are written daily, all others every week: each takes ten seconds and more."""
    return [] if name == "vae" else pytest.mark.exhaustive


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(n, marks=marks(n))
        for n in EXPORTED
        if not (n in REFUSED or make_tiny(n)[0].is_autoregressive or make_tiny(n)[0].has_gradient_posterior)
    ],
)
def test_onnx_does_what_torch_does(name, digits, tmp_path):
    """Run by another program, on another number of examples than it was written with."""
    pytest.importorskip("onnx")
    model, told = export_recipe(name, digits, tmp_path)
    names = [file.path.name for file in told]
    about = json.loads((tmp_path / "onnx" / "model.json").read_text())
    assert names == [*about["files"], "model.json"]
    assert ("sampler.onnx" in names) == (model.can_sample and name not in NO_SAMPLER)
    x, y, _ = digits.test.first(7)
    given = {} if not cycle_conditions(model, 1) else {"c": torch.eye(10)[y].numpy()}
    first, *_ = session(tmp_path / "onnx" / "encoder.onnx").run(None, {"x": x.numpy(), **given})
    z = model.encode(x, y)
    np.testing.assert_allclose(first.reshape(z.shape), z, atol=MAX_RELATIVE_ERROR)
    (mean,) = session(tmp_path / "onnx" / "decoder.onnx").run(None, {"z": z.numpy(), **given})
    np.testing.assert_allclose(mean, model.sample(z=z, c=model.as_condition(y)), atol=MAX_RELATIVE_ERROR)
    if "sampler.onnx" in names:
        sampler = session(tmp_path / "onnx" / "sampler.onnx")
        size = about["files"]["sampler.onnx"]["inputs"]["noise"]["shape"][1]
        eps = np.random.default_rng(0).standard_normal((5, size), dtype=np.float32)
        one, two = (sampler.run(None, {"noise": eps, **{k: v[:5] for k, v in given.items()}}) for _ in range(2))
        assert one[0].shape == (5, *model.shape)
        assert all(np.array_equal(a, b) for a, b in zip(one, two, strict=True))


@pytest.mark.exhaustive
def test_flows_of_views_are_a_graph():
    """Which views an example has is a value, on which no graph branches: some lack one, and one has none."""
    shape = er.ViewShape([er.View("a", (6,), "gaussian:1"), er.View("b", (4,), "gaussian:1")])
    model, _ = make_tiny("jnf", shape, flow="realnvp")
    x = torch.randn(5, 10)
    x[1, :6], x[2, 6:], x[3] = torch.nan, torch.nan, torch.nan
    batch = torch.export.Dim("batch", min=1)
    encoder = Encoder(model).eval()
    exported = torch.export.export(encoder, (x[:2],), dynamic_shapes=({0: batch},), strict=False)
    for traced, expected in zip(exported.module()(x), encoder(x), strict=True):
        torch.testing.assert_close(traced, expected)


@pytest.mark.slow
@pytest.mark.parametrize("name", [pytest.param("dmm", marks=pytest.mark.exhaustive), "lars_vae"])
def test_a_part_without_a_graph_is_refused_in_a_line(name, digits, tmp_path):
    pytest.importorskip("onnx")
    with pytest.raises(ValueError, match=REFUSED[name]) as caught:
        export_recipe(name, digits, tmp_path)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "onnx").exists()


class BranchingNet(nn.Module):
    """A network that does what its values say, as no graph does."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(64, 4)

    def forward(self, x):
        h = self.layer(x.flatten(1))
        return 2 * h if h.sum() > 0 else h


def test_of_a_network_without_a_graph_nothing_is_printed_but_the_error(digits, tmp_path, capfd):
    pytest.importorskip("onnx")
    decoder = er.recipes.vae(digits.shape, latent=2, hidden=(8,))[0].decoder
    encoder = er.Conditional(BranchingNet(), er.DiagonalNormal(2))
    model = er.Model(encoder, decoder, er.StandardNormal(2))
    run = er.fit(model, er.ELBO(), digits, steps=1, out=tmp_path / "run", progress=False)
    capfd.readouterr()
    with pytest.raises(ValueError, match="the encoder cannot be written as ONNX"):
        er.export(run, onnx=tmp_path / "onnx")
    assert capfd.readouterr() == ("", "")


def test_onnx_that_is_off_leaves_nothing(run, tmp_path, monkeypatch, capsys):
    pytest.importorskip("onnx")
    monkeypatch.setattr("elbowroom.exporting.onnx.MAX_RELATIVE_ERROR", -1.0)
    assert main(["export", str(run.path), "--onnx", str(tmp_path / "onnx")]) == 2
    printed = capsys.readouterr().err
    assert "the encoder's 'mean' as ONNX is off by" in printed
    assert printed.count("\n") == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["hamiltonian_vae", "semi_amortized_vae"])
def test_a_posterior_of_gradients_is_refused(name, digits, tmp_path):
    pytest.importorskip("onnx")
    with pytest.raises(ValueError, match="follows gradients through its decoder, which ONNX has no operations for"):
        export_recipe(name, digits, tmp_path)
    assert not (tmp_path / "onnx").exists()
