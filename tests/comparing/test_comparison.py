"""Groups of runs, their means over seeds, and what counts."""

import json
import shutil

import numpy as np
import pytest
import torch

import elbowroom as er
from elbowroom.cli import main
from elbowroom.comparing import compare
from elbowroom.comparing.columns import COLUMNS, SeedMean
from elbowroom.runs.settings import find_differing_settings, find_distinguishing_settings
from elbowroom.training import state
from tests.comparing.helpers import QUICK, find_group, read_rows


def test_metrics_are_of_the_weights_that_a_run_ends_with(tmp_path):
    @er.on.step
    def spoil(now):
        if now[state.STEP] == 25:
            with torch.no_grad():
                for parameter in now[state.MODEL].decoder.parameters():
                    parameter.mul_(4)

    data = er.load_data("digits")
    settings = {"epochs": 3, "validate_every": 1, "max_overhead": 1, "final_weights": "best", "device": "cpu"}
    run = er.fit(*er.recipes.vae(data.shape, latent=2), data, out=tmp_path / "run", callbacks=[spoil], **settings)
    rows = run.metrics("test")
    assert run.record["weights"]["step"] == rows[-2]["step"] == 20
    (group,) = compare(tmp_path / "run").groups
    assert group.metrics["elbo"].mean == rows[-2]["elbo"] != rows[-1]["elbo"]


def test_means_and_deviations_are_those_of_the_runs_own_rows(swept):
    found = compare(swept)
    for latent in (2, 3):
        runs = [swept / f"latent={latent},seed={seed}" for seed in (0, 1)]
        last = [read_rows(run, "test")[-1] for run in runs]
        validation = [[row["loss"] for row in read_rows(run, "validation")] for run in runs]
        expected = {name: [row[name] for row in last] for name in ("elbo", "reconstruction", "kl", "loss")}
        expected["validation_loss"] = [losses[-1] for losses in validation]
        expected["best_validation_loss"] = [min(losses) for losses in validation]
        expected["squared_error"] = [er.evaluate(run, metrics="reconstruction")["mse"].value for run in runs]
        expected["parameters"] = [json.loads((run / "recipe.json").read_text())["parameters"] for run in runs]
        figures = find_group(found, latent=latent).metrics
        for name, values in expected.items():
            assert figures[name].mean == pytest.approx(np.mean(values), rel=1e-6), name
            assert figures[name].sd == pytest.approx(np.std(values, ddof=1), rel=1e-4, abs=1e-9), name
            assert figures[name].n == 2


def test_only_the_seed_is_averaged_over(swept):
    found = compare(swept)
    assert found.differing_settings == ["latent"]
    assert [(g.differing_values["latent"], g.seed_summary) for g in found.groups] == [
        ("0", "none of 2"),
        ("2", "0, 1"),
        ("3", "0, 1"),
    ]
    assert found.shared_settings["batch_size"] == 128
    assert found.shared_settings["recipe"] == "vae"
    assert "latent" not in found.shared_settings


def test_the_loss_stands_apart_only_where_it_says_something_of_its_own(swept, train):
    assert "loss" not in [column.name for column in compare(swept).columns]
    beta = train("beta", "--beta", "4", recipe="beta_vae")
    assert "loss" in [column.name for column in compare(beta, train("vae")).columns]


def test_settings_of_every_kind_are_told_apart(train):
    runs = [
        train("a"),
        train("b", "--lr", "0.01", "--schedule", "cosine"),
        train("c", "--hidden", "32,16", "--optimizer", "sgd(momentum=0.9)"),
    ]
    found = compare(*runs)
    assert found.differing_settings == ["hidden", "lr", "optimizer", "schedule"]
    shown = [tuple(g.differing_values.values()) for g in found.groups]
    assert ("400", "0.001", "adam", "—") in shown
    assert ("400", "0.01", "adam", "cosine") in shown
    assert ("32×16", "0.001", "sgd(momentum=0.9)", "—") in shown


def test_a_run_is_counted_once_however_it_is_named(swept):
    run = swept / "latent=2,seed=0"
    assert len(compare(run, swept, swept / "latent=2,seed=0").entries) == 6


def test_a_name_needs_no_more_than_tells_apart():
    deep, linear = {"latent": 2, "hidden": [400], "linear": False}, {"latent": 2, "hidden": [], "linear": True}
    settings = [deep, linear, deep | {"latent": 5}, linear | {"latent": 5}]
    assert find_differing_settings(settings) == ["latent", "hidden", "linear"]
    assert find_distinguishing_settings(settings, find_differing_settings(settings)) == ["latent", "linear"]


def test_objectives_are_named_only_where_nothing_else_differs(digits, tmp_path):
    model, objective = er.recipes.vae(digits.shape, latent=2)
    er.fit(model, objective, digits, steps=3, out=tmp_path / "a", device="cpu")
    er.fit(model, er.Reconstruction() + 3 * er.KL(), digits, steps=3, out=tmp_path / "b", device="cpu")
    found = compare(tmp_path)
    assert found.differing_settings == ["objective"]
    assert [g.differing_values["objective"] for g in found.groups] == [
        "reconstruction + KL",
        "reconstruction + 3·KL",
    ]
    objectives = "reconstruction + KL, reconstruction + 3·KL"
    assert any(line.endswith(f"the same objective; here are {objectives}.") for line in found.comparability_notes)
    # Each is the best of its own kind, so none is the best.
    loss = next(column for column in COLUMNS if column.name == "validation_loss")
    elbo = next(column for column in COLUMNS if column.name == "elbo")
    assert found.best_groups(loss) == []
    assert len(found.best_groups(elbo)) == 1


def test_what_failed_or_is_not_finished_does_not_count(swept, tmp_path):
    folder = tmp_path / "s"
    shutil.copytree(swept, folder)
    cut = folder / "latent=2,seed=1"
    lines = (cut / "metrics.jsonl").read_text().splitlines(keepends=True)
    (cut / "metrics.jsonl").write_text("".join(lines[:3]))
    broken = folder / "latent=3,seed=0"
    (broken / "recipe.json").write_text("{")
    found = compare(folder)
    assert {entry.name: entry.state for entry in found.excluded_entries} == {
        "latent=0,seed=0": "failed",
        "latent=0,seed=1": "failed",
        "latent=2,seed=1": "unfinished",
        "latent=3,seed=0": "damaged",
    }
    mine = find_group(found, latent=2)
    assert mine.metrics["elbo"] == SeedMean(read_rows(folder / "latent=2,seed=0", "test")[-1]["elbo"], None, 1)
    assert mine.seed_summary == "0 (1 missing)"
    said = " ".join(found.footnotes)
    assert "latent=0,seed=0 does not count: failed, recipe vae(latent=0)" in said
    assert "stopped at step" in said
    assert "its recipe.json cannot be read" in said
    page = found.write(tmp_path / "page.html").read_text()
    for word in ("unfinished", "damaged", "failed", "give a larger latent"):
        assert word in page


def test_a_sweep_of_which_nothing_came_still_has_a_page(tmp_path, capsys, monkeypatch):
    """Of points that are refused only when they are trained."""
    monkeypatch.setattr("elbowroom.cli.train.check_options", lambda *args, **flag_values: None)
    folder = tmp_path / "s"
    assert main(["sweep", "vae", "--latent", "0", *QUICK, "--out", str(folder)]) == 1
    assert main(["compare", str(folder)]) == 0
    assert "give a larger latent" in capsys.readouterr().out
    assert "runs included" in (folder / "compare.html").read_text()


def test_damaged_weights_leave_the_rows(swept, tmp_path):
    folder = tmp_path / "s"
    shutil.copytree(swept / "latent=2,seed=0", folder / "run")
    (folder / "run" / "model.safetensors").write_bytes(b"nothing")
    found = compare(folder)
    assert "elbo" in found.groups[0].metrics
    assert "squared_error" not in found.groups[0].metrics
    assert "model.safetensors" in found.write(tmp_path / "page.html").read_text()


@pytest.mark.parametrize(("old", "new"), [("differs", "differing_settings"), ("apart", "comparability_notes")])
def test_an_old_attribute_warns_and_gives_the_new_one(swept, old, new):
    comparison = compare(swept)
    with pytest.warns(DeprecationWarning, match=f"Comparison.{old} is now called {new}"):
        assert getattr(comparison, old) == getattr(comparison, new)
    with pytest.warns(DeprecationWarning, match="Group.figures is now called metrics"):
        assert comparison.groups[-1].figures == comparison.groups[-1].metrics
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        comparison.nothing  # noqa: B018
