"""A small run, and a browser where there is no node."""

import shutil

import pytest
import torch

import elbowroom as er


@pytest.fixture(scope="module")
def chromium():
    """A way to a browser, opened when first asked for; skips where there is none."""
    opened = []

    def ask():
        if opened:
            return opened[0]
        sync = pytest.importorskip(
            "playwright.sync_api", reason="no playwright: the page is not opened"
        ).sync_playwright()
        path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
        if path is None:
            pytest.skip("no chromium: the page is not opened")
        started = sync.start()
        browser = started.chromium.launch(executable_path=path, args=["--no-sandbox"])
        opened.extend((browser, started))
        return browser

    yield ask
    if opened:
        opened[0].close()
        opened[1].stop()


@pytest.fixture(scope="module")
def run(digits, tmp_path_factory):
    torch.manual_seed(0)
    model, objective = er.recipes.vae(digits.shape, latent=2, hidden=(32,))
    out = tmp_path_factory.mktemp("runs") / "plane"
    return er.fit(model, objective, digits, epochs=2, out=out, device="cpu", sampler="none", report=False)
