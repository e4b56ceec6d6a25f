"""A small run, and a browser where there is no node."""

import pytest
import torch

import elbowroom as er
from tests.chromium import find_chromium, launch


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
        if find_chromium() is None:
            pytest.skip("no chromium: the page is not opened")
        started = sync.start()
        browser = launch(started)
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
