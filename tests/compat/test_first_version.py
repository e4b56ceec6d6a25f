"""Runs and names of version 0.1: directories that it left, names that it had.

The runs were made by version 0.1 with these commands; the first was ended by SIGTERM at step 22 of 40::

    elbowroom train vae --data digits --latent 2 --hidden 16 --binarise dynamic --clip 10 --average 0.9
        --schedule cosine --kl-warmup 0.2 --skip 100000 --patience 50 --free-bits 0.01
        --epochs 4 --checkpoint-every 5 --out interrupted
    elbowroom train m2 --data digits --latent 3 --hidden 16 --likelihood discretised-logistic --labelled 100
        --only 0,1,2 --labels 3 --epochs 2 --out finished
    elbowroom train vae --data digits --latent 2 --hidden 16 --dequantise --likelihood gaussian:learned --epochs 2
        --out noisy
"""

import importlib
import json
import shutil
import warnings
from pathlib import Path

import click
import pytest
import torch
from starlette.testclient import TestClient

import elbowroom as er
from elbowroom import deprecation
from elbowroom.cli import main
from elbowroom.cli.train import TrainGroup
from elbowroom.comparing import compare
from elbowroom.recipes import find
from elbowroom.reporting import write_report
from elbowroom.runs import Run, repeat_command
from elbowroom.runs.settings import train_options
from elbowroom.studio.app import create_app
from elbowroom.studio.services.train_request import train_arguments
from elbowroom.sweeps import parameter_grid, plan

RUNS = Path(__file__).parent / "runs"
ALL = ("finished", "interrupted", "noisy")
#: What version 0.1 measured: the test split of ``finished`` and the last rows of ``interrupted``, had it gone on.
FINISHED_ELBO = -307.37888835612864
RESUMED_LOSSES = {"validation": 43.8058595445421, "test": 43.92553082946947}


@pytest.fixture
def runs(tmp_path):
    return Path(shutil.copytree(RUNS, tmp_path / "runs"))


@pytest.fixture
def no_deprecations():
    """An old run is read without a word: nobody can mend a record."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", DeprecationWarning)
        yield


@pytest.mark.parametrize("name", ALL)
@pytest.mark.usefixtures("no_deprecations")
def test_a_run_loads_and_finds_its_data(name):
    model, data = er.load(RUNS / name), er.Run(RUNS / name).data()
    x, y, _ = data.test.first(3)
    again = model.reconstruct(x, y)
    assert again.shape == x.shape
    assert torch.isfinite(again).all()


@pytest.mark.usefixtures("no_deprecations")
def test_a_record_is_read_under_the_new_names():
    interrupted, finished, noisy = (Run(RUNS / name).record for name in ("interrupted", "finished", "noisy"))
    assert interrupted["data"]["arguments"]["binarize"] == "dynamic"
    assert {entry["name"] for entry in interrupted["training"]["callbacks"]} == {
        *("GradientClipping", "EMA", "LRSchedule", "SkipStep", "Warmup", "FreeBits", "EarlyStopping"),
    }
    assert finished["data"]["arguments"]["labeled"] == 100
    assert finished["arguments"]["likelihood"] == "discretized-logistic"
    assert noisy["data"]["arguments"]["dequantize"] is True


@pytest.mark.usefixtures("no_deprecations")
def test_a_run_is_evaluated_to_the_same_figure():
    found = er.evaluate(RUNS / "finished", save=False)
    assert found["elbo"].value == pytest.approx(FINISHED_ELBO, abs=1e-3)


@pytest.mark.usefixtures("no_deprecations")
def test_a_run_that_was_cut_off_ends_where_it_would_have(runs):
    run = er.resume(runs / "interrupted", device="cpu")
    assert run.metrics()[-1]["step"] == 40
    for split, loss in RESUMED_LOSSES.items():
        assert run.metrics(split)[-1]["loss"] == pytest.approx(loss, abs=1e-3)


@pytest.mark.parametrize("name", ALL)
def test_a_run_has_its_report_and_its_diagnosis(runs, name):
    assert 'data-chart="0"' in write_report(runs / name, examples=40).read_text(encoding="utf-8")
    assert er.doctor.examine(runs / name).performed_names


def test_runs_are_compared_beside_new_ones(runs, digits):
    new = er.fit(
        *er.recipes.vae(digits.shape, latent=2, hidden=(16,)), er.load_data("digits"), steps=5, out=runs / "new"
    )
    found = compare(runs)
    assert {entry.name for entry in found.entries} >= {*ALL, new.path.name}


def test_the_studio_lists_them(runs):
    with TestClient(create_app(runs), base_url="http://127.0.0.1") as client:
        listed = {run["run"] for run in client.get("/api/runs").json()["runs"]}
    assert set(ALL) <= listed


@pytest.mark.parametrize(
    ("name", "flags"),
    [
        ("interrupted", ("--binarize dynamic", "--clip 10", "--skip 100000", "--average 0.9", "--schedule cosine")),
        ("finished", ("--labeled 100", "--likelihood discretized-logistic")),
        ("noisy", ("--dequantize",)),
    ],
)
def test_the_command_that_repeats_a_run_has_the_new_flags(name, flags):
    text = str(repeat_command(Run(RUNS / name).record))
    assert all(flag in text for flag in flags), text


@pytest.mark.parametrize(
    ("module", "old", "new"), [(m, old, new) for m, names in deprecation.NAMES.items() for old, new in names.items()]
)
def test_an_old_name_is_the_new_one_with_one_warning(module, old, new):
    home, _, name = new.rpartition(".")
    with pytest.warns(DeprecationWarning, match=f"{module}.{old} is now called") as caught:
        found = getattr(importlib.import_module(module), old)
    assert found is getattr(importlib.import_module(home or module), name)
    assert len(caught) == 1
    assert Path(caught[0].filename) == Path(__file__)


@pytest.mark.parametrize(("old", "new"), deprecation.MODULES.items())
def test_an_old_module_is_the_new_one_with_a_warning(old, new, monkeypatch):
    monkeypatch.delitem(importlib.import_module("sys").modules, old, raising=False)
    with pytest.warns(DeprecationWarning, match=f"{old} is now called {new}"):
        assert importlib.import_module(old) is importlib.import_module(new)


def test_a_module_within_an_old_package_is_found():
    with pytest.warns(DeprecationWarning, match=r"elbowroom\.pictures\.style is now called elbowroom\.plotting\.style"):
        assert importlib.import_module("elbowroom.pictures.style") is importlib.import_module(
            "elbowroom.plotting.style"
        )


def test_names_that_never_were_are_still_unknown():
    with pytest.raises(AttributeError, match="has no attribute 'Averages'"):
        er.Averages  # noqa: B018
    with pytest.raises(ImportError):
        importlib.import_module("elbowroom.painting")


@pytest.mark.parametrize(
    ("old", "new", "value"),
    [("binarise", "binarize", "dynamic"), ("dequantise", "dequantize", True), ("labelled", "labeled", 20)],
)
def test_an_old_argument_of_load_data_is_the_new_one(old, new, value):
    with pytest.warns(DeprecationWarning, match=f"argument {old} of load_data is now called {new}") as caught:
        data = er.load_data("digits", **{old: value})
    assert data.protocol["arguments"][new] == value
    assert len(caught) == 1
    assert Path(caught[0].filename) == Path(__file__)


@pytest.mark.parametrize("equals", [True, False])
def test_an_old_flag_is_the_new_one(tmp_path, capfd, equals):
    flag = ["--binarise=threshold"] if equals else ["--binarise", "threshold"]
    out = tmp_path / "run"
    assert main(["train", "vae", "--latent", "2", "--hidden", "8", "--steps", "2", "--out", str(out), *flag]) == 0
    assert capfd.readouterr().err.count("--binarise is now called --binarize") == 1
    assert Run(out).record["data"]["arguments"]["binarize"] == "threshold"


def test_an_old_field_of_a_settings_file_is_the_new_one(tmp_path, capfd):
    (tmp_path / "old.toml").write_text('binarise = "threshold"\nlabelled = 50\nlatent = 2\nsteps = 2\n')
    out = tmp_path / "run"
    assert main(["train", "m2", "--config", str(tmp_path / "old.toml"), "--out", str(out)]) == 0
    assert "binarise is now called binarize" in capfd.readouterr().err
    assert Run(out).record["data"]["arguments"]["labeled"] == 50


@pytest.mark.parametrize(("flag", "value"), [("--skip-bad", "skip"), ("--skip-bad=false", "refuse")])
def test_an_old_switch_is_a_value_of_the_new_flag(flag, value):
    with pytest.warns(DeprecationWarning, match=f"--skip-bad is now called --bad-images={value}"):
        assert deprecation.rename_flags(["train", "vae", flag]) == ["train", "vae", f"--bad-images={value}"]
    with pytest.warns(DeprecationWarning, match="skip-bad is now called bad_images"):
        assert deprecation.rename_fields({"skip-bad": value == "skip"}) == {"bad_images": value}
    command = TrainGroup("train").get_command(click.Context(click.Command("train")), "vae")
    words = train_arguments(find("vae"), command, {}, {"skip_bad": value == "skip"}, "digits")
    assert words[-1] == f"--bad-images={value}"


def test_the_points_of_an_old_sweep_are_known(tmp_path):
    """Version 0.1 wrote the watched splits as a text, and had fewer options."""
    old = {"recipe": "vae", "watch": "validation,test", "skip_bad": False, "seed": 0}
    (tmp_path / "sweep.json").write_text(json.dumps({"points": {"the-first": old}, "failed": {}}))
    defaults = {name: argument.default for name, argument in train_options().items()}
    grid = parameter_grid({"recipe": ["vae"]} | {name: [value] for name, value in defaults.items()})
    (point,) = plan(grid, tmp_path, defaults)
    assert point.name == "the-first"
