"""Other data, and labels for data without any, on every command that takes them."""

import csv
import json
import re

import numpy as np
import pytest
from PIL import Image

import elbowroom as er
from elbowroom.cli import main
from elbowroom.cli.main import commands

TRAIN = ["--latent", "2", "--hidden", "8", "--steps", "4", "--batch-size", "16", "--device", "cpu", "--no-report", "-q"]
N = 24


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A run of each recipe on classes in a file, and other data: arrays, a folder of images, a file with splits."""
    folder = tmp_path_factory.mktemp("other")
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (60, 8, 8), dtype=np.uint8)
    np.savez(folder / "own.npz", x=x, y=np.array(["cat", "dog", "eel"] * 20))
    np.save(folder / "new.npy", x[:N] // 2)
    np.savez(folder / "labeled.npz", x=x[:N] // 2, y=np.array(["dog"] * N))
    np.savez(folder / "split.npz", x_train=x[:N], x_test=x[:7])
    (folder / "images").mkdir()
    for i in range(N):
        Image.fromarray(x[i] // 2).save(folder / "images" / f"{i:03}.png")
    for recipe in ("vae", "cvae"):
        assert main(["train", recipe, "--data", str(folder / "own.npz"), *TRAIN, "--out", str(folder / recipe)]) == 0
    return folder


def run_command(capfd, *words):
    capfd.readouterr()
    code = main([str(word) for word in words])
    out, err = capfd.readouterr()
    return code, out, err


SOURCES = {"new.npy": N, "images": N, "split.npz": 7}


@pytest.mark.parametrize("source", SOURCES)
def test_evaluate_and_encode_take_all_of_it_or_its_test_split(folder, source, tmp_path, capfd):
    n, name = SOURCES[source], "test" if source == "split.npz" else "all"
    words = ("--data", folder / source, "--samples", "2")
    settings = ("--metrics", "likelihood", "--no-save", "--device", "cpu", "--json")
    code, out, _ = run_command(capfd, "evaluate", folder / "vae", *words, *settings)
    answer = json.loads(out)
    assert (code, answer["protocol"]["split"]) == (0, name)
    assert answer["metrics"]["elbo"]["examples"] == n
    target = tmp_path / "z.csv"
    code, out, _ = run_command(capfd, "encode", folder / "vae", *words, "--out", target)
    assert f"  {n} {'test ' if name == 'test' else ''}examples of {source.partition('.')[0]}: name" in out
    with target.open(newline="") as file:
        assert len(list(csv.DictReader(file))) == n
    target = tmp_path / "r.npz"
    assert run_command(capfd, "reconstruct", folder / "vae", "--data", folder / source, "--out", target)[0] == 0
    assert len(np.load(target)["x"]) == n


@pytest.mark.parametrize("command", ["doctor", "audit", "report", "fit-sampler"])
def test_commands_take_data_that_has_moved(folder, command, tmp_path, capfd):
    words = [command, folder / "vae"] + (["--out", tmp_path / "r.html"] if command == "report" else [])
    moved = tmp_path / "moved.npz"
    (folder / "own.npz").rename(moved)
    try:
        code, out, err = run_command(capfd, *words)
        if command in ("audit", "fit-sampler"):
            assert code == 2
            assert re.search(r"own.npz, which has gone: put it back, or pass --data SOURCE$", err.strip())
        assert run_command(capfd, *words, "--data", moved)[0] == 0
        if command == "doctor":
            assert "has gone" in out
            assert "has gone" not in run_command(capfd, *words, "--data", moved)[1]
    finally:
        moved.rename(folder / "own.npz")


def test_a_run_goes_on_with_data_that_has_moved(folder, tmp_path, capfd):
    moved = tmp_path / "moved.npz"
    (folder / "own.npz").rename(moved)
    try:
        more = ["resume", folder / "vae", "--steps", "6", "-q"]
        code, _, err = run_command(capfd, *more)
        assert code == 2
        assert "pass --data SOURCE" in err
        code, out, err = run_command(capfd, *more, "--data", moved)
        assert (code, err) == (0, "")
        assert "finished after 6 steps" in out
    finally:
        moved.rename(folder / "own.npz")


#: Commands that decode examples, in the form that a conditional model without labels needs a condition for.
COMMANDS = {
    "evaluate": ("--data", "{new}", "--metrics", "likelihood", "--samples", "1", "--no-save", "--device", "cpu"),
    "encode": ("--data", "{new}", "--out", "{out}.npz"),
    "reconstruct": ("--data", "{new}", "--out", "{out}.npz"),
    "interpolate": ("{images}/000.png", "{images}/001.png", "--out", "{out}.npz"),
    "anomalies": ("--data", "{new}", "--score", "elbo", "--samples", "1", "--level", "0.5", "--device", "cpu"),
}


@pytest.mark.parametrize("command", COMMANDS)
def test_examples_without_labels_take_one_label(folder, command, tmp_path, capfd):
    places = {"new": folder / "new.npy", "images": folder / "images", "out": tmp_path / "o"}
    words = [command, folder / "cvae", *(word.format(**places) for word in COMMANDS[command])]
    code, _, err = run_command(capfd, *words)
    assert code == 2
    assert err.strip().endswith("as --label LABEL")
    outputs = []
    for label in ("cat", "eel"):
        code, out, err = run_command(capfd, *words, "--label", label)
        assert (code, err) == (0, "")
        arrays = np.load(tmp_path / "o.npz") if "{out}.npz" in COMMANDS[command] else {}
        outputs.append(out if command in ("evaluate", "anomalies") else {name: arrays[name] for name in arrays})
    assert repr(outputs[0]) != repr(outputs[1])
    assert "did you mean 'cat'" in run_command(capfd, *words, "--label", "cas")[2]


def test_the_labels_of_the_data_are_taken_without_one(folder, tmp_path, capfd):
    latents = {}
    for name, words in {"own": ("labeled.npz",), "given": ("new.npy", "--label", "dog")}.items():
        target = tmp_path / f"{name}.npz"
        assert (
            main(["encode", str(folder / "cvae"), "--data", str(folder / words[0]), *words[1:], "--out", str(target)])
            == 0
        )
        latents[name] = np.load(target)["z"]
    np.testing.assert_array_equal(latents["own"], latents["given"])


def test_a_label_is_as_in_python(folder, capfd):
    x = np.load(folder / "new.npy")
    settings = {"samples": 2, "device": "cpu"}
    by_name = er.anomaly_scores(folder / "cvae", x, "elbo", c="dog", **settings)
    assert by_name.equal(er.anomaly_scores(folder / "cvae", x, "elbo", c=1, **settings))
    assert not by_name.equal(er.anomaly_scores(folder / "cvae", x, "elbo", c="eel", **settings))
    evaluation = er.evaluate(folder / "cvae", x, metrics="likelihood", c="dog", save=False, **settings)
    assert evaluation["elbo"].value == pytest.approx(-by_name.mean().item(), rel=1e-6)
    assert evaluation.protocol["condition"] == "dog"
    with pytest.raises(ValueError, match="not conditional"):
        er.anomaly_scores(folder / "vae", x, "elbo", c="dog", **settings)


def test_an_image_of_another_size_is_resized(folder, tmp_path, capfd):
    Image.fromarray(np.full((20, 20), 99, np.uint8)).save(tmp_path / "big.png")
    for command in ("evaluate", "audit", "doctor"):
        code, _, err = run_command(capfd, command, folder / "vae", "--data", tmp_path / "big.png")
        assert code == 2
        assert "bring them to it with --resize 8,8" in err
    words = (
        "--data",
        tmp_path / "big.png",
        "--resize",
        "8,8",
        "--no-save",
        "--samples",
        "1",
        "--metrics",
        "likelihood",
    )
    assert run_command(capfd, "evaluate", folder / "vae", *words)[0] == 0


#: Flags that mean one thing on all commands, and those where the default or the words are of the command.
SHARED = {"--batch-size", "--resize", "--device", "--seed", "--samples", "--split", "--label", "--data"}


#: Commands whose flags of data are the fields of ``DataConfig``.
WITH_DATA_OPTIONS = ("train", "sweep", "fit-features")


def test_shared_flags_are_of_one_type_everywhere():
    found = {}
    for name, command in commands.commands.items():
        if name not in ("studio", "data", *WITH_DATA_OPTIONS):
            for option in command.params:
                for flag in SHARED.intersection(option.opts):
                    found.setdefault(flag, {}).setdefault(repr(option.type), []).append(name)
    assert found.keys() == SHARED
    assert {flag: len(types) for flag, types in found.items()} == dict.fromkeys(SHARED, 1), found
