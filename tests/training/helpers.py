"""Helpers of the tests of training: a small model, a short training, comparisons of weights."""

import sys

import torch

import elbowroom as er
from elbowroom import serialization
from elbowroom.training import state
from tests.warm_process import WarmProcess


def small_model(recipe="vae", **arguments):
    """Return a small model and its objective for the digits, with weights of seed 0."""
    torch.manual_seed(0)
    return er.recipes.RECIPES[recipe]((1, 8, 8), latent=2, hidden=(16,), **arguments)


def train(digits, path, *callbacks, **settings):
    """Train the small model for 20 steps, with all that goes with an epoch after every one, if not set otherwise."""
    defaults = {"steps": 20, "device": "cpu", "out": path, "callbacks": callbacks, "max_overhead": 1}
    return er.fit(*small_model(), digits, **(defaults | settings))


def interrupt_at(step):
    """Return a callback that stops the training after a step."""

    @er.on.step
    def stop(now):
        if now[state.STEP] == step:
            now[state.STOP] = "interrupted"

    return stop


def assert_same_tensors(a, b):
    """Assert that two dictionaries hold the same tensors, bit for bit and in the same order."""
    assert list(a) == list(b)
    for name in a:
        assert torch.equal(a[name], b[name]), name


def same_weights(a, b):
    """Whether two files of weights hold the same tensors, bit for bit."""
    a, b = serialization.read(a)[0], serialization.read(b)[0]
    assert list(a) == list(b)
    return all(torch.equal(a[name], b[name]) for name in a)


def start_cli(*arguments):
    """Start ``elbowroom`` in a process of its own, which has imported torch before."""
    return WarmProcess(run_cli, list(map(str, arguments)))


def run_cli(arguments):
    """End this process as the command of ``elbowroom`` does."""
    from elbowroom.cli import main

    sys.argv = ["elbowroom", *arguments]
    sys.exit(main(arguments))
