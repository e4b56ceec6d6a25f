"""A view that was added as a script is one of the views of every run."""

import pytest

from tests.browser.conftest import Server
from tests.browser.helpers import WIDE, number, wait_until
from tests.contracts.package_copy import copy_package
from tests.contracts.test_cost_endpoint import FILES


@pytest.fixture
def server_with_view(folder, tmp_path):
    running = Server(folder, copy_package(tmp_path, FILES))
    yield running
    running.kill()


def test_a_script_in_the_folder_of_views_is_a_tab_of_every_run(browser, server_with_view):
    context = browser.new_context(viewport=WIDE)
    page = context.new_page()
    page.goto(f"{server_with_view.url}/#/run/six")
    page.wait_for_selector(".tabs")
    assert page.locator(".tabs a").all_inner_texts() == ["Watch", "Explore", "Norms"]
    page.click(".tabs >> text=Norms")
    wait_until(lambda: page.title() == "Norms · elbowroom studio")
    # The title is that of the view from its opening on; the view fills itself when the server has answered.
    norms = wait_until(lambda: page.inner_text(".room")).split(", ")
    assert len(norms) == 10
    assert all(number(norm) > 0 for norm in norms)
    context.close()
