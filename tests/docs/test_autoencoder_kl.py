"""The commands of the guide to autoencoders for latent diffusion run, in their order."""

import re
import shlex

import pytest

from elbowroom.cli import main

#: What makes a training short, and the network of the first one small; the others start from it.
SHORT = ["--steps", "2", "--batch-size", "8", "--device", "cpu"]
SMALL = ["--widths", "4,8,8", "--layers", "1", "--critic", "4"]


@pytest.mark.exhaustive  # most of a minute: five trainings and exports of its own network
def test_the_commands_run_and_every_file_that_is_named_exists(root, tmp_path, monkeypatch):
    """On the digits instead of CelebA."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ELBOWROOM_CACHE", str(tmp_path / "cache"))
    text = (root / "docs" / "autoencoder_kl.md").read_text(encoding="utf-8")
    lines = "".join(re.findall(r"^```bash\n(.*?)^```", text, re.MULTILINE | re.DOTALL)).splitlines()
    assert len(lines) == 5
    for line in lines:
        words = shlex.split(line.replace("--data celeba --resize 64,64", "--data digits"))[1:]
        short = SHORT if words[0] == "train" else []
        assert main([*words, *short, *(SMALL if short and "--from" not in words else [])]) == 0, line
    for path in re.findall(r"`(tests/\S+\.py)`", text):
        assert (root / path).is_file(), path
