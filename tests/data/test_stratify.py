"""Stratified draw of validation and test: shares of classes, rare classes, and where it is not done."""

import json
import warnings

import numpy as np
import pytest
import torch

import elbowroom as er
from elbowroom.data import load_data
from elbowroom.data.stratify import stratified_indices
from tests.data.sources import encode, noise, numbered_images, numbers_in, write_archive

COUNTS = [
    ((40, 3, 1), 4, 4),
    ((1,) * 10, 2, 2),
    ((2,) * 10, 3, 3),
    ((3, 3, 3), 4, 4),
    ((500, 300, 7, 3), 81, 81),
    ((5,) * 60, 30, 30),
    ((90, 5, 5), 0, 9),
    ((90, 5, 5), 9, 0),
    ((2, 2), 1, 2),
    ((30, 4), 20, 13),
    ((9,) * 10, 9, 9),
]


@pytest.mark.parametrize(("counts", "validation", "test"), COUNTS)
def test_shares_are_those_of_all(counts, validation, test):
    y = torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts))[torch.randperm(sum(counts))]
    indices = stratified_indices(y, validation, test, torch.Generator().manual_seed(0))
    taken = torch.cat(indices)
    assert [len(index) for index in indices] == [validation, test]
    assert len(taken.unique()) == len(taken)
    drawn = [y[index].bincount(minlength=len(counts)) for index in indices]
    left = torch.tensor(counts) - sum(drawn)
    for total, share in zip((validation, test), drawn, strict=True):
        rare = sum(count * total < len(y) for count in counts)  # of which one may be more than their share
        assert (share - torch.tensor(counts) * total / len(y)).abs().max() < 2 + rare
        if total >= len(counts):
            assert all(share[k] >= 1 for k, count in enumerate(counts) if count >= 3)
    if validation + test >= len(counts):
        assert all(sum(drawn)[k] >= 1 for k, count in enumerate(counts) if count >= 3)
    if sum(counts) - validation - test >= len(counts):
        assert left.min() >= 1


@pytest.mark.parametrize("buffer", [None, 7])
def test_rare_classes_are_in_every_split_and_those_that_cannot_be_are_named(tmp_path, buffer):
    sizes = {"cat": 40, "dog": 3, "eel": 1}
    contents = {f"{name}/{i}.png": encode(noise(i, (4, 4))) for name, n in sizes.items() for i in range(n)}
    path = write_archive(tmp_path / "pets", contents)
    with pytest.warns(UserWarning, match=r"pets: no example of eel \(1\) is in validation or test: give more"):
        data = load_data(path, buffer=buffer)
    counted = {name: split.first(99).y.bincount(minlength=3).tolist() for name, split in data.splits.items()}
    assert counted == {"train": [34, 1, 1], "validation": [3, 1, 0], "test": [3, 1, 0]}
    assert data.protocol["arguments"]["stratified"]
    assert "stratified" in data.protocol["inferred"]
    with pytest.warns(UserWarning, match="no example of eel"):
        assert load_data(data.protocol["source"], **data.protocol["arguments"]).protocol == data.protocol
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        drawn = load_data(path, buffer=buffer, stratified=False)
    assert drawn.protocol["sizes"] == data.protocol["sizes"]
    assert not drawn.protocol["arguments"]["stratified"]
    assert drawn.protocol["fingerprint"] != data.protocol["fingerprint"]


def labels_source(kind):
    x, y = numbered_images(200), torch.arange(200) % 4
    return {
        "pair": lambda: (x, y),
        "names": lambda: (x, np.array(["a", "b", "c", "d"])[y]),
        "identities": lambda: (x, torch.arange(200)),
        "attributes": lambda: (x, torch.stack([y, y], 1).float()),
        "numbers": lambda: (x, y.float()),
        "none": lambda: x,
        "digits": lambda: "digits",
        "frey-faces": lambda: "frey-faces",
    }[kind]()


@pytest.mark.parametrize(
    ("kind", "is_stratified"),
    [
        ("pair", True),
        ("names", True),
        *dict.fromkeys(["identities", "attributes", "numbers", "none", "digits"], False).items(),
    ],
)
def test_classes_of_your_own_data_are_stratified(kind, is_stratified):
    data = load_data(labels_source(kind))
    assert data.protocol["arguments"]["stratified"] is is_stratified
    assert "stratified" in data.protocol["inferred"]
    other = load_data(labels_source(kind), stratified=False)
    assert (other.protocol["fingerprint"] == data.protocol["fingerprint"]) is not is_stratified
    assert "stratified" not in other.protocol["inferred"] or not is_stratified
    if is_stratified:
        assert [split.y.bincount().tolist() for split in data.splits.values()] == [[40] * 4, [5] * 4, [5] * 4]
        assert sorted(n for split in data.splits.values() for n in numbers_in(split)) == list(range(1, 201))


def test_named_sets_are_stratified_on_request():
    data = load_data("digits", stratified=True)
    shares = torch.stack([split.y.bincount() / len(split) for split in data.splits.values()])
    assert (shares - shares.mean(0)).abs().max() < 0.005
    with pytest.raises(ValueError, match=r"examples of array have no classes, or .*: leave it out"):
        load_data(labels_source("none"), stratified=True)


def test_the_seed_decides(tmp_path):
    one, again, other = (load_data(labels_source("pair"), seed=seed) for seed in (0, 0, 1))
    for name in one.splits:
        assert numbers_in(one.splits[name]) == numbers_in(again.splits[name])
        assert numbers_in(one.splits[name]) != numbers_in(other.splits[name])


def test_a_run_from_before_has_its_splits(tmp_path):
    """Its record says nothing of how examples were set aside, of a colour or a range of values."""
    x, y = labels_source("pair")
    np.savez(tmp_path / "own.npz", x=x, y=y)
    data = load_data(tmp_path / "own.npz", stratified=False)
    assert data.protocol["fingerprint"] != load_data(tmp_path / "own.npz").protocol["fingerprint"]
    model, objective = er.recipes.vae(data.shape, latent=2, hidden=(4,))
    run = er.fit(model, objective, data, steps=1, out=tmp_path / "run", device="cpu", report=False)
    record = json.loads((run.path / "recipe.json").read_text(encoding="utf-8"))
    for name in ("stratified", "color", "value_range", "layout"):
        del record["data"]["arguments"][name]
    for name in ("inferred", "shape"):
        del record["data"][name]
    (run.path / "recipe.json").write_text(json.dumps(record), encoding="utf-8")
    then = er.Run(run.path)
    assert then.data().protocol["fingerprint"] == data.protocol["fingerprint"]
    assert then.data(noise(0, (20, 2, 2, 3))).shape == (1, 2, 2)
