"""Loggers, against fakes that accept only the calls of the real packages."""

import csv
import sys
import types
from types import SimpleNamespace

import numpy as np
import pytest
import torch

import elbowroom as er
from elbowroom.integrations import CSV, TensorBoard, Visdom, WandB


def train(tmp_path, *callbacks):
    torch.manual_seed(0)
    data = er.load_data("digits")
    model, objective = er.recipes.vae(data.shape, latent=2, hidden=(16,))
    out = tmp_path / "run"
    return er.fit(model, objective, data, epochs=2, out=out, device="cpu", callbacks=callbacks, max_overhead=1)


@pytest.fixture
def fake_module(monkeypatch):
    def install(name, **members):
        module = types.ModuleType(name)
        vars(module).update(members)
        monkeypatch.setitem(sys.modules, name, module)

    return install


def test_csv_holds_every_row(tmp_path):
    run = train(tmp_path, CSV())
    with (run.path / "metrics.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    expected = [row for row in run.metrics() if "split" in row]
    assert [(float(r["loss"]), r["split"]) for r in rows] == [(r["loss"], r["split"]) for r in expected]


def test_tensorboard_gets_every_metric_and_image(tmp_path):
    reader = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator", reason="no tensorboard here")
    run = train(tmp_path, TensorBoard())
    events = reader.EventAccumulator(str(run.path / "tensorboard"), size_guidance={"images": 0})
    events.Reload()
    assert {"train/loss", "validation/elbo", "test/kl"} <= set(events.Tags()["scalars"])
    sent = [(e.step, e.value) for e in events.Scalars("test/loss")]
    logged = [(r["step"], r["loss"]) for r in run.metrics("test")]
    assert [s for s, _ in sent] == [s for s, _ in logged]
    np.testing.assert_allclose([v for _, v in sent], [v for _, v in logged], rtol=1e-6)
    assert [e.step for e in events.Images("samples")] == [10, 20]


def test_wandb_gets_metrics_in_order_and_is_finished(tmp_path, fake_module):
    calls = []

    class Image:
        def __init__(self, path):
            assert path.endswith(".png")

    class Run:
        step = 0

        def log(self, metrics, step):
            assert step >= self.step, "steps must not go back, or the board drops them"
            assert all(isinstance(v, int | float | Image) for v in metrics.values())
            self.step = step
            calls.append((step, metrics))

        def finish(self):
            calls.append("finish")

    def init(*, project, name, id, resume, config, mode="online"):
        assert (project, name, resume, mode) == ("mine", "run", "allow", "offline")
        assert id.startswith("run-")
        assert config["recipe"] == "vae"
        return Run()

    fake_module("wandb", init=init, Image=Image)
    run = train(tmp_path, WandB("mine", mode="offline"))
    assert calls[-1] == "finish"
    logged = {step: metrics["test/loss"] for step, metrics in calls[:-1] if "test/loss" in metrics}
    assert logged == {row["step"]: row["loss"] for row in run.metrics("test")}
    assert sum("samples" in metrics for _, metrics in calls[:-1]) == 2


def test_a_run_that_replaces_another_is_a_new_one_for_wandb_and_a_resumed_one_is_not(tmp_path, digits, fake_module):
    ids = []
    board = SimpleNamespace(log=lambda metrics, step: None, finish=lambda: None)
    fake_module("wandb", init=lambda id, **settings: ids.append(id) or board, Image=lambda path: path)
    for overwrite in (False, True):
        model, objective = er.recipes.vae(digits.shape, latent=2, hidden=(8,))
        settings = {"out": tmp_path / "run", "steps": 2, "device": "cpu", "report": False, "overwrite": overwrite}
        er.fit(model, objective, digits, log=("wandb",), **settings)
    er.resume(tmp_path / "run", steps=4, progress=False)
    first, second, resumed = ids
    assert first != second == resumed


def test_visdom_gets_lines_and_images(tmp_path, fake_module):
    lines, images = [], []

    class Board:
        def __init__(self, *, env, port=8097):
            assert (env, port) == ("run", 9999)

        def line(self, Y, X, win, name, update, opts):  # noqa: N803
            assert X.shape == Y.shape == (1,)
            assert update == "append"
            lines.append((win, name, X[0], Y[0]))

        def image(self, img, win, opts):
            assert img.ndim == 3
            assert img.shape[0] == 3
            images.append(win)

    fake_module("visdom", Visdom=Board)
    run = train(tmp_path, Visdom(port=9999))
    assert [(x, y) for win, name, x, y in lines if (win, name) == ("loss", "validation")] == [
        (row["step"], row["loss"]) for row in run.metrics("validation")
    ]
    assert images == ["reconstructions", "samples"] * 2


@pytest.mark.parametrize(("make", "package"), [(WandB, "wandb"), (Visdom, "visdom"), (TensorBoard, "tensorboard")])
def test_a_missing_package_is_named(make, package, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ValueError, match=f"needs {package}, which is not installed: pip install .*{package}"):
        make()
