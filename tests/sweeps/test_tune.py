"""Searches: they measure what they train, prune what is behind, go on after a kill, and refuse another search."""

import sys

import pytest
import torch

import elbowroom as er
from elbowroom.sweeps.claims import Claims
from elbowroom.sweeps.space import Range, make_distributions, settings_of
from elbowroom.sweeps.sweep import read_sweep
from elbowroom.sweeps.tune import JOURNAL_FILE, read_search
from elbowroom.training.state import EPOCH, METRICS, STEP, STOP
from elbowroom.workbench import from_record, to_record
from elbowroom.workbench.monitoring.pruning import Pruning, load_trial, open_study

SPACE = {"lr": Range(1e-5, 1e-2, is_log=True), "latent": (2, 3), "seed": (0,)}


@pytest.fixture
def start(digits):
    """Trains one trial in a few steps."""

    def start(out, callbacks, lr, latent, seed):
        torch.manual_seed(seed)
        return er.fit(
            *er.recipes.vae(digits.shape, latent=latent, hidden=(16,)),
            digits,
            steps=6,
            lr=lr,
            out=out,
            device="cpu",
            watch=("validation",),
            checkpoint_every=2,
            callbacks=callbacks,
            progress=False,
        )

    return start


def quiet(line):
    pass


def test_a_search_measures_what_it_trains_and_goes_on_to_more(start, tmp_path):
    search = er.tune(start, SPACE, tmp_path, n_trials=2, log=quiet)
    assert [point.name for point in search.points] == ["trial-0000", "trial-0001"]
    for point in search.points:
        assert search.values[point.name] == point.run.metrics("validation")[-1]["elbo"]
        assert point.run.record["training"]["lr"] == point.settings["lr"]
    assert search.best.name == max(search.values, key=search.values.get)
    lines = []
    longer = er.tune(start, SPACE, tmp_path, n_trials=3, log=lines.append)
    assert [line.split()[1] for line in lines if line.startswith("[")] == ["trial-0002"]
    assert longer.values.items() > search.values.items()
    assert list(read_sweep(tmp_path)[0]) == ["trial-0000", "trial-0001", "trial-0002"]


def test_the_same_seed_chooses_the_same_settings(tmp_path):
    def fail(out, callbacks, **settings):
        chosen.append(settings)
        raise ValueError("no")

    runs = []
    for name in "ab":
        chosen = []
        search = er.tune(fail, SPACE, tmp_path / name, n_trials=3, log=quiet)
        assert [point.state for point in search.points] == ["failed"] * 3
        assert search.best is None
        runs.append(chosen)
    assert runs[0] == runs[1]
    assert len({one["lr"] for one in runs[0]}) == 3


def test_a_trial_of_a_killed_process_is_taken_over_and_resumed(start, tmp_path):
    class Killed(BaseException):
        pass

    @er.on.step
    def die(state):
        if state[STEP] == 4:
            raise Killed

    def start_and_die(out, callbacks, **settings):
        elbowroom_run = er.Run(out)
        try:
            start(out, [*callbacks, die], **settings)
        finally:
            # What a run of the package's own callbacks would have recorded.
            record = elbowroom_run.record
            record["training"]["callbacks"] = record["training"]["callbacks"][:1]
            elbowroom_run.write_record()

    with pytest.raises(Killed):
        er.tune(start_and_die, SPACE, tmp_path, n_trials=1, log=quiet)
    search = er.tune(start, SPACE, tmp_path, n_trials=1, log=quiet)
    [point] = search.points
    assert point.state == "finished"
    assert Claims(tmp_path).count_takes(point.name) == 2
    alone = start(tmp_path / "alone", [], **point.settings)
    assert point.run.weights.read_bytes() == alone.weights.read_bytes()


def test_what_is_behind_the_median_is_pruned(tmp_path):
    journal = str(tmp_path / JOURNAL_FILE)
    study = open_study(journal, "elbo")
    distributions = make_distributions({"lr": Range(0.1, 1.0)})
    for value in (-10, -11, -12, -13):
        trial = study.ask(distributions)
        for epoch in (1, 2, 3):
            trial.report(value, epoch)
        study.tell(trial, value)

    def reasons(elbo):
        number = study.ask(distributions).number
        [callback] = from_record([to_record(Pruning(journal, number))])
        state = er.training.state.State()
        state[STOP] = ""
        for epoch in (1, 2, 3):
            state[EPOCH], state[METRICS] = epoch, {"validation": {"elbo": elbo, "loss": 1.0}}
            callback.validation(state)
            callback.validation(state)  # resumed, it comes to this epoch again
            yield state[STOP]

    assert list(reasons(-10.5)) == ["", "", ""]
    assert list(reasons(-50.0)) == [
        "",
        "pruned at epoch 2, validation elbo −50.00",
        "pruned at epoch 3, validation elbo −50.00",
    ]
    assert load_trial(study, 5).storage.get_all_trials(0)[5].intermediate_values == {1: -50.0, 2: -50.0, 3: -50.0}


def test_a_pruned_trial_is_no_failure_and_has_no_value(start, tmp_path, monkeypatch):
    monkeypatch.setattr("optuna.trial.Trial.should_prune", lambda self: True)
    search = er.tune(start, SPACE, tmp_path, n_trials=1, log=quiet)
    assert search.points[0].state.startswith("pruned at epoch 1")
    assert search.points[0].is_done
    assert search.values == {}
    assert [trial.state.name for trial in open_study(str(tmp_path / JOURNAL_FILE), "elbo").trials] == ["PRUNED"]


def test_a_metric_that_validation_lacks_ends_the_search_at_its_first_trial(start, tmp_path):
    words = r"unknown validation metric of the search 'elb': did you mean 'elbo'.* give another --out too"
    with pytest.raises(ValueError, match=words):
        er.tune(start, SPACE, tmp_path, n_trials=5, metric="elb", log=quiet)
    assert [trial.state.name for trial in open_study(str(tmp_path / JOURNAL_FILE), "elb").trials] == ["FAIL"]


def test_another_search_in_the_same_folder_is_refused(start, tmp_path):
    er.tune(start, SPACE, tmp_path, n_trials=1, log=quiet)
    with pytest.raises(ValueError, match=r"are not searched \(seed was .* and is 1\): give the same again"):
        er.tune(start, SPACE | {"seed": (1,)}, tmp_path, n_trials=2, log=quiet)
    with pytest.raises(ValueError, match="began with other values"):
        er.tune(start, SPACE | {"latent": (2, 4)}, tmp_path, n_trials=2, log=quiet)
    assert len(read_search(tmp_path).points) == 1


@pytest.mark.parametrize(
    ("space", "words"),
    [({"latent": (2,)}, "nothing is searched"), ({"latent": (2, 2)}, "has a value of 'latent' twice")],
)
def test_a_space_without_a_choice_says_so(space, words, tmp_path):
    with pytest.raises(ValueError, match=words):
        er.tune(print, space, tmp_path)


def test_values_come_back_as_they_were_given():
    space = {"hidden": ((), (400,), (400, 200)), "likelihood": ("bernoulli", None), "latent": Range(2, 64)}
    distributions = make_distributions(space)
    for label, value in zip(distributions["hidden"].choices, space["hidden"], strict=True):
        assert settings_of(space, {"hidden": label, "likelihood": "—", "latent": 3}) == {
            "hidden": value,
            "likelihood": None,
            "latent": 3,
        }
    assert type(distributions["latent"]).__name__ == "IntDistribution"


@pytest.mark.parametrize(("ends", "words"), [((2, 1, False), "is empty"), ((0, 1, True), "begin above 0")])
def test_a_range_that_is_none_says_so(ends, words):
    with pytest.raises(ValueError, match=words):
        Range(*ends)


def test_without_optuna_the_error_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(ValueError, match=r"pip install 'elbowroom\[tune\]'"):
        open_study(str(tmp_path / "a"), "elbo")
