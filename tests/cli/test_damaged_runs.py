"""Runs that are damaged or whose data has changed, and what a run records of its command and commit."""

import json
import re
import shutil

import numpy as np
import pytest

import elbowroom as er
from elbowroom.cli import main
from tests.cli.conftest import QUICK


def test_a_record_that_lacks_something(damaged, error_line):
    for field in ("recipe", "arguments", "shape", "data", "training"):
        path = damaged(**{field: ...})
        for command in (["evaluate", path], ["resume", path], ["sample", path, "--out", "x.png"]):
            assert f"recipe.json is damaged: it lacks the field '{field}'" in error_line(*command)
    training = er.Run(damaged()).record["training"]
    path = damaged(training={k: v for k, v in training.items() if k != "lr"})
    assert "lacks the field 'training.lr'" in error_line("resume", path)


def test_a_record_of_the_wrong_kind(damaged, error_line):
    path = damaged()
    for text in ("[]", "3", "null"):
        (path / "recipe.json").write_text(text)
        assert "recipe.json is damaged: it is no object" in error_line("evaluate", path)
        assert main(["runs", str(path.parent)]) == 0
    arguments = er.Run(damaged()).record["arguments"]
    line = error_line("evaluate", damaged(arguments=arguments | {"latent": "two"}))
    assert "recipe.json: recipe vae: latent='two': expected a whole number" in line
    line = error_line("evaluate", damaged(arguments=arguments | {"hidden": [1.5]}))
    assert "hidden=[1.5]: expected whole numbers" in line
    assert "unknown argument of vae 'latnet': did you mean" in error_line("evaluate", damaged(arguments={"latnet": 2}))
    assert "its field 'arguments' is 3" in error_line("evaluate", damaged(arguments=3))
    assert "its field 'shape' is [1, '8', 8], not sizes" in error_line("evaluate", damaged(shape=[1, "8", 8]))


def test_one_damaged_run_does_not_hide_the_others(run, damaged, capsys):
    path = damaged()
    shutil.copytree(run, path.parent / "whole")
    (path / "recipe.json").write_text("{}")
    assert main(["runs", str(path.parent)]) == 0
    rows = capsys.readouterr().out.splitlines()
    assert any("whole" in row and "finished" in row for row in rows)
    assert any(str(path) in row and "damaged" in row for row in rows)


def test_only_whole_rows_of_the_metrics_count(damaged, capsys):
    path = damaged()
    kept = er.Run(path).metrics()
    with (path / "metrics.jsonl").open("ab") as file:
        file.write(b'3\n\xff\xfe\x00\x9c\n[]\nnull\n{"a": 1}\n{"step": 1}\n{"step": "1", "epoch": 1}\n{"step": 99, "ep')
    assert er.Run(path).metrics() == kept
    assert er.Run(path).seconds == max(row.get("seconds", 0.0) for row in kept)
    assert main(["runs", str(path.parent)]) == 0
    er.Run(path).rewind(10**9)
    assert [json.loads(line) for line in (path / "metrics.jsonl").read_text().splitlines()] == kept


def test_data_that_changed_since(damaged, error_line, tmp_path):
    np.save(tmp_path / "mine.npy", np.random.default_rng(0).random((60, 8, 8)))
    path = tmp_path / "own"
    assert (
        main(["train", "vae", "--data", str(tmp_path / "mine.npy"), "--batch-size", "8", *QUICK, "--out", str(path)])
        == 0
    )
    assert main(["evaluate", str(path), "--samples", "1"]) == 0
    np.save(tmp_path / "mine.npy", np.random.default_rng(1).random((60, 8, 8)))
    line = error_line("evaluate", path, "--samples", "1")
    assert re.search(
        r"the data at .*mine.npy has changed since .*own was trained \(fingerprint \w+, now \w+\): restore", line
    )
    assert er.evaluate(path, np.random.default_rng(1).random((60, 8, 8)), samples=1)
    (tmp_path / "mine.npy").unlink()
    assert re.search("own was trained on .*mine.npy, which has gone: put it back", error_line("evaluate", path))
    assert "unknown argument of the data" in error_line(
        "evaluate", damaged(data={"source": "digits", "arguments": {"foo": 1}})
    )


def test_a_split_given_in_python_is_given_again(tmp_path):
    own = np.random.default_rng(0).random((20, 8, 8))
    data = er.load_data("digits", validation=own)
    run = er.fit(*er.recipes.vae(data.shape, latent=2), data, steps=2, out=tmp_path / "run")
    with pytest.raises(ValueError, match="was trained on data given in Python: pass the same as data="):
        er.evaluate(run)
    assert er.evaluate(run, er.load_data("digits", validation=own), split="validation", samples=1)


def test_a_run_is_taken_wherever_its_path_is(run):
    held = er.Run(run)
    assert er.load(held).latent_shape == er.load(str(run)).latent_shape == (2,)
    assert er.evaluate(held, samples=1).protocol["model"] == str(run)
