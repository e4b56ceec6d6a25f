"""Callbacks: when they are called, what the shipped ones do, and that nothing is paid for those that are not there."""

import math

import pytest
import torch

import elbowroom as er
from elbowroom import serialization
from elbowroom.data import Batch
from elbowroom.training import state
from elbowroom.training.callback import HOOKS, CallbackList, has_hook
from elbowroom.training.step import Step
from elbowroom.workbench import from_record, to_record


def make(recipe="vae", **more):
    torch.manual_seed(0)
    return er.recipes.RECIPES[recipe]((1, 8, 8), latent=2, hidden=(16,), **more)


def train(digits, path, *callbacks, **more):
    settings = {"steps": 20, "device": "cpu", "out": path, "callbacks": callbacks} | more
    return er.fit(*make(), digits, **settings)


@pytest.mark.parametrize("name", HOOKS)
def test_every_hook_is_a_decorator(digits, tmp_path, name):
    seen = []

    @getattr(er.on, name)
    def note(now):
        seen.append((now[state.STEP], now[state.EPOCH]))

    assert [n for n in HOOKS if has_hook(note, n)] == [name]
    train(digits, tmp_path / "run", note, checkpoint_every=4)
    per_run = {"start": 1, "end": 1, "close": 1, "epoch": 2, "validation": 2, "row": 6}
    per_run |= {"batch": 20, "backward": 20, "step": 20, "checkpoint": 1 + 2 + 4}
    # forward and loss are called in validation too: two batches of 180, three of 359, after each epoch
    per_run |= {"forward": 20 + 2 * 5, "loss": 20 + 2 * 5}
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
        model, objective = make(recipe, **arguments)
        step = Step(model, objective, state.State(), CallbackList(extra))
        torch.manual_seed(1)
        losses = step(digits.train.first(32), torch.tensor(0))
        losses.players["model"].backward()
        grads.append({name: p.grad for name, p in model.named_parameters()} | {"loss": losses.terms["loss"]})
    for name, value in grads[0].items():
        torch.testing.assert_close(value, grads[1][name], msg=name)


def test_clip_bounds_the_gradient(digits, tmp_path):
    norms = []

    @er.on.backward
    def note(now):
        parameters = [p.grad for p in now[state.MODEL].parameters()]
        norms.append(torch.cat([g.flatten() for g in parameters]).norm().item())

    train(digits, tmp_path / "run", er.GradientClipping(0.25), note)
    assert max(norms) <= 0.2501
    assert min(norms) > 0.2


def test_accumulation_gives_the_whole_batchs_gradient(digits):
    """With the noise silenced, four parts of a batch add up to it; and the meter sees every example once."""
    from elbowroom import noise
    from elbowroom.training.averages import RunningMean
    from elbowroom.training.backward import compute_gradients
    from elbowroom.training.batch_shard import BatchShard

    grads = []
    for parts in (1, 4):
        model, objective = make("factor_vae", critic=(8,))
        objective.right.right.reference = lambda z: z.flip(1)  # a reference that does not depend on the company
        now = state.State()
        now[state.DEVICE] = torch.device("cpu")
        step, meter = Step(model, objective, now), RunningMean()
        now[state.OPTIMIZERS] = {p.name: torch.optim.SGD(p.parameters) for p in step.players}
        with noise.zero_noise():
            compute_gradients(step, now, BatchShard(digits.train.first(50), 50, 50), torch.tensor(0), meter, parts)
        assert meter.means()[0] == 50
        grads.append([p.grad for player in step.players for p in player.parameters])
    for whole, added in zip(*grads, strict=True):
        torch.testing.assert_close(whole, added, atol=1e-5, rtol=1e-4)


def test_averaged_weights_are_what_is_kept(digits, tmp_path):
    model, objective = make()
    history = []

    @er.on.step
    def note(now):
        history.append({k: v.clone() for k, v in serialization.named_tensors(now[state.MODEL]).items()})

    run = er.fit(model, objective, digits, steps=20, out=tmp_path / "r", device="cpu", callbacks=[er.EMA(0.5), note])
    expected = history[0]
    for t, current in enumerate(history):
        decay = min(0.5, (1 + t) / (10 + t))
        expected = {k: decay * v + (1 - decay) * current[k] for k, v in expected.items()}
    for name, tensor in serialization.named_tensors(er.load(run.path)).items():
        torch.testing.assert_close(tensor, expected[name])
        assert torch.equal(tensor, serialization.named_tensors(model)[name])


def test_early_stopping_waits_and_stops(digits, tmp_path):
    run = train(digits, tmp_path / "run", er.EarlyStopping(patience=2, min_delta=1e9), steps=None, epochs=50)
    assert run.metrics()[-1]["reason"] == "no better validation loss for 2 epochs"
    assert run.metrics()[-1]["epoch"] == 3
    with pytest.raises(ValueError, match="there is no validation split"):
        train(er.load_data("digits", validation=0), tmp_path / "other", er.EarlyStopping())


def test_the_best_weights_are_beside_the_last(digits, tmp_path):
    run = train(digits, tmp_path / "run", lr=0.3, steps=80)
    losses = {row["step"]: row["loss"] for row in run.metrics("validation")}
    _, about = serialization.read(run.best)
    assert float(about["loss"]) == min(losses.values())
    assert losses[int(about["step"])] == min(losses.values())


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


def test_warmup_weights(digits, tmp_path):
    once, thrice = er.Warmup(0.5), er.Warmup(0.5, cycles=3)
    assert [once.weight(s, 100) for s in (0, 25, 50, 99, 100)] == [0, 0.5, 1, 1, 1]
    assert [round(thrice.weight(s, 300), 2) for s in (0, 25, 50, 99, 100, 125, 299)] == [0, 0.5, 1, 1, 0, 0.5, 1]
    with pytest.warns(UserWarning, match="warm-up of 40 steps will not finish in a run of 20"):
        train(digits, tmp_path / "run", er.Warmup(steps=40))


@pytest.mark.parametrize("recipe", ["vae", "iwae", "vamp_vae", "ladder_vae", "vq_vae"])
def test_warmup_eases_the_kl_of_any_recipe(digits, recipe):
    small = {"iwae": {"k": 3}, "vamp_vae": {"components": 5}}.get(recipe, {})
    torch.manual_seed(0)
    model, objective = er.recipes.RECIPES[recipe]((1, 8, 8), **small)
    now = state.State()
    now[state.STEP], now[state.STEPS], now[state.MODEL] = 0, 100, model
    losses = Step(model, objective, now, CallbackList([er.Warmup(0.5)]))(digits.train.first(16), torch.tensor(10**6))
    draw = now[state.DRAW]
    if recipe == "iwae":
        expected = (math.log(3) - draw.log_px.logsumexp(0)).mean()
    else:
        expected = -draw.log_px.mean() + (0.25 * draw.q.commitment.mean() if recipe == "vq_vae" else 0)
    torch.testing.assert_close(losses.players["model"], expected)
    # What is reported is the whole KL.
    torch.testing.assert_close(losses.terms["kl"], draw.kl.mean())
    assert losses.terms["kl"] > 0


@pytest.mark.parametrize("how", ["callback", "ramp"])
def test_held_out_losses_and_the_best_weights_are_of_the_objective_that_it_ends_with(digits, tmp_path, how):
    """While the KL is eased the loss is lowest, and the model at its worst."""
    torch.manual_seed(0)
    model, objective = er.recipes.vae(digits.shape, latent=2)
    if how == "ramp":
        objective = er.Reconstruction() + er.ramp(0, 1, 60) * er.KL()
    eased = [er.Warmup(steps=60)] if how == "callback" else []
    run = er.fit(model, objective, digits, epochs=8, out=tmp_path / "run", callbacks=eased)
    rows = run.metrics("validation")
    for row in rows:
        assert row["loss"] == pytest.approx(-row["elbo"], rel=1e-5)
    assert run.metrics("train")[0]["loss"] < -run.metrics("train")[0]["elbo"] - 0.1
    best = min(rows, key=lambda row: row["loss"])
    assert serialization.read(run.best)[1]["step"] == str(best["step"])
    assert best["elbo"] == max(row["elbo"] for row in rows)


def test_free_bits_charge_at_least_their_floor(digits):
    model, objective = make()
    now = state.State()
    step = Step(model, objective, now, CallbackList([er.FreeBits(3.0)]))
    losses = step(digits.train.first(16), torch.tensor(0))
    draw = now[state.DRAW]
    torch.testing.assert_close(losses.players["model"], -draw.log_px.mean() + 6.0)
    draw.free_nats = 1e-6
    torch.testing.assert_close(draw.weighted_kl, draw.kl.mean())
    model, objective = make("vamp_vae", components=4)
    with pytest.raises(ValueError, match="free bits need a KL for each dimension"):
        Step(model, objective, now, CallbackList([er.FreeBits(1.0)]))(digits.train.first(4), torch.tensor(0))
    model, objective = make("iwae", k=2)
    with pytest.raises(ValueError, match=r"free bits change a KL, and ImportanceBound\(\) has none"):
        Step(model, objective, now, CallbackList([er.FreeBits(1.0)]))(digits.train.first(4), torch.tensor(0))


def test_shipped_callbacks_are_made_again_from_the_record():
    callbacks = [
        er.GradientClipping(1.0),
        er.EMA(0.9),
        er.LRSchedule("cosine"),
        er.Warmup(0.3),
        er.EarlyStopping(3),
        er.FreeBits(0.1),
    ]
    again = from_record([to_record(c) for c in callbacks])
    assert [vars(a).keys() for a in again] == [vars(c).keys() for c in callbacks]
    assert [to_record(a) for a in again] == [to_record(c) for c in callbacks]
    with pytest.raises(ValueError, match=r"callbacks of its own \(Own\)"):
        from_record([to_record(type("Own", (er.Callback,), {})())])


@pytest.mark.parametrize(
    ("make_one", "words"),
    [
        (lambda: er.GradientClipping(0), "above 0"),
        (lambda: er.EMA(1.0), "between 0 and 1"),
        (lambda: er.Warmup(0), "above 0 and at most 1"),
        (lambda: er.Warmup(cycles=0), "at least 1 step and 1 cycle"),
        (lambda: er.FreeBits(0), "above 0 nats"),
        (lambda: er.EarlyStopping(0), "at least 1 epoch"),
    ],
)
def test_arguments_are_checked(make_one, words):
    with pytest.raises(ValueError, match=words):
        make_one()


class Classic(torch.nn.Module):
    """The example that everybody copies."""

    def __init__(self):
        super().__init__()
        self.fc1, self.fc21, self.fc22 = torch.nn.Linear(64, 16), torch.nn.Linear(16, 2), torch.nn.Linear(16, 2)
        self.fc3, self.fc4 = torch.nn.Linear(2, 16), torch.nn.Linear(16, 64)

    def forward(self, x):
        h = torch.relu(self.fc1(x.flatten(1)))
        mu, logvar = self.fc21(h), self.fc22(h)
        z = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)
        return torch.sigmoid(self.fc4(torch.relu(self.fc3(z)))), mu, logvar


def summed(output, x):
    again, mu, logvar = output
    bce = torch.nn.functional.binary_cross_entropy(again, x.flatten(1), reduction="sum")
    return bce - 0.5 * torch.sum(1 + logvar - mu**2 - logvar.exp())


def test_anyones_module_trains_and_resumes_refuses_with_advice(digits, tmp_path):
    torch.manual_seed(0)
    run = er.fit(Classic(), er.Loss(summed), digits, epochs=4, out=tmp_path / "own", device="cpu")
    ours = train(digits, tmp_path / "ours", steps=None, epochs=4)
    a, b = (r.metrics("test")[-1]["loss"] for r in (run, ours))
    assert a == pytest.approx(b, abs=1.0)
    with pytest.raises(ValueError, match="a model that no recipe made"):
        er.resume(run.path)


def test_a_module_of_ones_own_resumes_when_it_is_given_again(digits, tmp_path):
    @er.on.step
    def stop(now):
        if now[state.STEP] == 13:
            now[state.STOP] = "interrupted"

    runs = []
    for name, callbacks in (("a", []), ("b", [stop])):
        torch.manual_seed(0)
        runs.append(
            er.fit(Classic(), er.Loss(summed), digits, steps=20, out=tmp_path / name, device="cpu", callbacks=callbacks)
        )
    er.resume(runs[1].path, model=Classic(), objective=er.Loss(summed), callbacks=[])
    a, b = (serialization.read(run.weights)[0] for run in runs)
    for name, tensor in a.items():
        assert torch.equal(tensor, b[name])


def test_a_module_may_write_the_state_and_a_callback_add_the_rest(digits, tmp_path):
    mu_key, logvar_key = er.state_key("test-mu"), er.state_key("test-logvar")

    class Stateful(Classic):
        def forward(self, x, now):
            again, now[mu_key], now[logvar_key] = super().forward(x)
            return again

    @er.on.loss
    def kl(now):
        mu, logvar = now[mu_key], now[logvar_key]
        now[state.LOSS] = now[state.LOSS] - 0.5 * (1 + logvar - mu**2 - logvar.exp()).sum(1).mean()

    def reconstruction(again, x):
        return torch.nn.functional.binary_cross_entropy(again, x.flatten(1), reduction="sum")

    losses = []
    for model, loss, more in (
        (Stateful, er.Loss(reconstruction), {"pass_state": True, "callbacks": [kl]}),
        (Classic, er.Loss(summed), {}),
    ):
        torch.manual_seed(0)
        run = er.fit(model(), loss, digits, epochs=2, out=tmp_path / model.__name__, device="cpu", **more)
        losses.append(run.metrics("test")[-1]["loss"])
    assert losses[0] == pytest.approx(losses[1], abs=1e-3)


def test_a_loss_that_is_not_a_scalar_is_refused():
    with pytest.raises(ValueError, match=r"returned \(4, 3\), not a scalar"):
        er.Loss(lambda output, x: output)(er.Output(torch.zeros(4, 3), torch.zeros(4, 3)), torch.tensor(0))
    with pytest.raises(ValueError, match="'sum' or 'mean', not 'none'"):
        er.Loss(lambda output, x: output, reduction="none")


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
    assert seen == [50]


def test_skip_leaves_steps_out_and_counts_them(digits, tmp_path):
    """With a norm that nothing exceeds it changes nothing; with one that all exceed, nothing moves."""
    free = train(digits, tmp_path / "free")
    loose = train(digits, tmp_path / "loose", er.SkipStep(1e9))
    strict = train(digits, tmp_path / "strict", er.SkipStep(1e-9))
    a, b = (serialization.read(run.weights)[0] for run in (free, loose))
    assert all(torch.equal(a[name], b[name]) for name in a)
    fresh = serialization.named_tensors(make()[0])
    kept, _ = serialization.read(strict.weights)
    assert all(torch.equal(kept[name], fresh[name]) for name in kept)
    skipped = [row for row in strict.metrics() if row.get("event") == "skipped"]
    assert sum(row["steps"] for row in skipped) == strict.metrics("train")[-1]["step"]
    assert not [row for row in loose.metrics() if row.get("event") == "skipped"]
    with pytest.raises(ValueError, match="must be above 0, got 0"):
        er.SkipStep(0)
