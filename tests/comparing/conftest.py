"""A sweep with failed points, the same with baselines, and short trainings."""

import shutil

import pytest

from elbowroom.cli import main
from elbowroom.comparing import compare
from tests.comparing.helpers import QUICK


@pytest.fixture(scope="module", autouse=True)
def quick():
    """Trainings leave neither curves nor a report behind, which take longer than these trainings do."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("elbowroom.workbench.fit.write_final_report", lambda state: None)
        patch.setattr("elbowroom.workbench.monitoring.sample_images.SampleImages.end", lambda self, state: None)
        yield


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    """Two sizes of code and an impossible one, on two seeds."""
    folder = tmp_path_factory.mktemp("compared") / "s"
    assert main(["sweep", "vae", "--latent", "0,2,3", "--seed", "0,1", *QUICK, "--out", str(folder)]) == 1
    return folder


@pytest.fixture(scope="module")
def based(swept, tmp_path_factory):
    """The same with baselines."""
    folder = tmp_path_factory.mktemp("based") / "s"
    shutil.copytree(swept, folder)
    told = []
    return folder, compare(folder, baselines=True, log=told.append), told


@pytest.fixture
def train(tmp_path):
    """Train a short run with these flags, into a folder of the test's own."""

    def train(name, *flags, recipe="vae"):
        out = tmp_path / name
        assert main(["train", recipe, "--latent", "2", *QUICK, *flags, "--out", str(out)]) == 0
        return out

    return train


@pytest.fixture(scope="module")
def page(based, tmp_path_factory):
    _, found, _ = based
    return found, found.write(tmp_path_factory.mktemp("page") / "compare.html").read_text()
