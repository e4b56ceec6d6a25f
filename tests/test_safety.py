"""Nothing lost: kills, full disks, damaged files, losses that are no numbers, and company."""

import os
import random
import signal
import subprocess
import sys
import time

import pytest
import torch

import elbowroom as er
from elbowroom import serialization
from elbowroom.cli import main
from elbowroom.training import checkpoint, state

resource = pytest.importorskip("resource", reason="limits on files are set as Unix does")

TRAIN = ["train", "factor_vae", "--critic", "8", "--latent", "2", "--hidden", "16", "--data", "digits"]
TRAIN += [
    "--device",
    "cpu",
    "--average",
    "0.9",
    "--schedule",
    "cosine",
    "--kl-warmup",
    "0.5",
    "--checkpoint-every",
    "7",
]


def make(recipe="vae", **more):
    torch.manual_seed(0)
    return er.recipes.RECIPES[recipe]((1, 8, 8), latent=2, hidden=(16,), **more)


def interrupt_at(step):
    @er.on.step
    def stop(now):
        if now[state.STEP] == step:
            now[state.STOP] = "interrupted"

    return stop


def size(path):
    metrics = path / "metrics.jsonl"
    return metrics.stat().st_size if metrics.exists() else 0


def elbowroom(*arguments, **more):
    command = [sys.executable, "-m", "elbowroom", *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more)


def same(a, b):
    a, b = serialization.read(a)[0], serialization.read(b)[0]
    assert list(a) == list(b)
    return all(torch.equal(a[name], b[name]) for name in a)


@pytest.mark.slow
def test_killed_at_twenty_random_moments_it_ends_as_if_it_had_not_been(tmp_path):
    """Two players, averaged weights, a schedule, a warm-up, checkpoints within epochs: bit for bit."""
    length = ["--epochs", "150"]
    assert main([*TRAIN, *length, "--out", str(tmp_path / "whole")]) == 0
    moments, path = random.Random(0), tmp_path / "killed"
    for kill in range(20):
        begun = (path / "recipe.json").exists()
        process = elbowroom("resume", path) if begun else elbowroom(*TRAIN, *length, "--out", path)
        grown = size(path)
        # The first few die while they start, the others some dozens of steps after they went on.
        while kill > 2 and size(path) <= grown and process.poll() is None:
            time.sleep(0.01)
        time.sleep(moments.uniform(0, 2 if kill <= 2 else 0.3))
        process.kill()
        _, err = process.communicate()
        assert process.returncode == -signal.SIGKILL, err
    assert main(["resume", str(path)]) == 0
    assert same(tmp_path / "whole" / "model.safetensors", path / "model.safetensors")
    whole, killed = (checkpoint.list_checkpoints(er.Run(tmp_path / name))[0] for name in ("whole", "killed"))
    assert same(whole, killed)
    steps = [(row["step"], row.get("split")) for row in er.Run(path).metrics() if "split" in row]
    assert len(steps) == len(set(steps))


def test_killed_once_it_ends_as_if_it_had_not_been(tmp_path):
    length = ["--epochs", "40"]
    assert main([*TRAIN, *length, "--out", str(tmp_path / "whole")]) == 0
    path = tmp_path / "killed"
    process = elbowroom(*TRAIN, *length, "--out", path)
    deadline = time.monotonic() + 60
    while len(checkpoint.list_checkpoints(er.Run(path))) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    process.kill()
    process.communicate()
    assert main(["resume", str(path)]) == 0
    assert same(tmp_path / "whole" / "model.safetensors", path / "model.safetensors")


def test_sigterm_leaves_a_checkpoint_and_says_how_to_go_on(tmp_path):
    path = tmp_path / "run"
    process = elbowroom(*TRAIN, "--epochs", "100000", "--out", path)
    deadline = time.monotonic() + 60
    while not (path / "model.safetensors").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    process.terminate()
    out, err = process.communicate(timeout=60)
    assert process.returncode == 143, err
    assert "terminated after" in out
    assert f"elbowroom resume {path}" in out
    assert er.Run(path).metrics()[-1]["reason"] == "terminated"


def test_a_damaged_last_checkpoint_falls_back_to_the_one_before(digits, tmp_path):
    whole = er.fit(*make(), digits, steps=30, out=tmp_path / "whole", device="cpu")
    broken = er.fit(*make(), digits, steps=30, out=tmp_path / "b", device="cpu", callbacks=[interrupt_at(25)])
    last, before = checkpoint.list_checkpoints(broken)
    content = bytearray(last.read_bytes())
    content[len(content) // 2] ^= 1
    last.write_bytes(content)
    with pytest.warns(UserWarning, match=r"is damaged: its content does not have the hash .* the checkpoint before"):
        er.resume(broken.path, callbacks=[])
    assert same(whole.weights, broken.weights)
    assert before.name.startswith("000000000020")


def test_no_whole_checkpoint_is_an_error(digits, tmp_path):
    run = er.fit(*make(), digits, steps=30, out=tmp_path / "b", device="cpu", callbacks=[interrupt_at(25)])
    for path in checkpoint.list_checkpoints(run):
        path.write_bytes(path.read_bytes()[:-10])
    with (
        pytest.warns(UserWarning, match="is damaged"),
        pytest.raises(ValueError, match=r"no checkpoint in .* is whole"),
    ):
        er.resume(run.path, callbacks=[])


def test_a_full_disk_stops_with_a_message_and_a_whole_checkpoint(tmp_path):
    """A limit on the size of files stands for the disk: the second checkpoint does not fit."""

    def small_disk():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))

    path = tmp_path / "run"
    # Without moments the first checkpoint is small; Adam's make the next one three times as large.
    arguments = ["train", "vae", "--latent", "2", "--hidden", "64", "--device", "cpu", "--epochs", "3", "--out", path]
    process = elbowroom(*arguments, preexec_fn=small_disk)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 2, (out, err)
    assert f"cannot write to {path} (File too large)" in err
    assert "Traceback" not in err
    assert err.strip().count("\n") == 0
    assert len(checkpoint.list_checkpoints(er.Run(path))) == 1
    serialization.read_hashed(checkpoint.list_checkpoints(er.Run(path))[0])
    assert not list(path.rglob("*.part")) + list(path.rglob("*.writing"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_directory_stops_with_a_message(digits, tmp_path):
    def lock_up(now):
        if now[state.STEP] == 15:
            (now[state.RUN].path / "checkpoints").chmod(0o500)

    with pytest.raises(ValueError, match="cannot write to"):
        er.fit(*make(), digits, steps=30, out=tmp_path / "run", device="cpu", callbacks=[er.on.step(lock_up)])


def test_a_second_process_is_refused(digits, tmp_path):
    path = tmp_path / "run"
    said = []

    @er.once
    @er.on.step
    def intrude(now):
        process = elbowroom("resume", path)
        said.append((process.communicate()[1], process.returncode))

    er.fit(*make(), digits, steps=12, out=path, device="cpu", callbacks=[intrude])
    ((err, code),) = said
    assert code == 2
    assert f"another process is training into {path}" in err or "callbacks of its own" in err


def test_the_lock_is_held_while_training(digits, tmp_path):
    from filelock import FileLock, Timeout

    path, seen = tmp_path / "run", []

    @er.once
    @er.on.step
    def look(now):
        code = "import sys; from filelock import FileLock; FileLock(sys.argv[1]).acquire(timeout=0)"
        seen.append(subprocess.run([sys.executable, "-c", code, str(path / ".lock")], capture_output=True, text=True))

    er.fit(*make(), digits, steps=3, out=path, device="cpu", callbacks=[look])
    assert Timeout.__name__ in seen[0].stderr
    FileLock(path / ".lock").acquire(timeout=0).lock.release()


class Explode(torch.nn.Module):
    """A layer whose output becomes infinite at the n-th call in training."""

    def __init__(self, inner, at):
        super().__init__()
        self.inner, self.at, self.calls = inner, at, 0

    def forward(self, x):
        y = self.inner(x)
        if self.training:
            self.calls += 1
            if self.calls in self.at or (self.calls - 1) in self.at:  # the second is the search for the layer
                y = y * torch.inf
        return y


def test_the_layer_where_it_arose_is_named(digits, tmp_path):
    model, objective = make()
    model.encoder.net.layers[0] = Explode(model.encoder.net.layers[0], {13})
    with pytest.raises(er.DivergedError, match=r"at step 13, first in the output of model\.encoder\.net\.layers\.0\b"):
        er.fit(model, objective, digits, steps=30, out=tmp_path / "run", device="cpu")
    assert [path.name[:12] for path in checkpoint.list_checkpoints(er.Run(tmp_path / "run"))] == [
        "000000000010",
        "000000000000",
    ]


def test_rollback_goes_back_and_on_with_a_smaller_rate(digits, tmp_path):
    model, objective = make()
    model.encoder.net.layers[0] = Explode(model.encoder.net.layers[0], {13})
    rates = []

    @er.on.step
    def note(now):
        rates.append((now[state.STEP], now[state.OPTIMIZERS]["model"].param_groups[0]["lr"]))

    run = er.fit(
        model, objective, digits, steps=30, out=tmp_path / "run", device="cpu", on_nan="rollback", callbacks=[note]
    )
    assert rates == [(n, 1e-3) for n in range(1, 13)] + [(n, 5e-4) for n in range(11, 31)]
    (back,) = [row for row in run.metrics() if row.get("event") == "rollback"]
    assert back["step"] == 10
    assert back["from"] == 12
    assert "step 13" in back["why"]


def test_each_rollback_halves_the_rate_in_force(digits, tmp_path):
    """Twice from the same checkpoint, then from one written at the smaller rate: a half, a quarter, an eighth."""
    model, objective = make()
    model.encoder.net.layers[0] = Explode(model.encoder.net.layers[0], {13, 16, 30})
    seen = {}

    @er.on.step
    def note(now):
        seen.setdefault(now[state.OPTIMIZERS]["model"].param_groups[0]["lr"], now[state.STEP])

    er.fit(model, objective, digits, steps=40, out=tmp_path / "run", device="cpu", on_nan="rollback", callbacks=[note])
    assert list(seen) == [1e-3, 5e-4, 2.5e-4, 1.25e-4]
    assert seen[2.5e-4] == 11
    assert seen[1.25e-4] > 11


def test_killed_before_it_was_a_run_it_may_be_begun_again(digits, tmp_path, monkeypatch):
    def kill(run):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(er.Run, "write_record", kill)
        with pytest.raises(KeyboardInterrupt):
            er.fit(*make(), digits, steps=3, out=tmp_path / "run", device="cpu")
    run = er.fit(*make(), digits, steps=3, out=tmp_path / "run", device="cpu")
    assert run.metrics()[-1]["reason"] == "finished"


def test_rollback_gives_up_after_three(digits, tmp_path):
    model, objective = make()
    model.encoder.net.layers[0] = Explode(model.encoder.net.layers[0], set(range(13, 1000)))
    with pytest.raises(er.DivergedError):
        er.fit(model, objective, digits, steps=30, out=tmp_path / "run", device="cpu", on_nan="rollback")
    assert sum(row.get("event") == "rollback" for row in er.Run(tmp_path / "run").metrics()) == 3


def test_a_start_that_was_cut_off_may_be_begun_again(digits, tmp_path):
    """Killed before it was a run, a directory holds only what the start made; the same command starts it again."""
    path = tmp_path / "run"
    er.Run.create(path, {})
    (path / "checkpoints" / "000000000000-dead.safetensors").write_text("half")
    assert not er.Run(path).exists
    run = er.fit(*make(), digits, steps=3, out=path, device="cpu")
    assert run.metrics()[-1]["reason"] == "finished"
    other = tmp_path / "other"
    other.mkdir()
    (other / "thesis.txt").write_text("precious")
    with pytest.raises(ValueError, match="holds other files"):
        er.fit(*make(), digits, steps=3, out=other, device="cpu")
    assert (other / "thesis.txt").read_text() == "precious"
