"""Snapshots, and the callback that records them during training."""

import json
import warnings

import pytest
import torch

import elbowroom as er
from elbowroom import serialization
from elbowroom.doctor.snapshot import Snapshot, take_snapshot
from elbowroom.training.state import STEP, STOP
from elbowroom.workbench import from_record, to_record
from tests.doctor.runs import events, make, train


@pytest.mark.parametrize("name", ["vae", "vq_vae"])
def test_callback_does_not_change_the_training(name, digits, tmp_path):
    paths = []
    for i, callbacks in enumerate(([], [er.Doctor()])):
        paths.append(train(digits, tmp_path / str(i), *make(name), steps=60, callbacks=callbacks).weights)
    a, b = (serialization.read(path)[0] for path in paths)
    for key, tensor in a.items():
        assert torch.equal(tensor, b[key]), key


def test_resumed_run_has_each_snapshot_and_finding_once(digits, tmp_path):
    class Stop(er.Callback):
        def step(self, state):
            if state[STEP] == 370:
                state[STOP] = "interrupted"

    model_and_objective = make("beta_vae", beta=50.0)
    run = train(digits, tmp_path / "run", *model_and_objective, steps=480, callbacks=[er.Doctor(), Stop()])
    found = ["KL out of proportion", "posterior collapse"]
    assert [row["title"] for row in events(run, "finding")] == found
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        er.resume(run, callbacks=[er.Doctor()])
    steps = [row["step"] for row in events(run, "look")]
    assert steps == list(range(40, 481, 40))
    assert [row["title"] for row in events(run, "finding")] == found
    (restored,) = from_record([to_record(er.Doctor())])
    assert isinstance(restored, er.Doctor)


def test_snapshot_is_a_small_row_and_is_read_from_it(digits):
    model, _ = make()
    snapshot = take_snapshot(model, digits.validation.first(50), 7)
    row = json.loads(json.dumps(snapshot.to_row(1)))
    assert Snapshot.from_row(row) == snapshot
    assert len(json.dumps(row)) < 400
    expected = torch.distributions.kl_divergence(model.encoder(digits.validation.first(50).x), model.prior())
    assert sum(snapshot.nats[0]) == pytest.approx(expected.mean().item(), rel=1e-3)
