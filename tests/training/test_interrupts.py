"""Interrupted trainings: kills, signals, a full disk, a second process."""

import os
import random
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest

import elbowroom as er
from elbowroom import serialization
from elbowroom.cli import main
from elbowroom.runs.run import PAUSE_FILE
from elbowroom.training import checkpoint, interrupts, state
from tests.training.helpers import run_cli, same_weights, small_model, start_cli, train
from tests.warm_process import WarmProcess, start_script

resource = pytest.importorskip("resource", reason="limits on files are set as Unix does")

TRAIN = [
    "train",
    "factor_vae",
    "--critic",
    "8",
    "--latent",
    "2",
    "--hidden",
    "16",
    "--data",
    "digits",
    "--device",
    "cpu",
]
TRAIN += ["--average", "0.9", "--schedule", "cosine", "--kl-warmup", "0.5", "--no-report", "--no-progress"]
TRAIN += ["--sampler", "none"]


def train_whole(path, length, killed, monkeypatch):
    """The same training without interruption, with the library of matrix products that the killed one chose.

    The choice is timed, once a process: two processes may choose differently, and results then differ in the last bit.
    """
    mode = er.Run(killed).record["training"]["products"]
    monkeypatch.setattr("elbowroom.workbench.fit.choose_matmul_mode", lambda *_: mode)
    assert main([*TRAIN, *length, "--out", str(path)]) == 0


def start_cold_cli(*arguments):
    """Start ``elbowroom`` as from a terminal."""
    command = [sys.executable, "-m", "elbowroom", *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def metrics_size(path):
    metrics = path / "metrics.jsonl"
    return metrics.stat().st_size if metrics.exists() else 0


WITHIN_EPOCHS = ["--checkpoint-every", "7"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("cold", "kills", "checkpoints"),
    [
        pytest.param(1, 3, WITHIN_EPOCHS, id="within epochs"),
        pytest.param(3, 10, WITHIN_EPOCHS, marks=pytest.mark.exhaustive, id="ten within epochs"),
        pytest.param(3, 10, [], marks=pytest.mark.exhaustive, id="ten by time"),
    ],
)
def test_killed_at_random_moments_it_ends_as_if_it_had_not_been(tmp_path, monkeypatch, cold, kills, checkpoints):
    """Two players, averaged weights, a schedule, a warm-up, both kinds of checkpoints: bit for bit."""
    length = ["--epochs", "80" if kills == 3 else "150", *checkpoints]
    rng, path = random.Random(0), tmp_path / "killed"
    for kill in range(kills):
        is_run = (path / "recipe.json").exists()
        # The first few from nothing, so that they die while they import, too.
        start = start_cold_cli if kill < cold else start_cli
        process = start("resume", path) if is_run else start(*TRAIN, *length, "--out", path)
        size = metrics_size(path)
        # The first few die while they start, the others some dozens of steps after they went on.
        while kill >= cold and metrics_size(path) <= size and process.poll() is None:
            time.sleep(0.01)
        time.sleep(rng.uniform(0, 2 if kill < cold else 0.3))
        process.kill()
        _, err = process.communicate()
        assert process.returncode == -signal.SIGKILL, err
    assert main(["resume", str(path)]) == 0
    train_whole(tmp_path / "whole", length, path, monkeypatch)
    assert same_weights(tmp_path / "whole" / "model.safetensors", path / "model.safetensors")
    whole, killed = (checkpoint.list_checkpoints(er.Run(tmp_path / name))[0] for name in ("whole", "killed"))
    assert same_weights(whole, killed)
    assert same_weights(*(er.Run(tmp_path / name).best_weights for name in ("whole", "killed")))
    steps = [(row["step"], row.get("split")) for row in er.Run(path).metrics() if "split" in row]
    assert len(steps) == len(set(steps))


def test_sigterm_leaves_a_checkpoint_and_says_how_to_go_on(tmp_path):
    path = tmp_path / "run"
    process = start_cli(*TRAIN, "--epochs", "100000", "--out", path)
    deadline = time.monotonic() + 60
    while not (path / "model.safetensors").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    process.terminate()
    out, err = process.communicate(timeout=60)
    assert process.returncode == 143, err
    assert "terminated after" in out
    assert f"elbowroom resume {path}" in out
    assert er.Run(path).metrics()[-1]["reason"] == "terminated"


#: A program that trains into the folder "run", and what it does about signals itself.
PROGRAM = """
import signal, sys, elbowroom as er
{handler}
data = er.load_data("digits")
model, objective = er.recipes.vae(data.shape, latent=2, hidden=(8,))
er.fit(model, objective, data, epochs=100000, out="run", device="cpu", report=False)
print("went on")
"""


@pytest.mark.parametrize(
    ("number", "handler", "code", "words"),
    [
        (signal.SIGTERM, "", -signal.SIGTERM, ""),
        (signal.SIGINT, "", 1, "KeyboardInterrupt"),  # the code of any exception, in a process that was forked
        (signal.SIGTERM, "signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))", 7, ""),
        (signal.SIGTERM, "signal.signal(signal.SIGTERM, lambda *_: print('noted'))", 0, "noted\nwent on"),
    ],
    ids=["terminate", "interrupt", "exits by a handler", "goes on after a handler"],
)
def test_a_signal_to_a_program_does_what_it_would_have_once_all_is_saved(tmp_path, number, handler, code, words):
    path, program = tmp_path / "run", PROGRAM.format(handler=handler)
    process = start_script(program, tmp_path)
    deadline = time.monotonic() + 120
    while not (path / "recipe.json").exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(number)
    out, err = process.communicate(timeout=120)
    assert process.returncode == code, err
    assert words in out + err
    end = er.Run(path).metrics()[-1]
    assert end["reason"] == ("interrupted" if number == signal.SIGINT else "terminated")
    assert checkpoint.list_checkpoints(er.Run(path))[0].name.startswith(f"{end['step']:012d}")


def run_cli_on_a_small_disk(arguments):
    """Run a command that may write no file above 60 kB."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))
    run_cli(arguments)


def test_a_full_disk_stops_with_a_message_and_a_whole_checkpoint(tmp_path):
    """A limit on the size of files stands for the disk: the second checkpoint does not fit."""

    path = tmp_path / "run"
    # Without moments the first checkpoint is small; Adam's make the next one three times as large.
    arguments = ["train", "vae", "--latent", "2", "--hidden", "64", "--device", "cpu", "--epochs", "3"]
    process = WarmProcess(run_cli_on_a_small_disk, [*arguments, "--quiet", "--out", str(path)])
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
        er.fit(*small_model(), digits, steps=30, out=tmp_path / "run", device="cpu", callbacks=[er.on.step(lock_up)])


def test_a_second_process_is_refused(digits, tmp_path):
    path = tmp_path / "run"
    answers = []

    @er.once
    @er.on.step
    def intrude(now):
        process = start_cli("resume", path)
        answers.append((process.communicate()[1], process.returncode))

    er.fit(*small_model(), digits, steps=12, out=path, device="cpu", callbacks=[intrude])
    ((err, code),) = answers
    assert code == 2
    assert f"another process is training into {path}" in err or "callbacks of its own" in err


def test_the_lock_is_held_while_training(digits, tmp_path):
    from filelock import FileLock, Timeout

    path, attempts = tmp_path / "run", []

    @er.once
    @er.on.step
    def try_lock(now):
        code = "import sys; from filelock import FileLock; FileLock(sys.argv[1]).acquire(timeout=0)"
        attempts.append(
            subprocess.run([sys.executable, "-c", code, str(path / ".lock")], capture_output=True, text=True)
        )

    er.fit(*small_model(), digits, steps=3, out=path, device="cpu", callbacks=[try_lock])
    assert Timeout.__name__ in attempts[0].stderr
    FileLock(path / ".lock").acquire(timeout=0).lock.release()


def test_killed_before_it_was_a_run_it_may_be_begun_again(digits, tmp_path, monkeypatch):
    def kill(run):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(er.Run, "write_record", kill)
        with pytest.raises(KeyboardInterrupt):
            er.fit(*small_model(), digits, steps=3, out=tmp_path / "run", device="cpu")
    run = er.fit(*small_model(), digits, steps=3, out=tmp_path / "run", device="cpu")
    assert run.metrics()[-1]["reason"] == "finished"


def test_a_start_that_was_cut_off_may_be_begun_again(digits, tmp_path):
    """Killed before it was a run, a directory holds only what the start made; the same command starts it again."""
    path = tmp_path / "run"
    er.Run.create(path, {})
    (path / "checkpoints" / "000000000000-dead.safetensors").write_text("half")
    assert not er.Run(path).exists
    run = er.fit(*small_model(), digits, steps=3, out=path, device="cpu")
    assert run.metrics()[-1]["reason"] == "finished"
    other = tmp_path / "other"
    other.mkdir()
    (other / "thesis.txt").write_text("precious")
    with pytest.raises(ValueError, match="holds other files"):
        er.fit(*small_model(), digits, steps=3, out=other, device="cpu")
    assert (other / "thesis.txt").read_text() == "precious"


def pause_at(step, path):
    """Return a callback that puts the file that pauses a training into its directory after a step."""

    @er.on.step
    def touch(now):
        if now[state.STEP] == step:
            (path / PAUSE_FILE).touch()

    return touch


class TerminatedError(Exception):
    """What SIGTERM is in a test, which it would end with all others."""


@pytest.fixture
def handle():
    """Set the handlers of signals, which are then put back."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield signal.signal
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize(
    ("on_ctrl_c", "ends_by"),
    [
        pytest.param(signal.default_int_handler, KeyboardInterrupt, id="in a terminal"),
        pytest.param(signal.SIG_IGN, TerminatedError, id="in the background, where Ctrl-C is ignored"),
    ],
)
def test_a_file_in_its_directory_pauses_a_training_as_ctrl_c_does(
    digits, tmp_path, monkeypatch, handle, on_ctrl_c, ends_by
):
    """It stops after the step with a checkpoint, takes the file away, and goes on as if it had not been paused."""

    def terminate(*_):
        raise TerminatedError

    handle(signal.SIGINT, on_ctrl_c)
    handle(signal.SIGTERM, terminate)
    monkeypatch.setattr(interrupts, "_PAUSE_CHECK_INTERVAL_S", 0)
    path = tmp_path / "run"
    with pytest.raises(ends_by):
        train(digits, path, pause_at(3, path))
    end = er.Run(path).metrics()[-1]
    assert (end["reason"], end["step"]) == ("interrupted", 3)
    assert not (path / PAUSE_FILE).exists()
    (path / PAUSE_FILE).touch()  # left behind: not meant for the training that begins now
    resumed = er.resume(path, callbacks=[])
    assert resumed.metrics()[-1]["reason"] == "finished"
    assert same_weights(resumed.weights, train(digits, tmp_path / "whole").weights)


def test_the_file_that_pauses_is_looked_for_once_a_second(tmp_path, monkeypatch):
    clock, looks = iter([10.0, 10.5, 10.9, 11.1, 12.0, 12.2]), []
    monkeypatch.setattr(interrupts, "time", SimpleNamespace(monotonic=lambda: looks.append(next(clock)) or looks[-1]))
    pause_file, found = interrupts.PauseFile(SimpleNamespace(path=tmp_path)), []
    monkeypatch.setattr(pause_file, "_is_asked", lambda: found.append(looks[-1]) and False)
    for _ in range(6):
        pause_file.check({state.STOP: ""})
    assert found == [10.0, 11.1, 12.2]
