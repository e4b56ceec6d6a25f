"""Gradients of the players, and losses that are not finite."""

import signal

import pytest
import torch

import elbowroom as er
from elbowroom import noise, serialization
from elbowroom.training import checkpoint, state
from elbowroom.training.averages import RunningMean
from elbowroom.training.backward import EagerStep, compute_gradients
from elbowroom.training.batch_shard import BatchShard
from elbowroom.training.step import Step
from tests.training.helpers import small_model


def test_accumulation_gives_the_whole_batchs_gradient(digits):
    """With the noise silenced, four parts of a batch add up to it; and the meter sees every example once."""

    grads = []
    for parts in (1, 4):
        model, objective = small_model("factor_vae", critic=(8,))
        objective.right.right.reference = lambda z: z.flip(1)  # a reference that does not depend on the company
        step, meter = Step(model, objective), RunningMean()
        eager = EagerStep(step, torch.device("cpu"))
        with noise.zero_noise():
            shard = BatchShard(digits.train.first(50), 50, 50)
            compute_gradients(eager, eager, shard, torch.tensor(0), meter, parts)
        assert meter.means()[0] == 50
        grads.append([p.grad for player in step.players for p in player.parameters])
    for whole, added in zip(*grads, strict=True):
        torch.testing.assert_close(whole, added, atol=1e-5, rtol=1e-4)


def test_each_player_moves_its_own_parameters_only(digits):
    model, objective = small_model("factor_vae", critic=(8,))
    step = Step(model, objective)
    losses = step(digits.train.first(32), torch.tensor(0))
    players = {p.name: p for p in step.players}
    losses.players["critic"].backward(inputs=players["critic"].parameters, retain_graph=True)
    critic = [p.grad.clone() for p in players["critic"].parameters]
    losses.players["model"].backward(inputs=players["model"].parameters)
    assert all(torch.equal(a, b.grad) for a, b in zip(critic, players["critic"].parameters, strict=True))


def test_accumulation_holds_for_encoder_decoder_and_critic(digits):
    """Four parts of a batch add up to it for every player: no part leaves gradients to another's."""
    grads = []
    for parts in (1, 4):
        model, elbo = small_model()
        adversarial = er.Adversarial(er.PatchCritic((1, 8, 8), width=4).eval())
        step = Step(model, er.Players(encoder=elbo, decoder=er.Reconstruction() + adversarial))
        eager = EagerStep(step, torch.device("cpu"))
        with noise.zero_noise():
            shard = BatchShard(digits.train.first(50), 50, 50)
            compute_gradients(eager, eager, shard, torch.tensor(0), RunningMean(), parts)
        grads.append([p.grad for player in step.players for p in player.parameters])
    for whole, added in zip(*grads, strict=True):
        torch.testing.assert_close(whole, added, atol=1e-5, rtol=1e-4)


def test_a_non_finite_loss_stops_and_keeps_the_last_checkpoint(digits, tmp_path):
    class Poison(er.Callback):
        def step(self, now):
            if now[state.STEP] == 15:
                with torch.no_grad():
                    now[state.MODEL].decoder.net.layers[-1].bias.fill_(torch.nan)

    handler = signal.getsignal(signal.SIGINT)
    with pytest.raises(ValueError, match=r"nan at step 16, where the parameter model\.decoder.*\.layers\.1\.bias"):
        er.fit(*small_model(), digits, steps=30, out=tmp_path / "run", device="cpu", callbacks=[Poison()])
    assert all(t.isfinite().all() for t in serialization.named_tensors(er.load(tmp_path / "run")).values())
    assert signal.getsignal(signal.SIGINT) is handler


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


def test_the_layer_of_a_non_finite_value_is_named(digits, tmp_path):
    model, objective = small_model()
    model.encoder.net.layers[0] = Explode(model.encoder.net.layers[0], {13})
    with pytest.raises(er.DivergedError, match=r"at step 13, first in the output of model\.encoder\.net\.layers\.0\b"):
        er.fit(model, objective, digits, steps=30, out=tmp_path / "run", device="cpu", max_overhead=1)
    assert [path.name[:12] for path in checkpoint.list_checkpoints(er.Run(tmp_path / "run"))] == [
        "000000000010",
        "000000000000",
    ]


def test_rollback_goes_back_and_on_with_a_smaller_rate(digits, tmp_path):
    model, objective = small_model()
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
    model, objective = small_model()
    model.encoder.net.layers[0] = Explode(model.encoder.net.layers[0], {13, 16, 30})
    seen = {}

    @er.on.step
    def note(now):
        seen.setdefault(now[state.OPTIMIZERS]["model"].param_groups[0]["lr"], now[state.STEP])

    er.fit(model, objective, digits, steps=40, out=tmp_path / "run", device="cpu", on_nan="rollback", callbacks=[note])
    assert list(seen) == [1e-3, 5e-4, 2.5e-4, 1.25e-4]
    assert seen[2.5e-4] == 11
    assert seen[1.25e-4] > 11


def test_rollback_gives_up_after_three(digits, tmp_path):
    model, objective = small_model()
    model.encoder.net.layers[0] = Explode(model.encoder.net.layers[0], set(range(13, 1000)))
    with pytest.raises(er.DivergedError):
        er.fit(model, objective, digits, steps=30, out=tmp_path / "run", device="cpu", on_nan="rollback")
    assert sum(row.get("event") == "rollback" for row in er.Run(tmp_path / "run").metrics()) == 3
