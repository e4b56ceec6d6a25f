"""Frozen parameters: on record, frozen again when a training is resumed; the optimiser's state by name and shape."""

import json

import pytest
import torch

import elbowroom as er
from elbowroom import serialization
from elbowroom.training import checkpoint
from tests.training.helpers import assert_same_tensors, interrupt_at, small_model


def rewrite(run, change):
    """Replace the run's checkpoints by one whose tensors a function has changed."""
    path = checkpoint.list_checkpoints(run)[0]
    tensors, header = serialization.read_hashed(path)
    for old in checkpoint.list_checkpoints(run):
        old.unlink()
    serialization.save_hashed(run.checkpoints, path.stem.partition("-")[0], change(tensors), header)


@pytest.mark.parametrize(("recipe", "frozen"), [("vae", "encoder"), ("vae", "decoder"), ("factor_vae", "encoder")])
def test_a_partly_frozen_training_resumes_as_if_unbroken(digits, tmp_path, recipe, frozen):
    runs = []
    for name, callbacks in (("whole", []), ("broken", [interrupt_at(15)])):
        model, objective = small_model(recipe, **({"critic": (8,)} if recipe == "factor_vae" else {}))
        before = {key: t.clone() for key, t in serialization.named_tensors(model).items() if key.startswith(frozen)}
        for parameter in getattr(model, frozen).parameters():
            parameter.requires_grad_(False)
        runs.append(er.fit(model, objective, digits, steps=24, out=tmp_path / name, device="cpu", callbacks=callbacks))
    er.resume(runs[1].path, callbacks=[])
    whole, broken = (er.Run(run.path) for run in runs)
    assert broken.record["training"]["frozen"] == list(before)
    assert_same_tensors(*(serialization.read(run.weights)[0] for run in (whole, broken)))
    after = serialization.named_tensors(er.load(broken.path))
    assert all(torch.equal(after[name], tensor) for name, tensor in before.items())


def by_index(tensors):
    """Name the optimiser's state by the index of each parameter, as version 0.2 did."""
    prefix = "optimizer.model."
    names = list(dict.fromkeys(name[len(prefix) :].rpartition(".")[0] for name in tensors if name.startswith(prefix)))

    def rename(name):
        parameter, _, key = name[len(prefix) :].rpartition(".")
        return f"{prefix}{names.index(parameter)}.{key}"

    return {rename(name) if name.startswith(prefix) else name: tensor for name, tensor in tensors.items()}


def test_checkpoints_by_index_load_where_the_count_fits(digits, tmp_path):
    settings = {"steps": 24, "device": "cpu"}
    whole = er.fit(*small_model(), digits, out=tmp_path / "whole", **settings)
    broken = er.fit(*small_model(), digits, out=tmp_path / "broken", callbacks=[interrupt_at(15)], **settings)
    ordered = [name for name, _ in small_model()[0].named_parameters()]

    def as_before(tensors):
        own = {f"optimizer.model.{name}.{key}" for name in ordered for key in ("step", "exp_avg", "exp_avg_sq")}
        first = {
            name: tensors[name] for name in sorted(own, key=lambda name: ordered.index(name[16:].rpartition(".")[0]))
        }
        return by_index(first | tensors)

    rewrite(broken, as_before)
    er.resume(broken.path, callbacks=[])
    assert_same_tensors(*(serialization.read(run.weights)[0] for run in (whole, broken)))
    model, objective = small_model()
    model.encoder.requires_grad_(False)
    other = er.fit(model, objective, digits, out=tmp_path / "other", callbacks=[interrupt_at(15)], **settings)
    rewrite(other, by_index)
    record = json.loads((other.path / "recipe.json").read_text())
    del record["training"]["frozen"]
    (other.path / "recipe.json").write_text(json.dumps(record))
    with pytest.raises(ValueError, match=r"state of 4 parameters, where 8 train: freeze what was frozen"):
        er.resume(other.path, callbacks=[])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda name, t: (name, t[:, :3] if name.endswith("weight.exp_avg") else t), r"state of \(16, 3\) for 'encod"),
        (lambda name, t: (name.replace("encoder.", "coder."), t), "state of 'coder.* does not train now"),
    ],
)
def test_a_state_of_another_parameter_is_refused_by_name(digits, tmp_path, change, message):
    run = er.fit(*small_model(), digits, steps=24, out=tmp_path / "run", device="cpu", callbacks=[interrupt_at(15)])

    def change_first(tensors):
        changed = (change(n, t) if n.startswith("optimizer.model.encoder") else (n, t) for n, t in tensors.items())
        return dict(changed)

    rewrite(run, change_first)
    with pytest.raises(ValueError, match=message):
        er.resume(run.path, callbacks=[])
