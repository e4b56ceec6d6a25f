"""The benchmark of autoencoders for latent diffusion: both sides train, and have the same network."""

import json
import sys

import pytest

import elbowroom as er


@pytest.fixture
def benchmark(load_image_benchmark):
    return load_image_benchmark("autoencoder_kl")


def test_both_sides_have_the_same_network(benchmark, color_images, monkeypatch):
    pytest.importorskip("diffusers", reason="the peer is not installed")
    monkeypatch.setattr(benchmark.run, "TIMED_STEPS", 1)
    monkeypatch.setattr(benchmark.run, "BATCH_SIZE", 2)
    ours = benchmark.run.train_ours({}, {"lr": 1e-3}, color_images, 1e-3, 0)
    theirs = benchmark.run.train_diffusers(1e-3, color_images, 1e-3, 0)
    assert ours.parameters == theirs.parameters
    assert ours.steps == theirs.steps == 1
    x = color_images.test.first(2).x
    for trained in (ours, theirs):
        z = trained.encode(x)
        assert z.shape == (2, 4, 16, 16)
        assert trained.decode(z).shape == x.shape


def test_a_variant_is_measured_once(benchmark, color_images, tmp_path, monkeypatch, capsys):
    calls = []

    def variant(data, cpu_s, seed):
        calls.append(seed)
        return benchmark.run.Autoencoder(lambda x: x[:, :, ::4, ::4], lambda z: z.repeat(1, 1, 4, 4), 1, 2, cpu_s)

    monkeypatch.setattr(er, "load_data", lambda name, **amounts: color_images)
    monkeypatch.setitem(benchmark.run.VARIANTS, "autoencoder_kl", variant)
    words = ["autoencoder_kl.py", "--cpu-seconds", "4", "--only", "autoencoder_kl", "--out", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", words)
    benchmark.run.main()
    benchmark.run.main()
    assert calls == [0]
    rows = [json.loads(line) for line in (tmp_path / "results.jsonl").read_text().splitlines()]
    assert {"psnr", "ssim", "perceptual", "fid", "latent_std"} <= rows[1].keys()
    assert "| autoencoder_kl |" in capsys.readouterr().out
    assert (tmp_path / "autoencoder_kl-4s-0.png").exists()
