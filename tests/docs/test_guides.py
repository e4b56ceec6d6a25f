"""The code and the commands of the guides run, in the order of the page; the other guides have tests of their own."""

import pytest

from elbowroom.cli import main
from tests.docs.helpers import read_blocks, read_commands, shorten


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
        pytest.param("samplers", marks=pytest.mark.sampler),
        "scikit-learn",
        "sequences",
        "series",
    ],
)
def test_blocks_of_the_page_run(page, root, tmp_path, monkeypatch):
    """On the digits instead of MNIST, with trainings of a few steps."""
    if page == "export":
        pytest.importorskip("onnxscript")
        pytest.importorskip("onnxruntime")
        pytest.importorskip("diffusers")
    monkeypatch.chdir(tmp_path)
    blocks = read_blocks(root, page)
    assert blocks
    names = {"__name__": page}
    for language, code in blocks:
        if language == "python":
            exec(compile(shorten(code), f"docs/{page}.md", "exec"), names)
            continue
        for words in read_commands(code):
            assert main(words) == 0, words
