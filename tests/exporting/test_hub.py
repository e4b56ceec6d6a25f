"""A run as a model repository of the Hugging Face Hub: what is in it, that it loads, and that it uploads."""

import json
import shutil

import pytest
import torch

import elbowroom as er
from elbowroom import serialization
from elbowroom.cli import main
from elbowroom.comparing.discover import find_entries
from elbowroom.runs import hub
from elbowroom.runs.record import public_record
from elbowroom.samplers import fitted_samplers

HEAD = """---
library_name: elbowroom
license: mit
tags:
- elbowroom
- vae
- pytorch
pipeline_tag: unconditional-image-generation
---
"""
COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture(scope="module")
def evaluated_run(digits, tmp_path_factory):
    """A run with an evaluation and a sampler."""
    model, objective = er.recipes.vae(digits.shape, latent=2, hidden=(16,))
    out = tmp_path_factory.mktemp("runs") / "plane"
    run = er.fit(model, objective, digits, steps=20, out=out, device="cpu", sampler="none", report=False)
    er.evaluate(run, samples=2, metrics=["likelihood"])
    er.fit_sampler(run, "gaussian")
    return run


@pytest.fixture(scope="module")
def folder(evaluated_run, tmp_path_factory):
    folder = tmp_path_factory.mktemp("hub") / "plane"
    er.export_hub(evaluated_run, folder, license="mit")
    return folder


@pytest.fixture
def hub_address(folder, tmp_path, monkeypatch):
    """The folder as huggingface_hub has it in its cache, without a network."""
    constants = pytest.importorskip("huggingface_hub.constants")
    repository = tmp_path / "models--someone--plane"
    shutil.copytree(folder, repository / "snapshots" / COMMIT)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(COMMIT)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    return "hf://someone/plane"


def test_the_exported_folder_is_the_run(folder, evaluated_run):
    copy = er.Run(folder)
    ours, theirs = (serialization.named_tensors(r.model()) for r in (evaluated_run, copy))
    assert all(theirs[name].equal(tensor) for name, tensor in ours.items())
    assert fitted_samplers(copy) == ["gaussian"]
    torch.testing.assert_close(
        *(er.seed(0) or er.load(r, sampler="gaussian").sample(4) for r in (evaluated_run, copy)), rtol=0, atol=0
    )
    x = evaluated_run.data().test.first(8).x
    assert er.load(folder).encode(x).equal(er.load(evaluated_run).encode(x))


def test_the_card_says_what_was_measured_and_how(folder, evaluated_run):
    card = (folder / "README.md").read_text()
    assert HEAD in card
    elbo = json.loads((evaluated_run.path / "evaluation.json").read_text())[0]["metrics"]["elbo"]["value"]
    for words in ("vae, after Kingma", "Digits test, 2 samples, seed 0", f"{elbo:.2f}".replace("-", "−"), "![Samples]"):
        assert words in card
    assert "the same in any batch size | passed" in card
    assert f"{len(er.doctor.examine(evaluated_run).passed_names)} checks passed" in card
    assert "elbowroom train vae" in card


def test_no_folder_and_no_machine_is_in_it(folder, evaluated_run):
    text = "".join(path.read_text() for path in folder.iterdir() if path.suffix in (".json", ".jsonl", ".md"))
    assert str(evaluated_run.path.parent) not in text
    assert not {"machine", "command"} & er.Run(folder).record.keys()
    record = {"started_from": {"path": "/home/me/runs/a"}, "data": {"source": "~/faces", "about": "pixels / 255"}}
    assert public_record(record) == {
        "started_from": {"path": "a"},
        "data": {"source": "faces", "about": "pixels / 255"},
    }


def test_it_loads_from_the_hub(hub_address, folder, tmp_path, capsys):
    x = er.load_data("digits").test.first(4).x
    assert er.load(hub_address).encode(x).equal(er.load(folder).encode(x))
    assert er.load(f"{hub_address}@{COMMIT}").latent_shape == (2,)
    assert [entry.name for entry in find_entries([hub_address])] == ["someone/plane"]
    assert main(["sample", hub_address, "-n", "4", "--out", str(tmp_path / "samples.png")]) == 0


def test_only_json_and_safetensors_are_downloaded(folder, monkeypatch):
    asked = {}

    def snapshot_download(repository, **options):
        asked.update(options, repository=repository)
        return str(folder)

    monkeypatch.setattr(pytest.importorskip("huggingface_hub"), "snapshot_download", snapshot_download)
    er.load("hf://someone/plane@v1")
    assert (asked["repository"], asked["revision"]) == ("someone/plane", "v1")
    assert {pattern.rpartition(".")[2] for pattern in asked["allow_patterns"]} == {"json", "jsonl", "safetensors"}


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("hf://someone", "write hf://OWNER/NAME"),
        ("hf://someone/else", "hf://someone/else cannot be downloaded: "),
        ("hf://someone/plane@v2", "hf://someone/plane@v2 cannot be downloaded: "),
    ],
)
def test_what_cannot_be_downloaded_is_one_line(address, words, hub_address, capsys):
    assert main(["sample", address, "--out", "x.png"]) == 2
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1


class FakeHub:
    """What is uploaded, and where."""

    calls: list

    def __init__(self, **_):
        pass

    def create_repo(self, repository, **options):
        self.calls.append(("create_repo", repository, options["private"], options["exist_ok"]))

    def upload_folder(self, *, repo_id, folder_path, **_):
        self.calls.append(("upload_folder", repo_id, sorted(path.name for path in folder_path.iterdir())))


@pytest.mark.sampler
def test_a_copy_draws_the_same_codes(digits, tmp_path):
    """A sampler of codes is copied without the quantizer, which is the model's."""
    model, objective = er.recipes.vq_vae(digits.shape, codes=8, dim=3, hidden=(16,))
    out = tmp_path / "run"
    run = er.fit(model, objective, digits, steps=3, out=out, device="cpu", sampler="transformer:2", report=False)
    er.export_hub(run, tmp_path / "hub")
    draws = [er.seed(0) or er.load(path).sample(4) for path in (run, tmp_path / "hub")]
    assert draws[0].equal(draws[1])
    assert "It samples from transformer:2" in (tmp_path / "hub" / "README.md").read_text()


def test_push_uploads_the_folder(evaluated_run, tmp_path, monkeypatch, capsys):
    FakeHub.calls = []
    monkeypatch.setattr(pytest.importorskip("huggingface_hub"), "HfApi", FakeHub)
    words = ["export", str(evaluated_run.path), "--hub", str(tmp_path / "out")]
    assert main([*words, "--push", "someone/plane"]) == 2
    assert "--license NAME" in capsys.readouterr().err
    assert main([*words, "--push", "someone/plane", "--license", "mit"]) == 0
    files = [*("README.md", "evaluation.json", "metrics.jsonl", "model.safetensors", "recipe.json")]
    assert FakeHub.calls == [
        ("create_repo", "someone/plane", True, True),
        ("upload_folder", "someone/plane", [*files, "sampler-gaussian.safetensors", "samples.png"]),
    ]
    assert 'er.load("hf://someone/plane")' in (tmp_path / "out" / "README.md").read_text()


def test_a_folder_with_other_files_is_left_alone(evaluated_run, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    for folder in (tmp_path, evaluated_run.path):
        with pytest.raises(ValueError, match="holds other files"):
            er.export_hub(evaluated_run, folder)
    assert (evaluated_run.path / "metrics.jsonl").is_file()


def test_an_elder_export_is_replaced(evaluated_run, tmp_path):
    er.export_hub(evaluated_run, tmp_path)
    (tmp_path / "sampler-mixture-3.safetensors").write_bytes(b"old")
    er.export_hub(evaluated_run, tmp_path)
    assert fitted_samplers(tmp_path) == ["gaussian"]


def test_the_best_weights_are_exported_with_what_was_measured_of_them(digits, tmp_path):
    run = er.fit(*er.recipes.vae(digits.shape, latent=2, hidden=(8,)), digits, epochs=2, out=tmp_path / "run")
    best = er.Run(run, "best")
    er.evaluate(best, samples=1, metrics=["likelihood"])
    er.export_hub(best, tmp_path / "hub")
    copy = er.Run(tmp_path / "hub")
    assert copy.weights_step == best.weights_step
    assert json.loads((copy.path / "evaluation.json").read_text())[0]["protocol"]["weights"] == "final"
    assert "license: CHOOSE-ONE" in (copy.path / "README.md").read_text()


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "huggingface_hub", None)
    with pytest.raises(ValueError, match=r"pip install 'elbowroom\[hub\]'"):
        hub.local_path("hf://someone/plane")
