"""The code of the page docs/data.md runs."""

import re
import shlex

from elbowroom.cli import main


def test_the_blocks_of_the_page_run(root, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = (root / "docs" / "data.md").read_text(encoding="utf-8")
    ran, names = 0, {"__name__": "page"}
    for language, code in re.findall(r"^```(python|bash)\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        if language == "python":
            exec(compile(code, "docs/data.md", "exec"), names)
            ran += 1
            continue
        for line in code.splitlines():
            words = shlex.split(line, comments=True)
            if words[:1] == ["elbowroom"]:
                assert main(words[1:]) == 0, line
                ran += 1
    assert ran >= 5
