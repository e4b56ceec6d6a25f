"""The loop: repeatable, resumable, open to callbacks, and careful with what it writes."""

import json
import signal

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

import elbowroom as er
from elbowroom import serialization
from elbowroom.training import callback, callbacks, checkpoint, state
from elbowroom.training.averages import RunningMean
from elbowroom.training.loop import measure
from elbowroom.training.step import Step

SMALL = {"latent": 2, "hidden": (16,)}


def make(recipe="vae", **more):
    torch.manual_seed(0)
    return er.recipes.RECIPES[recipe]((1, 8, 8), **SMALL, **more)


def same(a, b):
    assert list(a) == list(b)
    for name in a:
        assert torch.equal(a[name], b[name]), name


class StopAt(er.Callback):
    def __init__(self, step):
        self.at = step

    def step(self, now):
        if now[state.STEP] == self.at:
            now[state.STOP] = "interrupted"


@pytest.mark.parametrize("optimizer", ["adam", "sgd", "adagrad", "rmsprop", "adamw"])
@pytest.mark.parametrize("at", [10, 13])
def test_a_resumed_run_ends_where_an_unbroken_one_does(digits, tmp_path, at, optimizer):
    """At an epoch's end (10 steps) and in the middle of one, bit for bit."""
    unbroken = er.fit(*make(), digits, steps=30, out=tmp_path / "a", device="cpu", optimizer=optimizer)
    broken = er.fit(
        *make(), digits, steps=30, out=tmp_path / "b", device="cpu", optimizer=optimizer, callbacks=[StopAt(at)]
    )
    assert broken.metrics()[-1] == {"event": "end", "reason": "interrupted", "step": at, "epoch": (at - 1) // 10 + 1}
    er.resume(broken.path, callbacks=[])
    same(serialization.read(unbroken.weights)[0], serialization.read(broken.weights)[0])
    assert broken.metrics("test")[-1]["loss"] == unbroken.metrics("test")[-1]["loss"]


def test_resuming_after_a_kill_writes_no_row_twice(digits, tmp_path):
    """Rows written after the last checkpoint are written again by the resumed run, so they go first."""

    class Kill(er.Callback):
        def step(self, now):
            if now[state.STEP] == 17:
                now[state.RUN].log({"step": 17, "epoch": 2, "split": "train", "loss": 1.0, "examples": 1, "seconds": 9})
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        er.fit(*make(), digits, steps=30, out=tmp_path / "run", device="cpu", callbacks=[Kill()])
    run = er.resume(tmp_path / "run", callbacks=[])
    unbroken = er.fit(*make(), digits, steps=30, out=tmp_path / "b", device="cpu")
    assert [(r["step"], r.get("split")) for r in run.metrics()] == [
        (r["step"], r.get("split")) for r in unbroken.metrics()
    ]
    same(serialization.read(run.weights)[0], serialization.read(unbroken.weights)[0])
    seconds = [row["seconds"] for row in run.metrics() if "seconds" in row]
    assert seconds == sorted(seconds)


def test_resuming_holds_for_two_players_and_running_codebooks(digits, tmp_path):
    for recipe, more in (("factor_vae", {"critic": (8,)}), ("vq_vae", {"codes": 8, "dim": 3})):
        paths = [tmp_path / f"{recipe}-{half}" for half in "ab"]
        er.fit(*make(recipe, **more), digits, steps=24, out=paths[0], device="cpu")
        er.fit(*make(recipe, **more), digits, steps=24, out=paths[1], device="cpu", callbacks=[StopAt(15)])
        er.resume(paths[1], callbacks=[])
        same(*(serialization.read(checkpoint.list_checkpoints(er.Run(path))[0])[0] for path in paths))


def test_training_leaves_the_callers_random_stream_alone(digits, tmp_path):
    torch.manual_seed(3)
    expected = torch.rand(3)
    model, objective = make()
    torch.manual_seed(3)
    er.fit(model, objective, digits, steps=3, out=tmp_path / "run", device="cpu")
    assert torch.equal(torch.rand(3), expected)


def test_watching_a_split_does_not_change_the_training(digits, tmp_path):
    runs = [
        er.fit(*make("factor_vae", critic=(8,)), digits, steps=24, out=tmp_path / str(i), device="cpu", watch=watch)
        for i, watch in enumerate([(), ("train", "validation", "test")])
    ]
    same(*(serialization.read(run.weights)[0] for run in runs))


def test_each_player_moves_its_own_parameters_only(digits):
    model, objective = make("factor_vae", critic=(8,))
    step = Step(model, objective)
    losses = step(digits.train.first(32), torch.tensor(0))
    players = {p.name: p for p in step.players}
    losses.players["critic"].backward(inputs=players["critic"].parameters, retain_graph=True)
    critic = [p.grad.clone() for p in players["critic"].parameters]
    losses.players["model"].backward(inputs=players["model"].parameters)
    assert all(torch.equal(a, b.grad) for a, b in zip(critic, players["critic"].parameters, strict=True))


def test_validation_is_the_same_in_any_batch_size_and_whatever_was_drawn_before(digits):
    step = Step(*make())
    now = torch.tensor(0)
    reference = measure(step, digits.test, now, 359).means()[1]
    torch.rand(7)
    for size in (1, 50):
        again = measure(step, digits.test, now, size).means()[1]
        for name, value in reference.items():
            assert again[name] == pytest.approx(value, abs=1e-4)


def test_meter_weighs_batches_by_their_examples():
    meter = RunningMean()
    for value, n in ((1.0, 10), (4.0, 20)):
        meter.add({"loss": torch.tensor(value)}, n)
    assert meter.means() == (30, {"loss": 3.0})
    assert meter.means() == (0, {})


def test_metrics_cover_every_example_once(digits, tmp_path):
    run = er.fit(*make(), digits, epochs=2, out=tmp_path / "run", device="cpu")
    assert sum(row["examples"] for row in run.metrics("train")) == 2 * len(digits.train)
    assert {row["examples"] for row in run.metrics("validation")} == {len(digits.validation)}
    assert {row["examples"] for row in run.metrics("test")} == {len(digits.test)}
    assert [row["step"] for row in run.metrics("test")] == [10, 20]


def test_metrics_can_be_followed_while_they_grow(digits, tmp_path):
    """After every row a reader sees only whole lines; a line cut short is left out."""
    seen = []

    class Follow(er.Callback):
        def row(self, now):
            rows = [json.loads(line) for line in (now[state.RUN].path / "metrics.jsonl").open()]
            seen.append([row for row in rows if "split" in row])

    run = er.fit(*make(), digits, epochs=2, out=tmp_path / "run", device="cpu", callbacks=[Follow()])
    assert [len(rows) for rows in seen] == [1, 2, 3, 4, 5, 6]
    whole = len(run.metrics())
    with (run.path / "metrics.jsonl").open("a") as file:
        file.write('{"step": 12, "los')
    assert len(run.metrics()) == whole


def test_callbacks_are_called_in_order_with_the_state(digits, tmp_path):
    calls = []
    mine = er.state_key("test-calls")

    class Note(er.Callback):
        def start(self, now):
            now[mine] = calls
            assert now[state.STEPS] == 13

        def step(self, now):
            now[mine].append(now[state.STEP])

        def epoch(self, now):
            calls.append("epoch")

        def end(self, now):
            calls.append("end")

        def close(self, now):
            calls.append("close")

    er.fit(*make(), digits, steps=13, out=tmp_path / "run", device="cpu", callbacks=[Note()])
    assert calls == [*range(1, 11), "epoch", 11, 12, 13, "epoch", "end", "close"]


def test_a_hook_that_nobody_takes_is_not_called():
    called = callback.CallbackList([er.Callback(), callbacks.Pictures()])
    assert not any(called._by_name[name] for name in ("step", *callback.IN_STEP_HOOKS))
    assert len(called._by_name["epoch"]) == 1


def test_state_keys_are_unique_and_advise():
    er.state_key("test-once")
    with pytest.raises(ValueError, match="'test-once' exists already"):
        er.state_key("test-once")
    with pytest.raises(KeyError, match="nothing is in the state under 'step'"):
        er.State()[state.STEP]


def test_a_loss_that_is_no_number_stops_and_keeps_the_last_checkpoint(digits, tmp_path):
    class Poison(er.Callback):
        def step(self, now):
            if now[state.STEP] == 15:
                with torch.no_grad():
                    now[state.MODEL].decoder.net.layers[-1].bias.fill_(torch.nan)

    with pytest.raises(ValueError, match=r"nan at step 16, where the parameter model\.decoder.*\.layers\.1\.bias"):
        er.fit(*make(), digits, steps=30, out=tmp_path / "run", device="cpu", callbacks=[Poison()])
    assert all(t.isfinite().all() for t in serialization.named_tensors(er.load(tmp_path / "run")).values())
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_mistakes_are_found_before_anything_is_written(digits, tmp_path):
    out = tmp_path / "run"
    with pytest.raises(ValueError, match="the data's examples are 1x8x8, but the model was made for 1x9x9"):
        er.fit(*er.recipes.vae((1, 9, 9)), digits, out=out)
    with pytest.raises(ValueError, match="did you mean 'adam'"):
        er.fit(*make(), digits, out=out, optimizer="adamm")
    with pytest.raises(ValueError, match="batch size 128 is larger than the 40"):
        er.fit(*er.recipes.vae((3,)), np.random.default_rng(0).random((50, 3)), out=out)
    assert not out.exists()


@pytest.mark.parametrize("form", ["dataset", "loader", "dicts"])
def test_torchs_own_data_trains(tmp_path, form):
    torch.manual_seed(0)
    x, y = torch.rand(90, 1, 6, 6), torch.arange(90) % 3
    dataset = TensorDataset(x, y)
    source = {
        "dataset": dataset,
        "loader": DataLoader(dataset, batch_size=16, shuffle=True),
        "dicts": [{"x": x[i : i + 16], "label": y[i : i + 16]} for i in range(0, 80, 16)],
    }[form]
    more = {"validation": 0, "test": 0} if form == "dicts" else {}
    data = er.load_data(source, **more)
    run = er.fit(*er.recipes.vae((1, 6, 6), **SMALL), data, epochs=2, batch_size=16, out=tmp_path / "run")
    assert sum(row["examples"] for row in run.metrics("train")) == 2 * len(data.train)
    assert er.evaluate(run, data, samples=2, split="train")["elbo"].examples == len(data.train)
    with pytest.raises(ValueError, match="data given in Python: pass the same as data="):
        er.evaluate(run)


def test_a_model_of_ones_own_trains_and_says_how_it_loads(digits, tmp_path):
    """Nothing of a recipe is needed to train; only to load without writing the model down again."""
    torch.manual_seed(0)
    model = er.Model(
        er.Conditional.mlp((1, 8, 8), er.DiagonalNormal(2)),
        er.Conditional.mlp(2, er.Bernoulli((1, 8, 8))),
        er.Mixture(2, components=3),
    )
    run = er.fit(model, er.ELBO(), digits, steps=5, out=tmp_path / "run", device="cpu")
    with pytest.raises(ValueError, match="a model that no recipe made"):
        er.load(run.path)
    assert er.evaluate(model, digits, samples=3)["kl_per_dimension"].value is None


def test_pictures_show_the_same_codes_each_time(digits, tmp_path):
    """Two epochs without learning draw the same samples: what changes between pictures is the model alone."""
    run = er.fit(*make(), digits, epochs=2, lr=1e-12, out=tmp_path / "run", device="cpu")
    first, second = (np.asarray(_open(run.images / f"samples-{n:04d}.png"))[:-30].astype(int) for n in (1, 2))
    assert abs(first - second).max() <= 1


def _open(path):
    from PIL import Image

    return Image.open(path)
