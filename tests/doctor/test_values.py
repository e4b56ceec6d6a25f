"""Diagnoses of how values were read, on runs that were trained so."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

import elbowroom as er
from elbowroom.doctor import examine
from elbowroom.doctor.evidence import Evidence
from elbowroom.doctor.examine import diagnose
from elbowroom.runs import Run
from tests.doctor.runs import get_finding, make, train

BRIEF = {"steps": 3, "watch": (), "report": False, "callbacks": []}


def test_pixels_divided_twice(digits, tmp_path):
    np.savez(tmp_path / "dark.npz", x_train=digits.train.first(200).x.numpy().astype(np.float32) / 255)
    data = er.load_data(str(tmp_path / "dark.npz"))
    run = train(data, tmp_path / "run", *make(latent=2), **BRIEF)
    finding = get_finding(examine(run), "values in a small range")
    assert finding.severity == "fault"
    assert "within 0.00392 of 0" in finding.evidence
    assert "--value-range 0,0.003922" in finding.advice
    mended = er.load_data(str(tmp_path / "dark.npz"), value_range=(0, 0.003922))
    assert mended.train.first(200).x.max() == pytest.approx(1, abs=1e-3)


@pytest.mark.filterwarnings("ignore:.*nearly black")
def test_bits_that_were_read_as_pixels(tmp_path):
    """They are 0 and 1/255; the range of the record says what to read as 1."""
    bits = (np.random.default_rng(0).random((120, 1, 8, 8)) > 0.5).astype(np.uint8)
    np.save(tmp_path / "bits.npy", bits)
    data = er.load_data(str(tmp_path / "bits.npy"), value_range=(0, 255))
    run = train(data, tmp_path / "run", *make(latent=2), **BRIEF)
    assert "read 1 as 1: --value-range 0,1" in get_finding(examine(run), "values in a small range").advice


def test_usual_images_and_rows_have_a_usual_range(digits, tmp_path):
    run = train(digits, tmp_path / "run", *make(latent=2), **BRIEF)
    findings = examine(run)
    assert not {"values in a small range", "fewer levels than the source"} & {one.title for one in findings}
    assert {"values in a small range", "fewer levels than the source"} <= set(findings.performed_names)
    rows = er.load_data(np.random.default_rng(0).normal(size=(60, 3)).astype(np.float32) / 1e4)
    run = train(rows, tmp_path / "rows", *er.recipes.vae(rows.shape, latent=2, likelihood="gaussian"), **BRIEF)
    assert "it is for images" in examine(run, rows).skip_reasons["values in a small range"]


@pytest.mark.parametrize(("levels", "is_found"), [(4096, True), (200, False)])
def test_levels_that_an_older_version_lost(levels, is_found, tmp_path):
    """A record without a range of values, of pixels divided by 255, and a source of more levels."""
    deep = np.random.default_rng(0).integers(0, levels, (100, 1, 8, 8)).astype(np.uint16)
    np.save(tmp_path / "deep.npy", deep)
    crushed = torch.tensor(np.rint(deep / levels * 255).astype(np.uint8))
    data = replace(er.load_data(str(tmp_path / "deep.npy")), train=er.data.InMemorySplit(crushed))
    run = train(data, tmp_path / "run", *make(latent=2), **BRIEF)
    record = json.loads((run.path / "recipe.json").read_text())
    del record["data"]["arguments"]["value_range"]
    record["data"]["preprocessing"] = "pixels divided by 255"
    (run.path / "recipe.json").write_text(json.dumps(record))
    findings = diagnose(Evidence(Run(run.path), data))
    titles = {one.title for one in findings}
    assert ("fewer levels than the source" in titles) is is_found
    assert "fewer levels than the source" in findings.performed_names
