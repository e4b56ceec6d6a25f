"""An exported page in a browser, without a server."""

import subprocess
import sys

from tests.browser.helpers import WIDE


def test_an_exported_page_opens_without_a_server(browser, folder, tmp_path):
    target = tmp_path / "explorer.html"
    command = [sys.executable, "-m", "elbowroom", "export", str(folder / "plane"), "--html", str(target)]
    subprocess.run(command, check=True, capture_output=True)
    context = browser.new_context(viewport=WIDE, offline=True)
    page = context.new_page()
    requests = []
    page.on("request", lambda request: requests.append(request.url))
    page.goto(target.as_uri())
    page.wait_for_selector("canvas")
    assert all(url.startswith(("file:", "data:", "blob:")) for url in requests)
    context.close()
