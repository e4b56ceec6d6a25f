"""The code and the commands of the guide to networks run, and its tables name the networks there are."""

import re

import pytest

import elbowroom as er
from elbowroom.cli import main
from elbowroom.networks import NETWORKS
from tests.docs.helpers import read_blocks, read_commands, shorten

OWN = "affine-decoder"


@pytest.fixture
def page(root):
    return (root / "docs" / "networks.md").read_text(encoding="utf-8")


@pytest.fixture
def own_network_is_removed():
    yield
    NETWORKS.pop(OWN, None)


@pytest.mark.usefixtures("own_network_is_removed")
def test_blocks_of_the_page_run(root, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {"__name__": "networks"}
    for language, code in read_blocks(root, "networks"):
        if language == "python":
            exec(compile(shorten(code), "docs/networks.md", "exec"), names)
            continue
        for words in read_commands(code):
            assert main(words) == 0, words
    assert er.load("runs/affine").sample(2).shape == (2, 1, 8, 8)


def test_the_tables_have_the_networks_there_are(page):
    described = page.partition("| your own |")[0]
    assert re.findall(r"^\| `(\w+)` \|", described, re.MULTILINE) == [*NETWORKS, "auto"]
    measured = re.findall(r"^\| `([\w-]+)`(?:, size \w)? \| [\d,]+ \|", page, re.MULTILINE)
    assert list(dict.fromkeys(measured)) == list(NETWORKS)
