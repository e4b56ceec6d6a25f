"""The report that a training leaves in its directory."""

import pytest
import torch

import elbowroom as er
from elbowroom.cli import main
from elbowroom.recipes import RECIPES
from elbowroom.training.state import DATA, MODEL, RUN, STOP, State
from elbowroom.workbench.monitoring.report import write_final_report
from tests.reporting.page import HtmlPage


@pytest.fixture(scope="module")
def runs(digits, tmp_path_factory):
    """Two short runs, by the name of their recipe."""
    runs = {}
    for name, settings in (("vae", {"latent": 2}), ("beta_vae", {})):
        torch.manual_seed(0)
        out = tmp_path_factory.mktemp(name) / "run"
        recipe = RECIPES[name](digits.shape, **settings)
        runs[name] = er.fit(*recipe, digits, epochs=2, out=out, device="cpu", report=False, sampler="none")
    return runs


def final_state(run, data, model, stop=""):
    state = State()
    state[RUN], state[DATA], state[MODEL], state[STOP] = run, data, model, stop
    return state


def test_a_training_leaves_a_report_and_no_trace_in_the_random_stream(runs, digits):
    run = runs["beta_vae"]
    (run.path / "report.html").unlink(missing_ok=True)
    before = torch.get_rng_state()
    model = er.load(run)
    torch.set_rng_state(before)
    write_final_report(final_state(run, digits, model))
    assert torch.equal(before, torch.get_rng_state())
    assert "Kingma" not in HtmlPage((run.path / "report.html").read_text()).texts["h1"]


@pytest.mark.parametrize("stop", ["interrupted", "terminated"])
def test_a_training_that_was_cut_off_leaves_none(runs, digits, stop):
    run = runs["beta_vae"]
    (run.path / "report.html").unlink(missing_ok=True)
    write_final_report(final_state(run, digits, er.load(run), stop))
    assert not (run.path / "report.html").exists()


def test_a_report_that_fails_costs_no_training(runs, digits):
    class Broken(er.Model):
        def encode(self, x, c=None):
            raise RuntimeError("no memory\nleft")

    model = er.load(runs["vae"])
    broken = Broken(model.encoder, model.decoder, model.prior)
    with pytest.warns(UserWarning, match=r"there is no report \(no memory left\): 'elbowroom report .*' tries again"):
        write_final_report(final_state(runs["vae"], digits, broken))


@pytest.mark.report
def test_a_training_ends_with_its_report(tmp_path, capsys):
    assert (
        main(["train", "vae", "--latent", "2", "--hidden", "8", "--steps", "10", "--out", str(tmp_path / "run")]) == 0
    )
    assert f"report    {tmp_path / 'run' / 'report.html'}" in capsys.readouterr().out
    assert "10 steps" in (tmp_path / "run" / "report.html").read_text()
