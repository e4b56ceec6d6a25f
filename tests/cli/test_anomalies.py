"""``elbowroom anomalies``: table, JSON, score files and heat maps."""

import csv
import json

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

import elbowroom as er
from elbowroom.cli import main
from elbowroom.evaluation.anomaly import background


@pytest.fixture(autouse=True)
def short_fit(monkeypatch):
    monkeypatch.setattr(background, "FIT_STEPS", 150)


@pytest.fixture(scope="module")
def run(digits, tmp_path_factory):
    """A short run on the digits."""
    model, objective = er.recipes.vae(digits.shape, latent=8, hidden=(100,))
    return er.fit(
        model,
        objective,
        digits,
        epochs=20,
        lr=3e-3,
        out=tmp_path_factory.mktemp("anomaly") / "run",
        device="cpu",
        report=False,
        sampler="none",
    )


def test_the_command_prints_a_table_and_writes_scores_and_heat_maps(run, digits, tmp_path, monkeypatch, capsys):
    from PIL import Image

    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(tmp_path)
    np.save("other.npy", digits.test.x[:60].flip(-1).numpy())
    assert main(["anomalies", str(run.path), "--data", "other.npy", "--out", "s.csv", "--heat-map", "h.png"]) == 0
    text = capsys.readouterr().out
    assert [line for line in text.splitlines() if line.startswith(("elbo", "likelihood ratio"))]
    assert "359 normal, digits test; 60 others, other" in text
    assert "expected 0.0500 ±" in text
    rows = list(csv.DictReader((tmp_path / "s.csv").read_text(encoding="utf-8").splitlines()))
    assert [sum(row["set"] == name for row in rows) for name in ("calibration", "normal", "other")] == [179, 180, 60]
    assert all((row["elbo_p"] == "") == (row["set"] == "calibration") for row in rows)
    with Image.open("h.png") as image:
        assert image.size[0] > 200
    scores = er.anomaly_scores(run, digits.test, "elbo")
    np.testing.assert_allclose([float(row["elbo"]) for row in rows[:359]], scores, rtol=1e-5)


def test_json_and_arrays_hold_the_same_metrics(run, digits, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    np.savez("other.npz", x=digits.test.x[:60].flip(-1).numpy())
    arguments = [
        "anomalies",
        str(run.path),
        "--data",
        "other.npz",
        "--score",
        "reconstruction",
        "--out",
        "s.npz",
        "--json",
    ]
    assert main(arguments) == 0
    result = json.loads(capsys.readouterr().out)
    assert list(result["scores"]) == ["elbo", "reconstruction"]
    with np.load("s.npz") as arrays:
        normal, other = (arrays["elbo"][arrays["set"] == name] for name in ("normal", "other"))
        everything = arrays["elbo"][arrays["set"] != "other"]
    threshold = result["scores"]["elbo"]["threshold"]["value"]
    assert result["scores"]["elbo"]["false_positives"]["value"] == pytest.approx((normal > threshold).mean())
    assert result["scores"]["elbo"]["found"]["value"] == pytest.approx((other > threshold).mean())
    truth = [0] * 359 + [1] * 60
    assert result["scores"]["elbo"]["auroc"]["value"] == pytest.approx(
        roc_auc_score(truth, np.concatenate([everything, other]))
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--out", "scores.txt"], "must end in .csv (a table), .npz (arrays) or .parquet (a table)"),
        (["--heat-map", "no/such/h.png"], "there is no folder no/such"),
        (["--score", "ebo"], "did you mean 'elbo'"),
        (["--level", "2"], "between 0 and 1"),
        (["--data", "no-such.npy"], "no such file"),
    ],
)
def test_the_command_has_one_line_errors(run, arguments, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["anomalies", str(run.path), *arguments]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_scores_of_images_in_files_name_the_files(run, digits, tmp_path, monkeypatch):
    """Images in colour, for a model of gray ones, and pages of a file."""
    from PIL import Image

    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos").mkdir()
    pages = [Image.fromarray(x).convert("RGB") for x in (digits.test.x[:12, 0]).numpy()]
    for i, page in enumerate(pages[:9]):
        page.save(tmp_path / "photos" / f"{i}.png")
    pages[9].save(tmp_path / "photos" / "scan.tif", save_all=True, append_images=pages[10:])
    assert main(["anomalies", str(run.path), "--data", "photos", "--out", "s.csv", "--score", "elbo"]) == 0
    rows = list(csv.DictReader((tmp_path / "s.csv").read_text(encoding="utf-8").splitlines()))
    others = [row for row in rows if row["set"] == "other"]
    assert [row["file"] for row in others] == [*(f"{i}.png" for i in range(9)), *(f"scan.tif#{i}" for i in (1, 2, 3))]
    assert {row["file"] for row in rows if row["set"] != "other"} == {""}
    scores = er.anomaly_scores(run, digits.test, "elbo")[:12]
    np.testing.assert_allclose([float(row["elbo"]) for row in others], scores, rtol=1e-4)
