"""A short run, a damaged copy of it, and the one line that a mistake prints."""

import json
import shutil

import pytest

from elbowroom.cli import main

QUICK = ["--steps", "12", "--device", "cpu"]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A short run on the digits, with a two-dimensional code."""
    path = tmp_path_factory.mktemp("runs") / "first"
    assert main(["train", "vae", "--data", "digits", "--latent", "2", *QUICK, "--out", str(path)]) == 0
    return path


@pytest.fixture
def error_line(capsys):
    """Run a command line that is a mistake; its one line."""

    def error_line_of(*arguments):
        capsys.readouterr()
        assert main([str(a) for a in arguments]) == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert err.startswith("elbowroom: ")
        assert err.count("\n") == 1
        assert "Traceback" not in err
        return err

    return error_line_of


@pytest.fixture
def damaged(run, tmp_path):
    """A copy of the run, and its record to be changed."""
    path = shutil.copytree(run, tmp_path / "damaged")

    def write(**changes):
        record = json.loads((run / "recipe.json").read_text()) | changes
        (path / "recipe.json").write_text(json.dumps({k: v for k, v in record.items() if v is not Ellipsis}))
        return path

    return write
