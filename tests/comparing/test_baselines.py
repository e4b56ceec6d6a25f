"""Baselines: PCA and autoencoders beside the runs, trained once."""

import json

import numpy as np
import pytest

import elbowroom as er
from elbowroom.comparing import compare, pca
from tests.comparing.helpers import find_group


def test_baselines_stand_beside_the_runs(with_baselines):
    folder, found, logged = with_baselines
    assert sum("[" in line for line in logged) == 8
    deep, linear = (find_group(found, recipe="autoencoder", latent=2, linear=flag) for flag in (False, True))
    components = find_group(found, recipe="pca", latent=2)
    assert [g.seed_summary for g in (deep, linear, components)] == ["0, 1"] * 3
    # The same data, seeds and layers as the runs; and what each column is defined for.
    record = json.loads((folder / "baselines" / "baseline=deep,latent=2,seed=1" / "recipe.json").read_text())
    beside = json.loads((folder / "latent=2,seed=1" / "recipe.json").read_text())
    assert record["data"] == beside["data"]
    assert record["arguments"]["hidden"] == beside["arguments"]["hidden"]
    assert {k: record["training"][k] for k in ("steps", "lr", "seed")} == {"steps": 12, "lr": 1e-3, "seed": 1}
    for name in ("elbo", "kl"):
        assert not any(name in g.metrics for g in (deep, linear, components))
    assert all("squared_error" in g.metrics for g in (deep, linear, components))
    assert deep.protocol == components.protocol == find_group(found, recipe="vae", latent=2).protocol
    assert linear.protocol != deep.protocol
    assert linear.settings["hidden"] == []
    assert any("cross-entropy of the output, clipped into [1/512, 511/512]" in note for note in found.notes)
    seeds = [er.load_data("digits", seed=seed) for seed in (0, 1)]
    errors = [er.evaluate(pca(data, 2), data, metrics="reconstruction")["mse"].value for data in seeds]
    assert components.metrics["squared_error"].mean == pytest.approx(np.mean(errors), rel=1e-5)
    assert components.metrics["squared_error"].sd == pytest.approx(np.std(errors, ddof=1), rel=1e-4)


def test_baselines_are_trained_once(with_baselines):
    folder, found, _ = with_baselines
    logged = []
    again = compare(folder, baselines=True, log=logged.append)
    assert logged == []
    assert len(again.entries) == len(found.entries)
    # Without the flag what was trained is a run like others; PCA is kept nowhere.
    assert len(compare(folder).entries) == len(found.entries) - 4


def test_ones_own_autoencoder_is_the_baseline(train):
    vae = train("vae")
    train("mine", recipe="autoencoder")
    logged = []
    found = compare(vae.parent, baselines=True, log=logged.append)
    assert [line for line in logged if "[" in line] == ["[1/1] run"]
    assert len([entry for entry in found.entries if entry.settings.get("recipe") == "autoencoder"]) == 2


def test_a_baseline_of_data_that_has_changed_is_not_shown(train, monkeypatch):
    vae = train("vae")
    compare(vae, baselines=True, log=lambda _: None)
    (record,) = (vae.parent / "baselines").glob("baseline=deep*/recipe.json")
    record.write_text(record.read_text().replace('"fingerprint": "', '"fingerprint": "0'))
    with pytest.raises(ValueError, match="is a baseline on data that has changed: remove it"):
        compare(vae, baselines=True, log=lambda _: None)


def test_no_baseline_without_a_code_of_one_size(train):
    ladder = train("ladder", "--latent", "4,2", "--hidden", "16,16", recipe="ladder_vae")
    with pytest.raises(ValueError, match="no finished run has a latent of one size"):
        compare(ladder, baselines=True)
