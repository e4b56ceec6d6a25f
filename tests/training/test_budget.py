"""The budget: what a training does beside its steps takes at most its share, and changes nothing."""

import random

import pytest
import torch

import elbowroom as er
from elbowroom import serialization
from elbowroom.training import state
from elbowroom.training.budget import BUDGET, Budget, plan_validation
from tests.training.helpers import interrupt_at, same_weights, train

# Large learning rates, at which the best weights are not the last, may leave a latent without information.
pytestmark = pytest.mark.filterwarnings("ignore:posterior collapse", "ignore:no active unit")


class Clock:
    """A clock that is set."""

    now = 0.0

    def __call__(self):
        return self.now


class Allows(er.Callback):
    """Give the training a budget that answers at random, as a loaded machine's clock would."""

    def __init__(self, seed):
        self._random = random.Random(seed)

    def start(self, now):
        now[BUDGET].allows = lambda activity: self._random.random() < 0.3


class Look(er.Callback):
    """A monitor that disturbs the global random state, and notes the epochs in which it looks."""

    is_monitor = True

    def __init__(self):
        self.validations, self.epochs = [], []

    def validation(self, now):
        torch.rand(5)
        self.validations.append(now[state.EPOCH])

    def epoch(self, now):
        torch.rand(5)
        self.epochs.append(now[state.EPOCH])


@pytest.mark.parametrize("share", [0.0, 0.05, 0.1, 0.5])
@pytest.mark.parametrize("seed", range(5))
def test_what_is_allowed_stays_within_the_share(share, seed):
    """Steps of any length, three activities of any cost: no more than the share, and one of unknown cost."""
    draws, clock = random.Random(seed), Clock()
    budget, longest = Budget(share, clock), 0.0
    for _ in range(3000):
        clock.now += draws.expovariate(1)
        activity, cost = draws.choice([("images", 0.4), ("doctor", 0.1), ("checkpoint", 2.0)])
        if budget.allows(activity):
            with budget.charge(activity):
                clock.now += cost
            longest = max(longest, cost)
        assert sum(budget.seconds.values()) <= share * clock.now + longest
    assert bool(budget.seconds["images"]) == (share > 0)


def test_each_activity_has_a_part_that_others_cannot_take():
    """A costly validation, which asks nobody, leaves room for a checkpoint now and then."""
    clock = Clock()
    budget = Budget(0.1, clock)
    for _ in range(1000):
        with budget.charge("validation"):
            clock.now += 1
        if budget.allows("checkpoint"):
            with budget.charge("checkpoint"):
                clock.now += 0.1
    assert budget.seconds["checkpoint"] == pytest.approx(clock.now * 0.1 / 15, rel=0.1)


def test_a_share_of_one_allows_everything():
    budget = Budget(1.0, Clock())
    with budget.charge("images"):
        pass
    assert budget.allows("images")
    assert budget.allows("doctor")


@pytest.mark.parametrize(
    ("sizes", "share", "interval"),
    [
        ((60_000, 0, 0), 0.1, 1),  # nothing to watch
        ((12_800, 128, 128), 0.1, 1),
        ((59_000, 1_000, 10_000), 0.1, 1),  # MNIST
        ((1_258, 180, 359), 0.1, 3),  # the digits
        ((256, 32, 32), 0.1, 8),
        ((256, 32, 32), 0.05, 15),
        ((256, 32, 32), 1, 1),
    ],
)
def test_the_plan_of_validation_follows_from_sizes_alone(sizes, share, interval):
    splits = dict(zip(("train", "validation", "test"), map(torch.rand, ((n, 2) for n in sizes)), strict=True))
    data = er.load_data(
        splits["train"].numpy(), **{k: v.numpy() if len(v) else 0 for k, v in splits.items() if k != "train"}
    )
    assert plan_validation(data, ("validation", "test"), 128, share) == interval


def test_the_clock_changes_no_weights(digits, tmp_path):
    """Last and best weights, rows and the moment of early stopping are the same, whatever the budget allows."""
    settings = {"steps": None, "epochs": 40, "lr": 0.05, "max_overhead": 0.1}
    runs = [train(digits, tmp_path / str(seed), er.EarlyStopping(3), Allows(seed), **settings) for seed in range(3)]
    expected = [(row["step"], row["loss"]) for row in runs[0].metrics("validation")]
    for run in runs:
        assert same_weights(run.weights, runs[0].weights)
        assert same_weights(run.best_weights, runs[0].best_weights)
        assert [(row["step"], row["loss"]) for row in run.metrics("validation")] == expected
        assert run.metrics()[-1]["reason"].startswith("no better validation loss")


@pytest.mark.parametrize("seed", range(2))
def test_killed_anywhere_it_ends_as_if_it_had_not_been(digits, tmp_path, seed):
    """The last checkpoint may be epochs ago; every row is there once, and the best weights are the same."""
    settings = {"steps": None, "epochs": 15, "lr": 0.05, "max_overhead": 0.1}
    whole = train(digits, tmp_path / "whole", **settings)
    draws = random.Random(seed)

    def kill_at(step):
        @er.on.step
        def kill(now):
            if now[state.STEP] == step:
                raise KeyboardInterrupt

        return kill

    kills = sorted(draws.sample(range(1, 150), 4))
    with pytest.raises(KeyboardInterrupt):
        train(digits, tmp_path / "killed", kill_at(kills[0]), Allows(seed), **settings)
    for step in kills[1:]:
        with pytest.raises(KeyboardInterrupt):
            er.resume(tmp_path / "killed", callbacks=[kill_at(step), Allows(step)])
    killed = er.resume(tmp_path / "killed", callbacks=[Allows(0)])
    assert same_weights(whole.weights, killed.weights)
    assert same_weights(whole.best_weights, killed.best_weights)
    rows = [[(row["step"], row["split"]) for row in run.metrics() if "split" in row] for run in (whole, killed)]
    assert rows[0] == rows[1]


@pytest.mark.parametrize("at", [10, 15, 30])
def test_a_signal_changes_no_best_weights(digits, tmp_path, at):
    """Stopped within an epoch, at the end of one that is validated, or of one that is not."""
    settings = {"steps": None, "epochs": 8, "lr": 0.05, "max_overhead": 0.1}
    whole = train(digits, tmp_path / "whole", **settings)
    train(digits, tmp_path / "stopped", interrupt_at(at), **settings)
    stopped = er.resume(tmp_path / "stopped", callbacks=[])
    assert same_weights(whole.best_weights, stopped.best_weights)
    assert [r["step"] for r in whole.metrics("test")] == [r["step"] for r in stopped.metrics("test")]


@pytest.mark.images
def test_monitors_are_left_out_but_for_the_last_step(digits, tmp_path):
    look = Look()
    run = train(digits, tmp_path / "run", look, steps=None, epochs=9, max_overhead=0)
    assert (look.validations, look.epochs) == ([9], [9])
    assert [row["epoch"] for row in run.metrics("validation")] == [9]
    assert [row["epoch"] for row in run.metrics() if row.get("event") == "look"] == [9]
    assert sorted(path.name for path in run.images.glob("*0*.png")) == ["reconstructions-0009.png", "samples-0009.png"]


@pytest.mark.images
def test_with_a_share_of_one_all_is_done_after_every_epoch(digits, tmp_path):
    look = Look()
    run = train(digits, tmp_path / "run", look, steps=None, epochs=3, max_overhead=1)
    assert (look.validations, look.epochs) == ([1, 2, 3], [1, 2, 3])
    assert [row["epoch"] for row in run.metrics("validation")] == [1, 2, 3]
    assert len(list(run.images.glob("samples-*.png"))) == 3


def test_a_monitor_has_a_random_state_of_its_own(digits, tmp_path):
    runs = [train(digits, tmp_path / str(share), Look(), er.Warmup(0.5), max_overhead=share) for share in (0, 1)]
    assert same_weights(*(run.weights for run in runs))


@pytest.mark.parametrize("hook", ["epoch", "validation"])
def test_an_epoch_in_which_a_callback_stops_the_training_is_the_last(digits, tmp_path, hook):
    """It is validated, and monitors look at it, though neither was planned."""

    def stop(now):
        if now[state.EPOCH] >= 5:
            now[state.STOP] = "good enough"

    look = Look()
    run = train(digits, tmp_path / "run", getattr(er.on, hook)(stop), look, steps=None, epochs=40, max_overhead=0.1)
    end = run.metrics()[-1]["epoch"]
    assert run.metrics("validation")[-1]["epoch"] == end
    assert look.validations[-1] == look.epochs[-1] == end


def test_an_explicit_number_of_steps_between_checkpoints_is_obeyed(digits, tmp_path):
    steps = []

    @er.on.checkpoint
    def note(now):
        steps.append(now[state.STEP])

    train(digits, tmp_path / "run", note, steps=25, checkpoint_every=4, max_overhead=0)
    assert steps == [0, 4, 8, 12, 16, 20, 24, 25]


def test_a_rollback_goes_back_to_the_last_epoch_whatever_the_clock_says(digits, tmp_path):
    steps = []

    @er.on.checkpoint
    def note(now):
        steps.append(now[state.STEP])

    train(digits, tmp_path / "run", note, steps=25, on_nan="rollback", max_overhead=0)
    assert steps == [0, 10, 20, 25]


def test_only_what_must_survive_a_power_failure_waits_for_the_disk(digits, tmp_path, monkeypatch):
    """The record, every checkpoint with the best weights that it knows of, the weights at the end, the record again."""
    flushed = []
    monkeypatch.setattr(serialization, "flush", lambda path: flushed.append(path.name))
    train(digits, tmp_path / "run", steps=30, max_overhead=0)
    names = [name.removesuffix(".part") for name in flushed]
    checkpoint = ["best.safetensors", "unnamed.safetensors"]
    assert names == [*checkpoint, "recipe.json", *checkpoint, "model.safetensors", "recipe.json"]


def test_a_record_without_these_settings_is_validated_after_every_epoch(digits, tmp_path):
    run = train(digits, tmp_path / "run", interrupt_at(5), steps=30)
    for name in ("max_overhead", "validation_interval"):
        del run.record["training"][name]
    run.write_record()
    resumed = er.resume(er.Run(run.path).path, callbacks=[])
    assert [row["epoch"] for row in resumed.metrics("test")] == [1, 2, 3]
