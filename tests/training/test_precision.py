"""Matrix products in single precision and in bfloat16."""

import json

import pytest
import torch

import elbowroom as er
from elbowroom.training import precision as products
from elbowroom.training.precision import choose_matmul_mode, use_matmul_mode


@pytest.fixture
def race(monkeypatch, tmp_path):
    """A cache folder of its own, and a race of the two libraries that each of them wins in turn; counts the races."""
    monkeypatch.setenv("ELBOWROOM_CACHE", str(tmp_path / "cache"))
    verdicts = []
    monkeypatch.setattr(products, "_prefers_onednn", lambda: not verdicts.append(0) and len(verdicts) % 2 == 1)

    def choose():
        products._remembered_mode.cache_clear()  # as in a process of its own
        return choose_matmul_mode("float32", torch.device("cpu"), torch.nn.Linear(2, 2))

    yield choose, verdicts
    products._remembered_mode.cache_clear()


def test_the_library_of_products_is_chosen_once_for_a_machine(race, tmp_path):
    choose, verdicts = race
    assert [choose() for _ in range(4)] == ["onednn"] * 4
    assert len(verdicts) == 1
    file = tmp_path / "cache" / "matmul.json"
    [(machine, mode)] = json.loads(file.read_text()).items()
    assert (mode, torch.__version__ in machine) == ("onednn", True)
    for damaged in ("", "[]", json.dumps({machine: "no library"})):
        file.write_text(damaged)
        assert choose() == choose()
    file.unlink()
    assert choose() == choose()


def test_where_nothing_can_be_kept_the_default_is_taken_without_a_race(race, monkeypatch, tmp_path):
    choose, verdicts = race
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("ELBOWROOM_CACHE", str(tmp_path / "file"))
    assert [choose() for _ in range(3)] == ["default"] * 3
    assert not verdicts


def test_rounded_weights_follow_the_optimizer():
    """A cache of rounded weights that outlived the step would stop the training from making progress."""
    layer, x = torch.nn.Linear(4, 4), torch.ones(1, 4)
    with use_matmul_mode("autocast", torch.device("cpu")), torch.no_grad():
        before = layer(x)
        layer.weight.add_(1.0)
        torch.testing.assert_close(layer(x), before + 4, rtol=0.02, atol=0.02)


def test_bf16_trains_convolutions_as_single_precision_does(tmp_path, digits):
    losses = {}
    for precision in ("float32", "bf16"):
        torch.manual_seed(0)
        model, objective = er.recipes.conv_vae(digits.shape, latent=8, widths=(8, 16))
        assert choose_matmul_mode("bf16", torch.device("cpu"), model) == "autocast"
        settings = {"epochs": 4, "lr": 3e-3, "device": "cpu", "watch": ("test",), "precision": precision}
        run = er.fit(model, objective, digits, out=tmp_path / precision, **settings)
        losses[precision] = [row["loss"] for row in run.metrics("test")]
    assert losses["float32"][-1] < losses["float32"][0] - 10
    assert losses["bf16"] == pytest.approx(losses["float32"], abs=2)
