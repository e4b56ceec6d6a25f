"""The code of the guide to comparisons runs."""

import re

import pytest


def test_the_python_of_the_documentation_runs(root, tmp_path, monkeypatch, capsys):
    pytest.importorskip("pyro", reason="pyro-ppl is not installed")
    monkeypatch.chdir(tmp_path)
    text = (root / "docs" / "comparing.md").read_text(encoding="utf-8")
    code = "\n".join(re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL))
    exec(compile(code, "comparing.md", "exec"), {"__name__": "comparing"})
    said = capsys.readouterr().out
    assert "['latent', 'objective']" in said
    assert "'latent=5,beta=4,seed=1'" in said
    assert (tmp_path / "compare.html").is_file()
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", text):
        assert (root / "docs" / target).exists(), target
