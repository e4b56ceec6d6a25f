"""The commands and the code of the page docs/report.md run."""

import re
import shlex

from elbowroom.cli import main
from elbowroom.plotting import PLOTS


def test_the_page_about_it_runs(root, tmp_path, monkeypatch, capsys):
    """The commands and the Python of docs/report.md, on the digits; the table of kinds is that of the code."""
    monkeypatch.chdir(tmp_path)
    text = (root / "docs" / "report.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```(\w+)\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    lines = [line.split("#")[0] for kind, code in blocks if kind == "bash" for line in code.splitlines()]
    assert len(lines) == 10
    for line in lines:
        assert main(shlex.split(line.replace("--data mnist", "--data digits"))[1:]) == 0, line
    for code in (code for kind, code in blocks if kind == "python"):
        exec(compile(code, "report.md", "exec"), {})
    files = {"traversals.png", "tsne.svg", "training.gif", "reconstructions.png", "interpolations.png"}
    assert files <= {path.name for path in tmp_path.iterdir()}
    for plot in PLOTS.values():
        assert f"| `{plot.kind}` | {plot.summary.replace('|', chr(92) + '|')} | {plot.needs}" in text
    for target in re.findall(r"\]\(([^)#]+)\)", text):
        assert (root / "docs" / target).exists(), target
