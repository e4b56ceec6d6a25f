"""A step replayed from a CUDA graph, against the same step run eagerly.

Where there is no GPU, a tape stands for the graph: it captures the operations of one step, refuses those that read a
number back, as CUDA does, and replays them on the same memory without any of the step's Python.
"""

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map_only

import elbowroom as er
from elbowroom import serialization
from elbowroom.models import conditioning
from elbowroom.recipes.registry import all_recipes
from elbowroom.training import backward, optimizers, state
from elbowroom.training.callback import CallbackList
from elbowroom.training.capture import cuda_graph
from tests.tiny_recipes import SMALL_STEPS, by_family, tiny_arguments

READS = {torch.ops.aten._local_scalar_dense.default, torch.ops.aten.nonzero.default}


class Tape(TorchDispatchMode):
    """Operations with their arguments. Capturing runs them, so that the first replay does nothing."""

    count = 0

    def __init__(self):
        super().__init__()
        self.operations, self.has_run = [], False
        Tape.count += 1

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        assert function not in READS, f"{function} reads from the device inside a step"
        out = function(*args, **(kwargs or {}))
        self.operations.append((function, args, kwargs or {}, out))
        return out

    def capture(self, work):
        with self:
            work()
        self.has_run = True

    def replay(self):
        if self.has_run:
            self.has_run = False
            return
        new = {}

        def current(tensor):
            return new.get(id(tensor), tensor)

        with torch.no_grad():
            for function, args, kwargs, out in self.operations:
                args, kwargs = tree_map_only(torch.Tensor, current, (args, kwargs))
                again = function(*args, **kwargs)
                pairs = zip(_tensors(out), _tensors(again), strict=True)
                new.update({id(old): tensor for old, tensor in pairs})


def _tensors(out):
    tensors = []
    tree_map_only(torch.Tensor, tensors.append, out)
    return tensors


@pytest.fixture
def tape(monkeypatch):
    """Steps on the CPU are captured as they would be on a GPU."""
    can_capture = cuda_graph.can_capture
    gpu = torch.device("cuda")
    monkeypatch.setattr(cuda_graph, "can_capture", lambda _, *rest: can_capture(gpu, *rest))
    monkeypatch.setattr(cuda_graph, "CUDAStepGraph", Tape)
    # Checks that are made on a CPU alone.
    monkeypatch.setattr(backward, "check_finite", lambda *_: None)
    monkeypatch.setattr(conditioning, "check_labels", lambda *_: None)
    monkeypatch.setattr(optimizers, "capturable_arguments", lambda kind, _, lr: {"lr": torch.tensor(lr)})
    Tape.count = 0


def train(digits, path, name="vae", **settings):
    torch.manual_seed(0)
    model, objective = er.recipes.RECIPES[name]((1, 8, 8), **tiny_arguments(name))
    settings = {"steps": 45, "max_overhead": 1, "report": False, "device": "cpu"} | settings
    return er.fit(model, objective, digits, out=path, **settings)


#: Recipes with an LSTM, whose gradient on a CPU is of more than tensors, which a tape cannot run again.
OFF_TAPE = {"text_vae", "vrae"}


@pytest.mark.parametrize("name", by_family(sorted({*all_recipes()} - {*OFF_TAPE}), families=SMALL_STEPS))
def test_a_captured_step_equals_an_eager_one(digits, tmp_path, tape, name, monkeypatch):
    """Every recipe, over two epochs with a smaller last batch: the same losses and weights, bit for bit."""
    settings = {"steps": 12, "max_overhead": 0.1}
    captured = train(digits, tmp_path / "captured", name, **settings)
    assert Tape.count == (name != "lagging_vae")  # whose players take steps of their own
    monkeypatch.setattr(cuda_graph, "can_capture", lambda *_: False)
    eager = train(digits, tmp_path / "eager", name, **settings)
    a, b = serialization.read(captured.weights)[0], serialization.read(eager.weights)[0]
    assert all(torch.equal(a[key], b[key]) for key in a)
    for a, b in zip(captured.metrics(), eager.metrics(), strict=True):
        assert a.get("loss") == b.get("loss")


@pytest.mark.parametrize(("schedule", "recordings"), [("cosine", 2), ("thirds", 2), ("one-cycle", 0)])
def test_a_schedule_reaches_a_captured_step(digits, tmp_path, tape, monkeypatch, schedule, recordings):
    """Also over a resumption, which puts the rate back; one that changes more than the rate is not captured."""

    @er.on.step
    def stop(now):
        if now[state.STEP] == 25:
            now[state.STOP] = "interrupted"

    half = train(digits, tmp_path / "half", callbacks=[er.LRSchedule(schedule), stop])
    half = er.resume(half, callbacks=[er.LRSchedule(schedule)])
    assert Tape.count == recordings
    monkeypatch.setattr(cuda_graph, "can_capture", lambda *_: False)
    eager = train(digits, tmp_path / "eager", callbacks=[er.LRSchedule(schedule)])
    a, b = serialization.read(half.weights)[0], serialization.read(eager.weights)[0]
    assert all(torch.equal(a[key], b[key]) for key in a)


def test_a_ramp_goes_on_in_a_captured_step(digits, tmp_path, tape):
    """The step is counted on the device: a term's schedule goes on in the graph."""
    torch.manual_seed(0)
    model, _ = er.recipes.vae((1, 8, 8), latent=2, hidden=(16,))
    run = er.fit(model, er.Reconstruction() + er.ramp(0, 100, 40) * er.KL(), digits, steps=40, out=tmp_path / "run")
    row = run.metrics("train")[-1]
    assert Tape.count == 1
    assert (row["loss"] - row["reconstruction"]) / row["kl"] > 60


@pytest.mark.parametrize("callback", [er.GradientClipping(1.0), er.Warmup(0.5), er.FreeBits(0.1)])
def test_a_callback_inside_a_step_keeps_it_eager(digits, tmp_path, tape, callback):
    train(digits, tmp_path / "run", steps=6, callbacks=[callback])
    assert Tape.count == 0


def test_what_cannot_be_captured_is_not(tape):
    weight = torch.nn.Parameter(torch.zeros(3))
    on_device = torch.optim.Adam([weight], lr=torch.tensor(1e-3), fused=True)
    assert cuda_graph.can_capture(torch.device("cpu"), CallbackList(), 1, [on_device])
    assert not cuda_graph.can_capture(torch.device("cpu"), CallbackList(), 2, [on_device])
    assert not cuda_graph.can_capture(
        torch.device("cpu"), CallbackList(), 1, [on_device, torch.optim.Adagrad([weight])]
    )


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
@pytest.mark.parametrize("name", all_recipes())
def test_on_a_gpu_a_captured_step_equals_an_eager_one(digits, tmp_path, monkeypatch, name):
    captured = train(digits, tmp_path / "captured", name, device="cuda")
    monkeypatch.setattr(cuda_graph, "can_capture", lambda *_: False)
    eager = train(digits, tmp_path / "eager", name, device="cuda")
    for a, b in zip(captured.metrics("train"), eager.metrics("train"), strict=True):
        assert a["loss"] == pytest.approx(b["loss"], rel=1e-5)
