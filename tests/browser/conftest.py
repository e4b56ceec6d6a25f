import os
import re
import shutil
import signal

import pytest

import elbowroom as er
from tests.browser.helpers import WIDE, wait_until
from tests.chromium import find_chromium, launch
from tests.warm_process import start_studio


class Server:
    """``elbowroom studio`` on a folder, in a process of its own, which has imported torch before."""

    def __init__(self, folder, environment=os.environ):
        self.folder, self.environment = folder, dict(environment)
        self.start()

    def start(self, port="0"):
        words = [str(self.folder), "--port", port, "--no-browser"]
        # Cards of the training form would read every set of real data for their pictures.
        no_data = dict.fromkeys(("ELBOWROOM_DATA", "ELBOWROOM_CACHE"), str(self.folder / "no-data"))
        self.process = start_studio(*words, environment={**self.environment, **no_data, "OMP_NUM_THREADS": "1"})
        is_announced = lambda: re.search(r"http://\S+", self.process.output)  # noqa: E731
        wait_until(lambda: is_announced() or self.process.poll() is not None, 120)
        assert self.process.poll() is None, "the studio did not start"
        self.url = is_announced()[0].rstrip("/")

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(20)

    def kill(self):
        self.process.kill()
        self.process.wait()


@pytest.fixture(scope="package")
def folder(tmp_path_factory, digits):
    """Two small runs: ``plane`` with two latent dimensions, ``six`` with six."""
    path = tmp_path_factory.mktemp("studio") / "runs"
    for name, latent, lr in (("plane", 2, 3e-3), ("six", 6, 1e-3)):
        recipe = er.recipes.vae(digits.shape, latent=latent)
        er.fit(*recipe, digits, epochs=8, lr=lr, out=path / name, max_overhead=1, report=False)
    return path


@pytest.fixture(scope="package")
def server(folder):
    running = Server(folder)
    yield running
    running.stop()


@pytest.fixture(scope="package")
def browser():
    if find_chromium() is None:
        pytest.skip("no chromium here")
    sync_api = pytest.importorskip("playwright.sync_api", reason="no playwright here: pip install playwright")
    with sync_api.sync_playwright() as p:
        running = launch(p)
        yield running
        running.close()


@pytest.fixture
def new_run(folder):
    """A function that returns the directory of a run for this test, a copy of ``like`` if not None.

    It is removed after the page is closed, which asks for the run that it shows every second and would log a refusal.
    """
    made = []

    def make(name, like="six"):
        made.append(folder / name)
        if like is not None:
            shutil.copytree(folder / like, made[-1])
        return made[-1]

    yield make
    for path in made:
        shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def page(browser, server, new_run):
    """A page that must not log errors or request anything from other hosts."""
    context = browser.new_context(viewport=WIDE)
    page = context.new_page()
    errors, requests = [], []
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("request", lambda request: requests.append(request.url))
    # The statuses that a test provokes: the browser writes of each some time after the answer.
    page.refusals = set()
    yield page
    context.close()
    foreign = [url for url in requests if not url.startswith((server.url, "data:", "blob:"))]
    assert not foreign, "the page requests nothing from other hosts"
    assert not [text for text in errors if not any(status in text for status in page.refusals)]


@pytest.fixture
def own_server(folder):
    """A server on the same folder that the test may kill."""
    running = Server(folder)
    yield running
    running.kill()
