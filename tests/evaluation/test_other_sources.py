"""What of a source is measured: its own splits, all of another one, or what is asked for."""

import numpy as np
import pytest
import torch
from PIL import Image

import elbowroom as er
from elbowroom.data import load_like, load_undivided
from elbowroom.runs.run_view import RunView

QUICK = {"metrics": "likelihood", "samples": 2, "save": False, "device": "cpu"}
N = 40


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run of an array in a file, and other sources of N bytes images: by their kind, with the files they are in."""
    folder = tmp_path_factory.mktemp("sources")
    draw = np.random.default_rng(0).integers
    images = {name: draw(0, 256, (n, 8, 8), dtype=np.uint8) for name, n in (("own", 100), ("new", N), ("small", 5))}
    np.save(folder / "own.npy", images["own"])
    np.save(folder / "new.npy", images["new"])
    np.savez(folder / "split.npz", x_train=images["new"], x_test=images["small"])
    np.savez(folder / "held.npz", x_train=images["new"], x_validation=images["small"])
    (folder / "images").mkdir()
    for i, image in enumerate(images["new"]):
        Image.fromarray(image).save(folder / "images" / f"{i:03}.png")
    data = er.load_data(folder / "own.npy", seed=3)
    model, objective = er.recipes.vae(data.shape, latent=2, hidden=(8,))
    settings = {"steps": 2, "batch_size": 16, "report": False, "progress": False, "device": "cpu"}
    return er.fit(model, objective, data, out=folder / "run", **settings), folder, images


SOURCES = {
    "an array": (lambda folder, images: images["new"], "all", N),
    "a file": (lambda folder, images: str(folder / "new.npy"), "all", N),
    "a folder of images": (lambda folder, images: folder / "images", "all", N),
    "a file with a test split": (lambda folder, images: str(folder / "split.npz"), "test", 5),
    "a file with a validation split": (lambda folder, images: str(folder / "held.npz"), "validation", 5),
    "a named set": (lambda folder, images: "digits", "test", 359),
    "the source itself": (lambda folder, images: str(folder / "own.npy"), "test", 10),
    "nothing": (lambda folder, images: None, "test", 10),
}


@pytest.mark.parametrize("kind", SOURCES)
def test_without_a_split_it_is_test_or_all_that_there_is(trained, kind):
    run, folder, images = trained
    make, split, n = SOURCES[kind]
    evaluation = er.evaluate(run, make(folder, images), **QUICK)
    assert (evaluation.protocol["split"], evaluation["elbo"].examples, evaluation["elbo"].split) == (split, n, split)


@pytest.mark.parametrize("kind", SOURCES)
def test_any_data_is_measured_whole_where_that_is_asked_for(trained, kind):
    run, folder, images = trained
    source = SOURCES[kind][0](folder, images)
    evaluation = er.evaluate(run, source, split="all", **QUICK)
    assert evaluation["elbo"].examples == sum(evaluation.protocol["data"]["sizes"].values())


def test_all_of_several_splits_is_the_mean_over_them(trained):
    run = trained[0]
    parts = [er.evaluate(run, split=name, **QUICK) for name in ("train", "validation", "test")]
    whole = er.evaluate(run, split="all", **QUICK)
    n = [part["mse"].examples if "mse" in part else part["elbo"].examples for part in parts]
    # the noise of an example is that of its place in what is measured, so that the means are near and not equal
    mean = sum(part["elbo"].value * k for part, k in zip(parts, n, strict=True)) / sum(n)
    assert whole["elbo"].value == pytest.approx(mean, rel=1e-2)
    other = er.evaluate(run, split="all", **QUICK | {"metrics": "likelihood", "samples": 2}, batch_size=7)
    # in single precision, whose products of matrices depend on the size of a batch in their last digits
    assert other["elbo"].value == pytest.approx(whole["elbo"].value, rel=1e-6)


def test_a_source_that_has_moved_has_the_splits_of_the_record(trained, tmp_path):
    run, folder, _ = trained
    (folder / "own.npy").rename(tmp_path / "moved.npy")
    try:
        assert er.evaluate(run, tmp_path / "moved.npy", **QUICK)["elbo"].examples == 10
        assert run.data(tmp_path / "moved.npy").protocol["fingerprint"] == run.record["data"]["fingerprint"]
        with pytest.raises(ValueError, match=r"own.npy, which has gone: put it back, or pass data=$"):
            er.evaluate(run, **QUICK)
    finally:
        (tmp_path / "moved.npy").rename(folder / "own.npy")


def test_a_split_that_is_not_there_is_named_with_those_that_are(trained):
    run, _, images = trained
    with pytest.raises(ValueError, match=r"array has no split 'test': choose from train, all$"):
        er.evaluate(run, images["new"], split="test", **QUICK)
    with pytest.raises(ValueError, match=r"no split 'tset' \(did you mean 'test'\?\)"):
        er.evaluate(run, split="tset", **QUICK)


def test_scores_are_of_all_examples_in_their_order(trained):
    run, folder, images = trained
    alone = load_like(images["new"], run.record["data"]).train
    expected = er.anomaly_scores(run, alone, "elbo", samples=2, device="cpu")
    for source in (images["new"], folder / "new.npy"):
        assert torch.equal(er.anomaly_scores(run, source, "elbo", samples=2, device="cpu"), expected)
    assert len(er.anomaly_scores(run, folder / "split.npz", "elbo", samples=2, device="cpu")) == N + 5
    settings = {"score": "elbo", "samples": 2, "level": 0.5, "device": "cpu"}
    assert er.anomalies(run, folder / "split.npz", **settings).protocol["examples"]["other"] == N + 5
    assert er.anomalies(run, "digits", **settings).protocol["examples"]["other"] == 359


def test_figures_of_another_source_show_all_of_it(trained):
    run, folder, _ = trained
    view = RunView(run, folder / "new.npy")
    assert view.describe_examples(N) == f"all {N} examples of new"
    assert (len(view.batch.x), view.split, view.example_name(0)[:8]) == (N, "all", "example ")
    assert RunView(run).describe_examples(10) == "all 10 test examples of own"


def test_what_is_set_aside_nowhere_has_the_order_of_the_source(trained):
    run, folder, _ = trained
    data = load_undivided(folder / "images", run.record["data"])
    assert data.names("all") == [f"{i:03}.png" for i in range(N)]
    split = load_undivided(folder / "split.npz", run.record["data"])
    assert split.names("all")[-1] == "test/4"
    assert run.data(folder / "new.npy").protocol["sizes"] == {"train": 32, "validation": 4, "test": 4}


def test_comparisons_with_training_examples_are_not_made_where_they_are_measured(trained):
    run, _, images = trained
    measured = er.evaluate(run, images["new"], **QUICK | {"metrics": "images"})
    assert "not trained on" in measured["closer_to_train"].note
    assert "others of the split" in measured["frechet_distance_floor"].estimator
