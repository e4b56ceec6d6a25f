"""Resuming from a checkpoint, bit for bit; damaged checkpoints."""

from functools import partial

import pytest

import elbowroom as er
from elbowroom import serialization
from elbowroom.recipes import RECIPES
from elbowroom.training import checkpoint, state
from tests.training.helpers import assert_same_tensors, interrupt_at, same_weights, small_model, train


@pytest.mark.parametrize(
    ("at", "optimizer"), [(10, "adam"), *((13, name) for name in ("adam", "sgd", "adagrad", "rmsprop", "adamw"))]
)
def test_a_resumed_run_ends_where_an_unbroken_one_does(digits, tmp_path, at, optimizer):
    """At an epoch's end (10 steps) and in the middle of one, bit for bit."""
    unbroken = train(digits, tmp_path / "a", steps=30, optimizer=optimizer, max_overhead=0.1)
    broken = er.fit(
        *small_model(),
        digits,
        steps=30,
        out=tmp_path / "b",
        device="cpu",
        optimizer=optimizer,
        callbacks=[interrupt_at(at)],
    )
    assert broken.metrics()[-1] == {"event": "end", "reason": "interrupted", "step": at, "epoch": (at - 1) // 10 + 1}
    er.resume(broken.path, callbacks=[])
    assert_same_tensors(serialization.read(unbroken.weights)[0], serialization.read(broken.weights)[0])
    assert broken.metrics("test")[-1]["loss"] == unbroken.metrics("test")[-1]["loss"]


def test_resuming_after_a_kill_writes_no_row_twice(digits, tmp_path):
    """Rows written after the last checkpoint are written again by the resumed run, so they go first."""

    class Kill(er.Callback):
        def step(self, now):
            if now[state.STEP] == 17:
                now[state.RUN].log({"step": 17, "epoch": 2, "split": "train", "loss": 1.0, "examples": 1, "seconds": 9})
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        er.fit(*small_model(), digits, steps=30, out=tmp_path / "run", device="cpu", callbacks=[Kill()])
    run = er.resume(tmp_path / "run", callbacks=[])
    unbroken = er.fit(*small_model(), digits, steps=30, out=tmp_path / "b", device="cpu")
    assert [(r["step"], r.get("split")) for r in run.metrics()] == [
        (r["step"], r.get("split")) for r in unbroken.metrics()
    ]
    assert_same_tensors(serialization.read(run.weights)[0], serialization.read(unbroken.weights)[0])
    seconds = [row["seconds"] for row in run.metrics() if "seconds" in row]
    assert seconds == sorted(seconds)


def test_resuming_holds_for_several_players_and_running_codebooks(digits, tmp_path):
    networks = {"hidden": (16,), "latent": 2}
    for recipe, settings in {
        "vae_gan": {"critic": 4, "size": "s", "latent": 2},
        "factor_vae": {"critic": (8,), **networks},
        "vq_vae": {"codes": 8, "dim": 3, **networks},
    }.items():
        paths, make = [tmp_path / f"{recipe}-{half}" for half in "ab"], partial(RECIPES[recipe], (1, 8, 8), **settings)
        er.fit(*make(seed=0), digits, steps=14, out=paths[0], device="cpu")
        er.fit(*make(seed=0), digits, steps=14, out=paths[1], device="cpu", callbacks=[interrupt_at(12)])
        er.resume(paths[1], callbacks=[])
        assert_same_tensors(*(serialization.read(checkpoint.list_checkpoints(er.Run(path))[0])[0] for path in paths))


def test_a_damaged_last_checkpoint_falls_back_to_the_one_before(digits, tmp_path):
    whole = er.fit(*small_model(), digits, steps=30, out=tmp_path / "whole", device="cpu")
    broken = train(digits, tmp_path / "b", interrupt_at(25), steps=30)
    last, before = checkpoint.list_checkpoints(broken)
    content = bytearray(last.read_bytes())
    content[len(content) // 2] ^= 1
    last.write_bytes(content)
    with pytest.warns(UserWarning, match=r"is damaged: its content does not have the hash .* the checkpoint before"):
        er.resume(broken.path, callbacks=[])
    assert same_weights(whole.weights, broken.weights)
    assert before.name.startswith("000000000020")


def test_no_whole_checkpoint_is_an_error(digits, tmp_path):
    run = er.fit(*small_model(), digits, steps=30, out=tmp_path / "b", device="cpu", callbacks=[interrupt_at(25)])
    for path in checkpoint.list_checkpoints(run):
        path.write_bytes(path.read_bytes()[:-10])
    with (
        pytest.warns(UserWarning, match="is damaged"),
        pytest.raises(ValueError, match=r"no checkpoint in .* is whole"),
    ):
        er.resume(run.path, callbacks=[])
