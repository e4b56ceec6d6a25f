"""Recorded steps: bit for bit the eager ones, for every recipe; and what is not recorded."""

import pytest
import torch
from torch import nn

import elbowroom as er
from elbowroom.data import Batch
from elbowroom.recipes import RECIPES
from elbowroom.training.backward import DivergedError, EagerStep
from elbowroom.training.callback import CallbackList
from elbowroom.training.capture import recorded_step
from elbowroom.training.capture.recorded_step import RecordedStep, can_record
from elbowroom.training.state import DRAW, LOSS, State
from elbowroom.training.step import Step
from tests.tiny_recipes import SMALL_STEPS, by_family, make_tiny
from tests.training.helpers import same_weights

CPU = torch.device("cpu")


def make_step(name, state=None, **settings):
    model, objective = make_tiny(name, **settings)
    return Step(model, objective, state).train()


def make_batch(n=16):
    return Batch(torch.rand(n, 1, 8, 8).round(), torch.randint(0, 10, (n,)), torch.arange(n))


def take_steps(step, compute, sizes):
    """Train on batches of these sizes; return all terms, what the step holds, and the next random number."""
    optimizers = [torch.optim.Adam(player.parameters, fused=True) for player in step.players]
    torch.manual_seed(5)
    terms, count = [], torch.tensor(0)
    for n in sizes:
        for parameter in step.parameters():
            parameter.grad = None
        losses = compute(make_batch(n), count, 1.0)
        terms.append({name: float(value) for name, value in losses.terms.items()})
        for optimizer in optimizers:
            optimizer.step()
        count.add_(1)
    return terms, {name: tensor.clone() for name, tensor in step.state_dict().items()}, torch.rand(1)


#: Recipes with an LSTM, whose gradient needs more than tensors.
NOT_RECORDED = {"text_vae", "vrae"}


@pytest.mark.parametrize("name", by_family(RECIPES, *NOT_RECORDED, families=SMALL_STEPS))
def test_a_recorded_step_is_the_eager_one_bit_for_bit(name):
    sizes = [16] * 9 + [7] + [16] * 3
    eager, other = make_step(name), make_step(name)
    recorded = RecordedStep(EagerStep(other, CPU))
    terms, tensors, random = take_steps(eager, EagerStep(eager, CPU), sizes)
    recorded_terms, recorded_tensors, recorded_random = take_steps(other, recorded, sizes)
    n_replayed = 0 if name in NOT_RECORDED else 13 - recorded_step.EAGER_STEPS - 2
    assert recorded.n_replayed == n_replayed, "three eager steps, the recorded one, the short one"
    assert recorded_terms == terms
    assert all(torch.equal(tensors[key], recorded_tensors[key]) for key in tensors)
    assert torch.equal(random, recorded_random), "the random stream goes on from the same place"


def test_a_training_is_the_same_recorded_and_eager(digits, tmp_path, monkeypatch):
    """With validations, a checkpoint within the epoch and a resumption from it in the recorded one."""
    runs = {}
    for name, minimum in (("eager", 10**9), ("recorded", 0)):
        monkeypatch.setattr(recorded_step, "MIN_STEPS", minimum)
        torch.manual_seed(0)
        model, objective = er.recipes.factor_vae(digits.shape, critic=(8,), hidden=(16,))
        runs[name] = er.fit(model, objective, digits, epochs=3, out=tmp_path / name, device="cpu", checkpoint_every=7)
    rows = {
        name: [row | {"seconds": 0, "examples_per_second": 0} for row in run.metrics()] for name, run in runs.items()
    }
    assert same_weights(*(run.weights for run in runs.values()))
    assert [r for r in rows["eager"] if "split" in r] == [r for r in rows["recorded"] if "split" in r]


@pytest.mark.parametrize(
    ("device", "hooks", "accumulate", "steps", "expected"),
    [
        ("cpu", [], 1, recorded_step.MIN_STEPS, True),
        ("cpu", [], 1, recorded_step.MIN_STEPS - 1, False),
        ("cpu", [], 2, recorded_step.MIN_STEPS, False),
        ("cuda", [], 1, recorded_step.MIN_STEPS, False),
        ("cpu", [er.on.step(lambda state: None)], 1, recorded_step.MIN_STEPS, True),
        ("cpu", [er.on.batch(lambda state: None)], 1, recorded_step.MIN_STEPS, False),
        ("cpu", [er.on.backward(lambda state: None)], 1, recorded_step.MIN_STEPS, False),
    ],
)
def test_what_can_be_recorded(device, hooks, accumulate, steps, expected):
    assert can_record(torch.device(device), CallbackList(hooks), accumulate, steps) is expected


class Counting(nn.Module):
    """A decoder that counts its calls, as schedules written by hand do."""

    def __init__(self):
        super().__init__()
        self.weight, self.calls = nn.Parameter(torch.ones(64)), 0

    def forward(self, x):
        self.calls += 1
        return (x.flatten(1) * self.weight * min(1, self.calls / 100)).view_as(x)


class Reading(Counting):
    """A module that reads a value."""

    def forward(self, x):
        scale = 2.0 if float(x.mean()) > 0.5 else 1.0
        return (x.flatten(1) * self.weight * scale).view_as(x)


class Selecting(Counting):
    """A module whose shapes depend on values."""

    def forward(self, x):
        flat = x.flatten(1) * self.weight
        return torch.zeros_like(flat).masked_scatter(flat > 0.5, flat[flat > 0.5]).view_as(x)


def squared_error(x, output):
    return ((x - output) ** 2).flatten(1).sum(1).mean()


@pytest.mark.parametrize("module", [Counting, Reading, Selecting])
def test_a_step_that_python_or_its_values_decide_stays_eager(module):
    steps = [Step(module(), er.Loss(squared_error)).train() for _ in range(2)]
    recorded = RecordedStep(EagerStep(steps[1], CPU))
    eager = take_steps(steps[0], EagerStep(steps[0], CPU), [16] * 9)
    assert take_steps(steps[1], recorded, [16] * 9)[0] == eager[0]
    assert recorded.n_replayed == 0


def test_a_loss_that_changes_from_call_to_call_is_found_at_the_first_replay():
    weights = iter(range(1, 100))

    def loss(x, output):
        return squared_error(x, output) * next(weights)

    step = Step(nn.Linear(8, 8), er.Loss(loss)).train()
    recorded = RecordedStep(EagerStep(step, CPU))
    take_steps(step, recorded, [16] * 9)
    assert recorded.n_replayed == 1


def test_a_number_that_changes_later_is_found_at_the_next_comparison(monkeypatch):
    monkeypatch.setattr(recorded_step, "CHECK_INTERVAL_STEPS", 4)
    weight = [1.0]
    step = Step(nn.Linear(8, 8), er.Loss(lambda x, output: squared_error(x, output) * weight[0])).train()
    recorded = RecordedStep(EagerStep(step, CPU))
    take_steps(step, recorded, [16] * 6)
    weight[0] = 2.0
    with pytest.warns(UserWarning, match="a number in Python has changed since the last comparison, up to 4 steps ago"):
        take_steps(step, recorded, [16] * 4)


def test_a_changed_number_of_a_module_is_recorded_anew():
    step = make_step("vae")
    recorded = RecordedStep(EagerStep(step, CPU))
    take_steps(step, recorded, [16] * 6)
    step.objective.k = step.objective.k  # the same number: nothing new
    take_steps(step, recorded, [16])
    assert recorded.n_replayed == 3
    step.model.encoder.eval()
    take_steps(step, recorded, [16] * 3)
    assert recorded.n_replayed == 0


@pytest.mark.parametrize(("label", "words"), [(10, "the labels run from"), (-1, "some labels are -1")])
def test_labels_are_checked_in_a_replay_too(label, words):
    step = make_step("cvae")
    recorded = RecordedStep(EagerStep(step, CPU))
    take_steps(step, recorded, [16] * 6)
    batch = make_batch()
    batch.y[3] = label
    with pytest.raises(ValueError, match=words):
        recorded(batch, torch.tensor(6), 1.0)


def test_a_loss_that_is_not_finite_stops_a_replay():
    step = make_step("vae")
    recorded = RecordedStep(EagerStep(step, CPU))
    take_steps(step, recorded, [16] * 6)
    batch = make_batch()
    with pytest.raises(DivergedError, match="reconstruction became nan at step 7"):
        recorded(batch._replace(x=batch.x * torch.nan), torch.tensor(6), 1.0)


def test_callbacks_see_the_loss_of_a_replay_and_no_draw_of_an_older_step():
    state = State()
    step = make_step("vae", state)
    recorded = RecordedStep(EagerStep(step, CPU))
    take_steps(step, recorded, [16] * 3)
    assert DRAW in state
    terms, *_ = take_steps(step, recorded, [16] * 4)
    assert float(state[LOSS]) == terms[-1]["loss"]
    assert DRAW not in state
