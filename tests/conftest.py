import importlib.util
import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def pytest_addoption(parser):
    parser.addoption("--slow", action="store_true", help="run the tests that guard a promise at full size too")
    parser.addoption("--exhaustive", action="store_true", help="run what costs much for every recipe there is, too")


def pytest_collection_modifyitems(config, items):
    """Leave out the slow tests, unless asked or in continuous integration; and the exhaustive ones, unless asked."""
    left_out = set() if config.getoption("--slow") or os.environ.get("CI") else {"slow"}
    left_out |= set() if config.getoption("--exhaustive") else {"exhaustive"}
    unwanted = [item for item in items if left_out & set(item.keywords)]
    # Not skipped one by one: there are a thousand of them, and what is skipped should be what cannot run here.
    config.hook.pytest_deselected(items=unwanted)
    items[:] = [item for item in items if not left_out & set(item.keywords)]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Tests of one file in one process, and those of the studio's pages too: they share a server and a browser."""
    from xdist.scheduler import LoadFileScheduling

    class OneBrowser(LoadFileScheduling):
        def _split_scope(self, nodeid):
            return "tests/browser" if nodeid.startswith("tests/browser/") else super()._split_scope(nodeid)

    return OneBrowser(config, log)


@pytest.fixture(scope="session")
def root():
    return ROOT


@pytest.fixture
def load_script(root):
    """A function that imports a script of the checkout by its path, such as ``benchmarks/faces.py``."""

    def load(path):
        spec = importlib.util.spec_from_file_location(path.replace("/", "_").removesuffix(".py"), root / path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return load


@pytest.fixture(scope="session")
def digits():
    """The embedded digits, as they are split by default."""
    import elbowroom as er

    return er.load_data("digits")


@pytest.fixture(autouse=True)
def no_report(request, monkeypatch):
    """Trainings leave no report in tests, which have hundreds of them; marked ``report`` they do as for everybody.

    Both are set: a fixture of the whole session may have patched the report away for its own trainings.
    """
    from elbowroom.workbench.monitoring.report import write_final_report

    is_wanted = request.node.get_closest_marker("report")
    monkeypatch.setattr(
        "elbowroom.workbench.fit.write_final_report", write_final_report if is_wanted else lambda state: None
    )


@pytest.fixture(autouse=True)
def no_sampler(request, monkeypatch):
    """Trainings fit no sampler in tests, which have hundreds of them; marked ``sampler`` they do as for everybody."""
    from elbowroom.workbench.final_sampler import fit_final_sampler

    is_wanted = request.node.get_closest_marker("sampler")
    monkeypatch.setattr(
        "elbowroom.workbench.fit.fit_final_sampler", fit_final_sampler if is_wanted else lambda state: None
    )


@pytest.fixture
def real_data(monkeypatch):
    """The folder of real data, set as ELBOWROOM_DATA; skips where there is none."""
    folder = Path(os.environ.get("ELBOWROOM_DATA") or ROOT.parent / "shared" / "data")
    if not folder.is_dir():
        pytest.skip(f"no real data: set ELBOWROOM_DATA ({folder} is not there)")
    monkeypatch.setenv("ELBOWROOM_DATA", str(folder))
    return folder
