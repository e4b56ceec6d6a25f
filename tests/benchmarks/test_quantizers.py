"""The benchmark of quantizers: every variant trains, codes are decoded as they were, scores are what they say."""

import json
import math
import sys

import pytest
import torch

import elbowroom as er


@pytest.fixture
def benchmark(load_image_benchmark):
    return load_image_benchmark("quantizers", "layers")


def test_quantizers_of_the_package_are_those_by_name(benchmark):
    for name in benchmark.run.OURS.values():
        assert er.quantizer(name, (2, 2)).n_codes in (1000, 1024)


@pytest.mark.parametrize(
    "name", ["VectorQuantize", "VectorQuantize, rotation off", "SimVQ", "FSQ", "LFQ", "LFQ, spherical", "ResidualVQ"]
)
def test_a_layer_is_a_quantizer(benchmark, name):
    """Codes are decoded from their indices, the encoder gets a gradient, and the loss is the layer's, summed."""
    pytest.importorskip("vector_quantize_pytorch", reason="the peer is not installed")
    torch.manual_seed(0)
    quantizer = benchmark.layers.LayerQuantizer(benchmark.layers.LAYERS[name], (2, 3))
    output = torch.randn(40, *quantizer.shape, requires_grad=True)
    q = quantizer.quantize(output)
    (gradient,) = torch.autograd.grad(q.rsample((1,)).sum() + quantizer.loss, output)
    assert gradient.abs().sum() > 0
    assert q.indices.shape == (40, 6, len(quantizer.index_sizes))
    assert quantizer.n_codes == (1000 if name == "FSQ" else 1024)
    settled = quantizer.eval().quantize(output)
    torch.testing.assert_close(quantizer.decode_indices(settled.indices), settled.codes)
    found = quantizer.find_indices(settled.codes)
    torch.testing.assert_close(quantizer.decode_indices(found), settled.codes)


def test_usage_and_perplexity_are_those_of_the_joint_codes(benchmark, gray_images):
    judge = benchmark.run.Judge(gray_images)
    quantizer = er.quantizer("residual:2x2", (1, 2), 3)
    indices = torch.tensor([[[0, 0], [0, 1]], [[0, 0], [0, 0]]])
    row = judge.score_codes(quantizer, indices)
    entropy = -(0.75 * math.log(0.75) + 0.25 * math.log(0.25))
    assert row == pytest.approx({"usage": 0.5, "perplexity": math.exp(entropy)})


def test_a_variant_is_measured_once(benchmark, gray_images, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(er, "load_data", lambda name, **options: gray_images)
    monkeypatch.setattr(benchmark.run, "TEST_IMAGES", 16)
    monkeypatch.setattr(benchmark.run, "BLOCK", 8)
    monkeypatch.setattr(benchmark.run, "WIDTHS", (8, 8))
    words = ["quantizers.py", "--steps", "2", "--sampler-steps", "2", "--only", "fsq", "--out", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", words)
    benchmark.run.main()
    benchmark.run.main()
    rows = [json.loads(line) for line in (tmp_path / "results.jsonl").read_text().splitlines()]
    assert [row.get("density") for row in rows] == [None, "prior", "pixelcnn"]
    assert rows[1]["code_nats"] > 0
    assert "| fsq |" in capsys.readouterr().out
    assert (tmp_path / "fashion-mnist-fsq-2-0.png").exists()
