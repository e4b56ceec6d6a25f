"""``elbowroom fit-features``, and recipes that compare in the features of its file."""

import pytest

import elbowroom as er
from elbowroom.cli import main
from elbowroom.evaluation.metrics import feature_extractor


@pytest.fixture
def short_fit(monkeypatch, tmp_path):
    monkeypatch.setitem(feature_extractor.CLASSIFIER_SETTINGS, "steps", 20)
    monkeypatch.setenv("ELBOWROOM_CACHE", str(tmp_path / "cache"))


def test_a_training_compares_in_the_features_of_the_file(short_fit, tmp_path, capsys):
    file, out = tmp_path / "features.safetensors", tmp_path / "run"
    assert main(["fit-features", "--data", "digits", "--seed", "1", "--out", str(file)]) == 0
    said = capsys.readouterr().out
    features = er.find_features(str(file), (1, 8, 8))
    assert "a small classifier of the training labels" in said
    training = ["train", "dfc_vae", "--data", "digits", "--steps", "2", "--widths", "4,8", "--features", str(file)]
    assert main([*training, "--out", str(out)]) == 0
    record = er.Run(out).record
    assert record["training"]["features"] == [features.hash]
    assert features.hash in record["objective"]


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["fit-features", "--data", "digits", "--out", "features.pt"], "the name must end in .safetensors"),
        (
            ["train", "dfc_vae", "--data", "digits", "--features", "nowhere.safetensors"],
            "there are no features 'nowhere",
        ),
        (
            ["train", "ms_ssim_vae", "--data", "iris.csv"],
            "it takes images (C, H, W), and these examples are rows of 2 values",
        ),
    ],
)
def test_a_mistake_is_one_line(words, reason, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "iris.csv").write_text("a,b\n" + "".join(f"{i}.5,{i % 7}.25\n" for i in range(60)))
    assert main(words) == 2
    said = capsys.readouterr().err.strip().splitlines()
    assert len(said) == 1
    assert reason in said[0]
    assert not (tmp_path / "runs").exists() or not list((tmp_path / "runs").iterdir())
