"""Learning rate schedules, gradient clipping and skipped steps."""

import pytest
import torch

import elbowroom as er
from elbowroom import serialization
from elbowroom.training import state
from tests.training.helpers import small_model, train


def test_clip_bounds_the_gradient(digits, tmp_path):
    norms = []

    @er.on.backward
    def note(now):
        parameters = [p.grad for p in now[state.MODEL].parameters()]
        norms.append(torch.cat([g.flatten() for g in parameters]).norm().item())

    train(digits, tmp_path / "run", er.GradientClipping(0.25), note)
    assert max(norms) <= 0.2501
    assert min(norms) > 0.2


@pytest.mark.parametrize("shape", ["cosine", "one-cycle", "exponential", "thirds"])
def test_rates_follow_torchs_schedules_and_survive_a_resumption(digits, tmp_path, shape):
    def rates(path, *more):
        found = []

        @er.on.step
        def note(now):
            found.append(now[state.OPTIMIZERS]["model"].param_groups[0]["lr"])

        return found, [er.LRSchedule(shape), note, *more]

    @er.on.step
    def stop(now):
        if now[state.STEP] == 9:
            now[state.STOP] = "interrupted"

    whole, callbacks = rates("a")
    a = train(digits, tmp_path / "a", *callbacks)
    broken, callbacks = rates("b", stop)
    train(digits, tmp_path / "b", *callbacks)
    rest, callbacks = rates("b")
    b = er.resume(tmp_path / "b", callbacks=callbacks)
    assert broken + rest == whole
    assert len(set(whole)) > 2
    for name, tensor in serialization.read(a.weights)[0].items():
        assert torch.equal(tensor, serialization.read(b.weights)[0][name])
    with pytest.raises(ValueError, match="did you mean 'cosine'"):
        er.LRSchedule("cosin")


def test_skip_leaves_steps_out_and_counts_them(digits, tmp_path):
    """With a norm that nothing exceeds it changes nothing; with one that all exceed, nothing moves."""
    free = train(digits, tmp_path / "free")
    loose = train(digits, tmp_path / "loose", er.SkipStep(1e9))
    strict = train(digits, tmp_path / "strict", er.SkipStep(1e-9))
    a, b = (serialization.read(run.weights)[0] for run in (free, loose))
    assert all(torch.equal(a[name], b[name]) for name in a)
    fresh = serialization.named_tensors(small_model()[0])
    kept, _ = serialization.read(strict.weights)
    assert all(torch.equal(kept[name], fresh[name]) for name in kept)
    skipped = [row for row in strict.metrics() if row.get("event") == "skipped"]
    assert sum(row["steps"] for row in skipped) == strict.metrics("train")[-1]["step"]
    assert not [row for row in loose.metrics() if row.get("event") == "skipped"]
    with pytest.raises(ValueError, match="must be above 0, got 0"):
        er.SkipStep(0)
