"""Hooks: when they are called, and what a callback may change."""

import json

import pytest
import torch

import elbowroom as er
from elbowroom.data import Batch
from elbowroom.training import callback, state
from elbowroom.training.callback import HOOKS, CallbackList, has_hook
from elbowroom.training.step import Step
from elbowroom.workbench import SampleImages
from tests.training.helpers import small_model, train


@pytest.mark.parametrize("name", HOOKS)
def test_every_hook_is_a_decorator(digits, tmp_path, name):
    seen = []

    @getattr(er.on, name)
    def note(now):
        seen.append((now[state.STEP], now[state.EPOCH]))

    assert [n for n in HOOKS if has_hook(note, n)] == [name]
    train(digits, tmp_path / "run", note, checkpoint_every=4)
    per_run = {"start": 1, "end": 1, "close": 1, "epoch": 2, "validation": 2, "row": 20 + 4}
    per_run |= {"batch": 20, "backward": 20, "step": 20, "checkpoint": 1 + 2 + 4}
    # forward and loss are called in validation too: two batches of 180, three of 359, after each epoch
    per_run |= {"forward": 20 + 2 * 5, "loss": 20 + 2 * 5, "validation_batch": 2 * 5}
    assert len(seen) == per_run[name]


def test_an_unknown_hook_names_those_there_are():
    with pytest.raises(AttributeError, match=r"no hook 'stpe': choose from .*step"):
        er.on.stpe  # noqa: B018


def test_once_every_and_only_if(digits, tmp_path):
    calls = {"once": [], "every": [], "only_if": [], "epochs": []}

    @er.once
    @er.on.step
    def first(now):
        calls["once"].append(now[state.STEP])

    @er.every(7)
    @er.on.step
    def seventh(now):
        calls["every"].append(now[state.STEP])

    @er.only_if(lambda now: now[state.STEP] > 17)
    @er.on.step
    def late(now):
        calls["only_if"].append(now[state.STEP])

    @er.every(2)
    @er.on.epoch
    def even(now):
        calls["epochs"].append(now[state.EPOCH])

    train(digits, tmp_path / "run", first, seventh, late, even)
    assert calls == {"once": [1], "every": [7, 14], "only_if": [18, 19, 20], "epochs": [2]}
    with pytest.raises(ValueError, match="n of at least 1"):
        er.every(0)


def test_a_callback_may_add_to_the_loss(digits):
    """Half the KL taken off by a callback is the beta-VAE with a half, gradients included."""

    @er.on.loss
    def less(now):
        now[state.LOSS] = now[state.LOSS] - 0.5 * now[state.DRAW].kl.mean()

    grads = []
    for recipe, arguments, extra in (("vae", {}, [less]), ("beta_vae", {"beta": 0.5}, [])):
        model, objective = small_model(recipe, **arguments)
        step = Step(model, objective, state.State(), CallbackList(extra))
        torch.manual_seed(1)
        losses = step(digits.train.first(32), torch.tensor(0))
        losses.players["model"].backward()
        grads.append({name: p.grad for name, p in model.named_parameters()} | {"loss": losses.terms["loss"]})
    for name, value in grads[0].items():
        torch.testing.assert_close(value, grads[1][name], msg=name)


def test_batch_may_be_replaced(digits, tmp_path):
    seen = []

    @er.on.batch
    def smaller(now):
        x, y, index = now[state.BATCH]
        now[state.BATCH] = Batch(x[:5], y[:5], index[:5])

    @er.on.row
    def note(now):
        if now[state.ROW]["split"] == "train":
            seen.append(now[state.ROW]["examples"])

    train(digits, tmp_path / "run", smaller, note, steps=10)
    assert seen == [5] * 10


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

    er.fit(*small_model(), digits, steps=13, out=tmp_path / "run", device="cpu", callbacks=[Note()])
    assert calls == [*range(1, 11), "epoch", 11, 12, 13, "epoch", "end", "close"]


def test_a_hook_that_nobody_takes_is_not_called():
    called = callback.CallbackList([er.Callback(), SampleImages()])
    assert not any(called._by_name[name] for name in ("step", *callback.IN_STEP_HOOKS))
    assert not called._by_name["epoch"]


def test_metrics_can_be_followed_while_they_grow(digits, tmp_path):
    """After every row a reader sees only whole lines; a line cut short is left out."""
    seen = []

    class Follow(er.Callback):
        def row(self, now):
            text = (now[state.RUN].path / "metrics.jsonl").read_text(encoding="utf-8")
            rows = [json.loads(line) for line in text.splitlines()]
            seen.append([row for row in rows if "split" in row])

    run = train(digits, tmp_path / "run", Follow())
    assert [len(rows) for rows in seen] == list(range(1, 25))  # 20 steps, two validations of two splits
    whole = len(run.metrics())
    with (run.path / "metrics.jsonl").open("a") as file:
        file.write('{"step": 12, "los')
    assert len(run.metrics()) == whole


def test_everywhere_is_the_old_name_of_is_on_every_rank():
    with pytest.warns(DeprecationWarning, match=r"Callback\.everywhere is now called") as caught:

        class Writer(er.Callback):
            everywhere = False

    assert len(caught) == 1
    assert caught[0].filename == __file__
    assert Writer.is_on_every_rank is False
    assert er.Callback.is_on_every_rank is True
