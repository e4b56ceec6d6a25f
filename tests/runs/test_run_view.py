"""A view of a run: which examples it picks, what it says where something is missing, and that it draws for itself."""

import pytest
import torch

import elbowroom as er
from elbowroom.data import Data, InMemorySplit
from elbowroom.plotting import table_rows
from elbowroom.runs import run_view, shared_data
from elbowroom.runs.run_view import RunView
from elbowroom.runs.shared_data import SharedData


@pytest.fixture(scope="module")
def run(digits, tmp_path_factory):
    torch.manual_seed(0)
    out = tmp_path_factory.mktemp("view") / "run"
    return er.fit(*er.recipes.vae(digits.shape, latent=2), digits, steps=4, out=out, device="cpu")


def test_a_view_picks_the_same_examples(run, digits):
    view, other = RunView(run, digits, examples=60), RunView(run, examples=30)
    assert torch.equal(other.batch.index, view.batch.index[:30])
    assert torch.equal(other.latents, view.latents[:30])
    assert torch.equal(other.samples(4), view.samples(4))
    assert torch.equal(digits.test.first(400).x[view.batch.index], view.batch.x)
    assert torch.equal(view.examples(view.batch.index[:3].tolist()).x, view.batch.x[:3])
    assert not torch.equal(RunView(run, digits, examples=30, seed=1).batch.index, other.batch.index)
    assert other.describe_examples(30) == "30 of 359 test examples of digits, picked with seed 0"
    assert RunView(run, digits, examples=1000).describe_examples(359) == "all 359 test examples of digits"


@pytest.mark.parametrize(
    "use",
    [
        lambda view: view.run.build(),
        lambda view: view.module,
        lambda view: view.data,
        lambda view: view.latents,
        lambda view: view.samples(3),
        lambda view: table_rows.standardize(view, view.batch.x),
        lambda view: er.doctor.examine(view.run),
        lambda view: er.compare(view.run.path),
    ],
)
def test_what_a_view_loads_and_draws_leaves_the_random_stream_alone(run, use):
    before = torch.get_rng_state()
    use(RunView(run, examples=50))
    assert torch.equal(before, torch.get_rng_state())


def test_what_is_missing_is_said_in_one_line(run, digits, tmp_path):
    view = RunView(run, digits)
    assert (view.missing_data_reason, view.data_or_none) == ("", digits)
    with pytest.raises(ValueError, match="digits has no split 'other': choose from train, validation, test"):
        view.get_split("other")
    with pytest.raises(ValueError, match="index 359 of 359 test examples: give 0 to 358"):
        view.examples([0, 359])
    other = RunView(run, InMemorySplit(torch.zeros(5, 1, 4, 4)).x)
    assert other.missing_data_reason == "the data has examples of (1, 4, 4), the model takes (1, 8, 8)"
    assert other.data_or_none is None

    def load(run):
        raise OSError("the disk\n is gone")

    assert RunView(run, load=load).missing_data_reason == "the disk is gone"
    module = RunView(run, digits, torch.nn.Flatten())
    assert isinstance(module.module, torch.nn.Flatten)
    with pytest.raises(ValueError, match="Flatten is a module of your own"):
        module.model  # noqa: B018
    assert RunView(tmp_path).rows == []


def test_results_are_computed_once_and_the_oldest_dropped(run, monkeypatch):
    monkeypatch.setattr(run_view, "MAX_CACHED_RESULTS", 2)
    view, computed = RunView(run), []

    def get(key):
        return view.get_or_compute(key, lambda: computed.append(key) or key)

    assert [get(key) for key in "abacab"] == list("abacab")
    assert computed == ["a", "b", "c", "b"]


def test_data_is_shared_and_a_failure_is_not_tried_again_at_once(run, digits, tmp_path, monkeypatch):
    python_run = er.fit(
        *er.recipes.vae((4,), latent=1, likelihood="gaussian"), torch.rand(200, 4), steps=1, out=tmp_path / "run"
    )
    shared, loads = SharedData(max_datasets=1), []
    load = er.Run.measured_data
    monkeypatch.setattr(er.Run, "measured_data", lambda run, source=None: loads.append(run.path) or load(run, source))
    views = [RunView(er.Run(run.path), load=shared.load) for _ in range(2)]
    assert views[0].data is views[1].data
    assert isinstance(views[0].data, Data)
    for _ in range(2):
        with pytest.raises(ValueError, match="trained on data given in Python: pass the same as data="):
            shared.load(python_run)
    assert loads == [run.path, python_run.path]
    monkeypatch.setattr(shared_data, "RETRY_AFTER_S", 0)
    assert "given in Python" in RunView(python_run, load=shared.load).missing_data_reason
    assert loads[2:] == [python_run.path]
