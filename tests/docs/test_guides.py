"""The code and the commands of the guides run, in the order of the page; the other guides have tests of their own."""

import re
import shlex

import pytest

from elbowroom.cli import main


@pytest.mark.sampler
@pytest.mark.parametrize(
    "page",
    [
        "adversarial",
        "audit",
        "bounds",
        "disentanglement",
        "doctor",
        "evaluation",
        pytest.param("export", marks=pytest.mark.exhaustive),  # a minute: four formats, each written once or twice
        "geometry",
        "importing",
        "independent-latents",
        "multimodal",
        "priors-and-posteriors",
        "quantizers",
        "samplers",
        "scikit-learn",
        "sequences",
        "series",
    ],
)
def test_blocks_of_the_page_run(page, root, tmp_path, monkeypatch):
    """On the digits instead of MNIST."""
    if page == "export":
        pytest.importorskip("onnxscript")
        pytest.importorskip("onnxruntime")
        pytest.importorskip("diffusers")
    monkeypatch.chdir(tmp_path)
    text = (root / "docs" / f"{page}.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```(python|bash)\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert blocks
    names = {"__name__": page}
    for language, code in blocks:
        if language == "python":
            exec(compile(code, f"docs/{page}.md", "exec"), names)
            continue
        for line in code.splitlines():
            words = shlex.split(line.replace("--data mnist", "--data digits"), comments=True)
            assert words[0] == "elbowroom"
            assert main(words[1:]) == 0, line
