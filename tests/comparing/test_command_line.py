"""The command ``compare``."""

import json

import pytest

from elbowroom.cli import main
from elbowroom.comparing import compare
from tests.comparing.helpers import find_group


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere"], "no run in nowhere: give run directories, or a folder that holds some"),
        (["RUN", "--json", "--csv"], "both --json and --csv were given"),
        (["RUN", "--out", "page.txt"], "the name must end in .html"),
        (["RUN", "--out", "no/folder.html"], "there is no folder no; make it first"),
    ],
)
def test_a_mistake_is_one_line(swept, arguments, words, capsys):
    run = str(swept / "latent=2,seed=0")
    assert main(["compare", *(run if a == "RUN" else a for a in arguments)]) == 2
    printed = capsys.readouterr().err
    assert words in printed
    assert printed.count("\n") == 1


def test_the_command_prints_the_table_and_writes_the_page(swept, tmp_path, capsys):
    out = tmp_path / "mine.html"
    assert main(["compare", str(swept), "--out", str(out)]) == 0
    printed = capsys.readouterr().out
    best = find_group(compare(swept), latent=2).metrics["elbo"]
    assert f"−{-best.mean:.2f} ± {best.sd:.2f}" in printed
    assert str(out) in printed
    assert out.read_text().startswith("<!doctype html>")
    runs = [str(swept / f"latent={latent},seed=0") for latent in (2, 3)]
    assert main(["compare", *runs, "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["rows"]) == 2
    assert not (swept / "compare.html").exists()
    assert main(["compare", *runs]) == 0
    assert (swept / "compare.html").exists()
