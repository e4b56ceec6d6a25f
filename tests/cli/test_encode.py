"""Encode: latents with name, label and scores, as columns or arrays; and the path between two files."""

import csv

import numpy as np
import pytest
import torch
from PIL import Image

import elbowroom as er
from elbowroom.cli import main
from tests.cli.conftest import QUICK


def encode(run, out, *options):
    assert main(["encode", str(run), *options, "--out", str(out)]) == 0
    return out


def test_a_table_has_a_row_for_each_example(run, tmp_path, capsys):
    capsys.readouterr()
    with encode(run, tmp_path / "z.csv", "--score", "elbo,reconstruction").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert (
        "359 test examples of digits: name, label, z1, z2, score_elbo, score_reconstruction" in capsys.readouterr().out
    )
    digits = er.load_data("digits")
    batch = digits.test.first(400)
    assert [row["label"] for row in rows] == [digits.classes[i] for i in batch.y]
    z = torch.tensor([[float(row["z1"]), float(row["z2"])] for row in rows])
    torch.testing.assert_close(z, er.load(run).encode(batch.x), atol=1e-4, rtol=1e-4)
    expected = er.anomaly_scores(run, digits.test, "elbo")
    np.testing.assert_allclose([float(row["score_elbo"]) for row in rows], expected, rtol=1e-4)


def test_arrays_and_parquet_hold_the_same(run, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    held = np.load(encode(run, tmp_path / "z.npz", "--split", "validation"))
    table = parquet.read_table(encode(run, tmp_path / "z.parquet", "--split", "validation"))
    assert held["z"].shape == (180, 2)
    np.testing.assert_array_equal(held["z"][:, 1], table["z2"])
    assert held["label"].tolist() == table["label"].to_pylist()


def test_files_of_ones_own_keep_their_names(run, tmp_path):
    for name in ("a", "b"):
        Image.fromarray(np.full((8, 8), 60, np.uint8)).save(tmp_path / f"{name}.png")
    with encode(run, tmp_path / "z.csv", "--data", str(tmp_path)).open(newline="") as file:
        assert [row["name"] for row in csv.DictReader(file)] == ["a.png", "b.png"]


@pytest.mark.parametrize(
    ("recipe", "settings", "options", "columns"),
    [
        ("ladder_vae", {"latent": (4, 2), "hidden": (8, 8)}, (), ["z1", "z2"]),
        ("ladder_vae", {"latent": (4, 2), "hidden": (8, 8)}, ("--latents", "all"), ["z1_1", "z1_4", "z2_1", "z2_2"]),
        ("vq_vae", {"codes": 8, "dim": 3}, (), ["index1"]),
        ("m2", {"latent": 3, "hidden": (8,)}, (), ["predicted", "z3"]),
    ],
)
def test_every_kind_of_model_is_encoded(tmp_path, recipe, settings, options, columns):
    model, objective = getattr(er.recipes, recipe)((1, 8, 8), **settings)
    run = er.fit(model, objective, "digits", steps=1, out=tmp_path / "run", device="cpu").path
    header = encode(run, tmp_path / "z.csv", *options).read_text().partition("\n")[0].split(",")
    assert set(columns) <= set(header)
    assert ("z1" in header) == ("z1" in columns or recipe == "m2")


def test_from_one_image_file_to_another(run, tmp_path, capsys):
    for name, value in (("a", 0), ("b", 200)):
        Image.fromarray(np.full((8, 8), value, np.uint8)).save(tmp_path / f"{name}.png")
    files = [str(tmp_path / name) for name in ("a.png", "b.png")]
    for suffix in (".png", ".gif", ".npz"):
        assert main(["interpolate", str(run), *files, "--steps", "5", "--out", str(tmp_path / f"path{suffix}")]) == 0
    assert "means of p(x|z), z straight between means of q(z|x) · a.png to b.png" in capsys.readouterr().out
    held = np.load(tmp_path / "path.npz")
    model = er.load(run)
    ends = model.encode(torch.stack([torch.zeros(1, 8, 8), torch.full((1, 8, 8), 200 / 255)]))
    np.testing.assert_allclose(held["z"][[0, -1]], ends, atol=1e-5)
    np.testing.assert_allclose(held["x"], model.sample(z=torch.tensor(held["z"])), atol=1e-6)
    with Image.open(tmp_path / "path.gif") as gif:
        assert gif.n_frames == 8


def test_mistakes_are_one_line(run, error_line, tmp_path):
    assert "must end in .csv" in error_line("encode", run, "--out", tmp_path / "z.png")
    assert "no split 'dev'" in error_line("encode", run, "--split", "dev", "--out", tmp_path / "z.csv")
    assert "unknown anomaly score 'elb'" in error_line("encode", run, "--score", "elb", "--out", tmp_path / "z.csv")
    path = tmp_path / "vq"
    assert main(["train", "vq_vae", "--data", "digits", *QUICK, "--out", str(path)]) == 0
    words = error_line("interpolate", path, "a.png", "b.png", "--out", tmp_path / "x.png")
    assert "codes of a quantizer, with nothing between" in words
