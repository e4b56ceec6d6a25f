"""The commands plot and report: files, mistakes, help."""

import pytest

from elbowroom.cli import main
from elbowroom.plotting import PLOTS


@pytest.mark.parametrize("ending", ["png", "svg", "pdf"])
def test_the_command_draws_into_a_file(run, tmp_path, capsys, ending):
    out = tmp_path / f"kl.{ending}"
    assert main(["plot", "kl", str(run), "--out", str(out), "--examples", "20"]) == 0
    assert capsys.readouterr().out.strip() == str(out)
    magic = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}[ending]
    assert out.read_bytes().startswith(magic)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("plot", "trainig", "RUN", "--out", "x.gif"), "unknown kind of figure 'trainig': did you mean 'training'?"),
        (("plot", "kl", "RUN", "--out", "x.gif"), "must end in .png (pixels), .svg (vectors) or .pdf (vectors)"),
        (("plot", "training", "RUN", "--out", "x.png"), "must end in .gif (an animation)"),
        (("plot", "kl", "RUN", "--out", "nowhere/x.png"), "there is no folder nowhere; make it first"),
        (("plot", "kl", "no-such-run", "--out", "x.png"), "no-such-run holds no run"),
        (("plot", "pca", "RUN", "--out", "x.png"), "they are their own plane"),
        (("report", "RUN", "--out", "x.pdf"), "must end in .html (a page)"),
        (("report", "no-such-run"), "no-such-run holds no run"),
    ],
)
def test_a_mistake_is_one_line(run, capsys, words, message):
    assert main([str(run) if word == "RUN" else word for word in words]) == 2
    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1


def test_help_lists_the_kinds(capsys):
    assert main(["plot", "--help"]) == 0
    out = capsys.readouterr().out
    assert all(f"\n  {kind} " in out for kind in [*PLOTS, "training"])


def test_the_old_kind_of_figure_still_works(run, tmp_path, capsys):
    out = tmp_path / "latents.png"
    assert main(["plot", "codes", str(run), "--out", str(out), "--examples", "20"]) == 0
    assert out.is_file()
    assert capsys.readouterr().err.count("the figure 'codes' is now called 'latents'") == 1
