import functools
import http.server
import os
import threading
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parents[2]
REAL = Path(os.environ.get("ELBOWROOM_DATA") or HERE.parent / "shared" / "data")


@pytest.fixture(autouse=True)
def places(monkeypatch, tmp_path):
    """No test looks into the user's folders: neither data nor cache unless it asks for them."""
    monkeypatch.delenv("ELBOWROOM_DATA", raising=False)
    monkeypatch.setenv("ELBOWROOM_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def real(monkeypatch):
    """The folder of real data, named by ELBOWROOM_DATA."""
    if not REAL.is_dir():
        pytest.skip("no real data: set ELBOWROOM_DATA")
    monkeypatch.setenv("ELBOWROOM_DATA", str(REAL))
    return REAL


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
