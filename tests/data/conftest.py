import functools
import http.server
import os
import threading
from pathlib import Path

import pytest

#: Where the user has data sets, before the tests hide the folder.
USER_DATA_DIR = os.environ.get("ELBOWROOM_DATA")


@pytest.fixture(autouse=True)
def isolated_folders(monkeypatch, tmp_path):
    """Hide the user's data folder and cache from all tests but those that use ``real_data``."""
    monkeypatch.delenv("ELBOWROOM_DATA", raising=False)
    monkeypatch.setenv("ELBOWROOM_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def real_data(monkeypatch, root, isolated_folders):
    """The folder of real data, set as ELBOWROOM_DATA; skips where there is none."""
    folder = Path(USER_DATA_DIR or root.parent / "shared" / "data")
    if not folder.is_dir():
        pytest.skip(f"no real data: set ELBOWROOM_DATA ({folder} is not there)")
    monkeypatch.setenv("ELBOWROOM_DATA", str(folder))
    return folder


@pytest.fixture
def server(tmp_path):
    """A folder, and the address it is served at on this machine."""
    folder = tmp_path / "served"
    folder.mkdir()

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=folder)) as running:
        thread = threading.Thread(target=running.serve_forever, daemon=True)
        thread.start()
        yield folder, f"http://127.0.0.1:{running.server_port}/"
        running.shutdown()
        thread.join()
