"""A sweep that processes of tests share: each is started with these functions by their names."""

import time
from pathlib import Path

import torch

import elbowroom as er
from elbowroom.training import checkpoint
from elbowroom.training.interrupts import PauseFile

AXES = {"latent": (2, 3, 4), "seed": (0,)}
STEPS = 12
#: The step after which a process that is to be killed goes no further, and that of its last checkpoint.
HANG_AT, CHECKPOINT_EVERY = 6, 4


def start(out, latent, seed):
    """Train one point in a few steps, with checkpoints in between."""
    data = er.load_data("digits")
    torch.manual_seed(seed)
    return er.fit(
        *er.recipes.vae(data.shape, latent=latent, hidden=(16,)),
        data,
        steps=STEPS,
        seed=seed,
        out=out,
        device="cpu",
        watch=("validation",),
        checkpoint_every=CHECKPOINT_EVERY,
        report=False,
        sampler="none",
        progress=False,
    )


def train_points(folder, heartbeat_s):
    """Train what nobody holds."""
    er.sweep(start, AXES, folder, heartbeat_s=heartbeat_s)


def train_until_killed(folder, heartbeat_s):
    """Train the first point up to a step, and go no further: with its last checkpoint behind it and its claim alive."""

    def hang(self, state):
        if state[er.training.state.STEP] == HANG_AT:
            (Path(folder) / "hangs").touch()
            time.sleep(600)

    PauseFile.check = hang
    train_points(folder, heartbeat_s)


def start_slowly(out, latent, seed):
    """Train one point so slowly that there is time to interrupt it; resumed, it goes at full speed."""
    check = PauseFile.check

    def sleep_and_check(self, state):
        time.sleep(0.2)
        check(self, state)

    PauseFile.check = sleep_and_check
    try:
        return start(out, latent, seed)
    finally:
        PauseFile.check = check


def last_checkpoint(run):
    """The step of the last checkpoint of a run, 0 without one."""
    files = checkpoint.list_checkpoints(er.Run(run))
    return int(files[0].name.partition("-")[0]) if files else 0
