"""The code of the pages docs/anomalies.md and docs/judging-images.md runs."""

import re


def test_the_python_of_the_pages_runs(root, tmp_path, monkeypatch):
    """On the digits instead of MNIST, of which a class has fewer examples than a batch."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ELBOWROOM_CACHE", str(tmp_path / "cache"))
    for page in ("anomalies", "judging-images"):
        text = (root / "docs" / f"{page}.md").read_text(encoding="utf-8")
        blocks = re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
        assert blocks
        for code in blocks:
            code = code.replace('"mnist"', '"digits"').replace("lr=2e-3", "lr=2e-3, batch_size=32")
            code = code.replace("normal=data)", "normal=data, level=0.1)")
            exec(compile(code, page, "exec"), {"__name__": page})
    assert (tmp_path / "runs" / "only-8" / "model.safetensors").is_file()
