"""A sweep with failed points, the same with baselines and as a page, and short trainings."""

import shutil

import pytest

from elbowroom.cli import main
from elbowroom.comparing import compare
from tests.comparing.helpers import QUICK, train_sweep


@pytest.fixture(scope="package")
def swept(tmp_path_factory):
    return train_sweep(tmp_path_factory.mktemp("compared") / "s")


@pytest.fixture(scope="package")
def with_baselines(swept, tmp_path_factory):
    """The folder of the same sweep with baselines, their comparison, and the lines that were logged."""
    folder = tmp_path_factory.mktemp("baselines") / "s"
    shutil.copytree(swept, folder)
    logged = []
    return folder, compare(folder, baselines=True, log=logged.append), logged


@pytest.fixture(scope="package")
def page(with_baselines, tmp_path_factory):
    _, comparison, _ = with_baselines
    return comparison, comparison.write(tmp_path_factory.mktemp("page") / "compare.html").read_text()


@pytest.fixture
def train(tmp_path):
    """Train a short run with these flags, into a folder of the test's own."""

    def train(name, *flags, recipe="vae"):
        out = tmp_path / name
        assert main(["train", recipe, "--latent", "2", *QUICK, *flags, "--out", str(out)]) == 0
        return out

    return train
