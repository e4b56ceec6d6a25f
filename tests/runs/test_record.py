"""The record of a run: its provenance."""

import subprocess
import sys
from pathlib import Path

import pytest

from elbowroom.runs import TrainConfig, record


def test_recorded_command_can_be_pasted(monkeypatch):
    words = ["train", "vae", "--data", "my pictures", "--optimizer", "sgd(momentum=0.9)"]
    pasted = "elbowroom train vae --data 'my pictures' --optimizer 'sgd(momentum=0.9)'"
    for program in ("/somewhere/bin/elbowroom", "elbowroom.exe", str(Path(record.__file__).parents[1] / "__main__.py")):
        monkeypatch.setattr(sys, "argv", [program, *words])
        assert record.provenance()["command"] == pasted
    for program in ("/somewhere/else.py", "/a/package/__main__.py"):
        monkeypatch.setattr(sys, "argv", [program, *words])
        assert record.provenance()["command"] is None


def test_commit_of_a_surrounding_repository_is_not_recorded(tmp_path, monkeypatch):
    def git(*words):
        identity = ["-c", "user.name=n", "-c", "user.email=e@example.org"]
        subprocess.run(["git", "-C", str(tmp_path), *identity, *words], check=True, capture_output=True)

    git("init")
    git("commit", "--allow-empty", "-m", "somebody's project")
    for folder, is_own in ((".venv/lib/elbowroom", False), ("src/elbowroom", True)):
        (tmp_path / folder).mkdir(parents=True)
        monkeypatch.setattr(record, "__file__", str(tmp_path / folder / "runs" / "record.py"))
        assert (record.provenance()["commit"] is not None) == is_own


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"lr": "fast"}, "in its field 'training' lr='fast': expected a number; restore it"),
        ({"batch_size": 0}, "in its field 'training' batch_size=0: expected a whole number, at least 1"),
        ({"seed": None}, "its field 'training.seed' is null"),
        ({"seed": -1, "report": ...}, ""),
    ],
)
def test_settings_of_a_record_are_checked_and_those_that_are_missing_have_their_defaults(changed, words):
    training = TrainConfig(epochs=1, device="cpu").record | {"callbacks": [], "products": "default"} | changed
    training = {name: value for name, value in training.items() if value is not ...}
    content = {"recipe": None, "arguments": None, "shape": [2], "data": {}, "training": training}
    if words:
        with pytest.raises(ValueError, match=words):
            record.parse_record(content, Path("recipe.json"))
    else:
        assert record.parse_record(content, Path("recipe.json"))["training"] == training | {"report": True}
