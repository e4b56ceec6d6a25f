"""Data for a run is coded by its record, on every surface: not by the new data's own statistics."""

import numpy as np
import pandas as pd
import pytest
import torch

import elbowroom as er
from elbowroom.data import load_like
from elbowroom.reporting import write_report
from elbowroom.runs.run_view import RunView
from elbowroom.samplers import fit_sampler

COLORS = {"blue": 0.0, "green": 5.0, "red": 10.0}


def make_table(path, n, colors, shift=0.0):
    rng = np.random.default_rng(len(colors))
    color = np.array(colors)[np.arange(n) % len(colors)]
    size = np.array([COLORS[name] for name in color]) + rng.normal(size=n) + shift
    pd.DataFrame({"size": size.round(3), "color": color}).to_csv(path, index=False)
    return str(path)


@pytest.fixture(scope="module")
def table_run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tables")
    make_table(folder / "far.csv", 90, list(COLORS), shift=500)
    make_table(folder / "two.csv", 90, ["green", "red"])
    data = er.load_data(make_table(folder / "old.csv", 150, list(COLORS)))
    model, objective = er.recipes.vae(data.shape, latent=2, hidden=(8,))
    run = er.fit(model, objective, data, steps=3, batch_size=32, out=folder / "run", report=False)
    return run, objective, folder


def fine_tune(run, source, tmp_path, objective):
    return er.fit(er.load(run), objective, source, steps=1, batch_size=32, out=tmp_path / "tuned", report=False)


#: Every function that takes data for a run: from (run, source, folder, objective).
SURFACES = {
    "Run.data": lambda run, source, folder, objective: run.data(source),
    "RunView": lambda run, source, folder, objective: RunView(run, source).data,
    "evaluate": lambda run, source, folder, objective: er.evaluate(run, source, samples=1, save=False),
    "evaluate a model": lambda run, source, folder, objective: er.evaluate(er.load(run), source, samples=1),
    "anomalies": lambda run, source, folder, objective: er.anomalies(run, source, score="elbo", samples=1, level=0.5),
    "normal data": lambda run, source, folder, objective: er.anomalies(
        run, normal=source, score="elbo", samples=1, level=0.5
    ),
    "examine": lambda run, source, folder, objective: er.doctor.examine(run, source),
    "audit": lambda run, source, folder, objective: er.audit(run, source),
    "plot": lambda run, source, folder, objective: er.plotting.plot("latents", run, data=source, examples=20),
    "report": lambda run, source, folder, objective: write_report(run, source, out=folder / "r.html", examples=20),
    "sampler": lambda run, source, folder, objective: fit_sampler(run, "gaussian", source),
    "fit": lambda run, source, folder, objective: fine_tune(run, source, folder, objective),
}


@pytest.mark.parametrize("surface", SURFACES)
def test_data_coded_otherwise_is_refused(table_run, surface, tmp_path):
    run, objective, folder = table_run
    with pytest.raises(ValueError, match="coded otherwise than what the model was trained on: the column"):
        SURFACES[surface](run, er.load_data(str(folder / "far.csv")), tmp_path, objective)


@pytest.mark.parametrize("source", ["path", "DataFrame", "Data coded alike"])
def test_the_same_rows_mean_the_same_from_every_source(table_run, source):
    run, _, folder = table_run
    record, path = run.record["data"], str(folder / "far.csv")
    given = {"path": path, "DataFrame": pd.read_csv(path), "Data coded alike": load_like(path, record, test=0.5)}[
        source
    ]
    data = run.data(given)
    assert data.protocol["columns"] == record["columns"]
    assert data.train.first(50).x[:, 0].mean() > 50  # 500 above what it was trained on, in its standard deviations
    assert er.evaluate(run, given, split="train", samples=2, save=False)["elbo"].value < -1000


def test_a_category_that_does_not_occur_keeps_its_number(table_run, tmp_path):
    run, objective, folder = table_run
    tuned = fine_tune(run, str(folder / "two.csv"), tmp_path, objective)
    assert tuned.record["data"]["columns"] == run.record["data"]["columns"]
    assert tuned.record["arguments"]["likelihood"] == run.record["arguments"]["likelihood"]
    assert run.data(str(folder / "two.csv")).train.x[:, 1].unique().tolist() == [1.0, 2.0]


def test_a_split_knows_how_its_data_was_coded(table_run):
    run, _, folder = table_run
    with pytest.raises(ValueError, match="the split is coded otherwise"):
        er.anomaly_scores(run, er.load_data(str(folder / "far.csv")).train, "elbo", samples=1)
    alike = load_like(str(folder / "far.csv"), run.record["data"])
    frame = pd.read_csv(folder / "far.csv")
    assert torch.equal(
        er.anomaly_scores(run, alike.train, "elbo", samples=1), er.anomaly_scores(run, frame, "elbo", samples=1)
    )


def test_the_training_data_itself_has_the_splits_of_the_record(table_run):
    run, _, folder = table_run
    assert run.data(str(folder / "old.csv")).protocol["fingerprint"] == run.record["data"]["fingerprint"]


def test_data_given_in_python_is_known_again_by_its_values(tmp_path):
    x = np.random.default_rng(0).integers(0, 256, (60, 4, 4), dtype=np.uint8)
    labels = ["cat", "dog"] * 30
    data = er.load_data((x, labels), binarize="dynamic", seed=3, test=0.2)
    model, objective = er.recipes.vae(data.shape, latent=2, hidden=(8,))
    run = er.fit(model, objective, data, steps=2, batch_size=16, out=tmp_path / "run", report=False)
    assert run.data((x, labels)).protocol["fingerprint"] == data.protocol["fingerprint"]
    other = run.data((x[::-1], ["dog", "eel"] * 30))
    assert other.classes == ("cat", "dog", "eel")
    assert other.protocol["arguments"]["binarize"] == "dynamic"
    with pytest.raises(ValueError, match=r"coded otherwise .* binarize is none, and was dynamic"):
        run.data(er.load_data(x))


@pytest.mark.parametrize(
    ("names", "classes", "numbers"),
    [
        (["dog", "cat"], ("cat", "dog"), {0, 1}),
        (["dog"], ("cat", "dog"), {1}),
        (["dog", "eel"], ("cat", "dog", "eel"), {1, 2}),
        ([1, 0], ("cat", "dog"), {0, 1}),
    ],
)
def test_classes_have_the_numbers_of_the_record(names, classes, numbers):
    x = np.zeros((8, 2, 2), dtype=np.uint8)
    trained = er.load_data((x, ["cat", "dog"] * 4), validation=0, test=0)
    like = load_like((x, names * (8 // len(names))), trained.protocol)
    assert (like.classes, set(like.train.y.tolist())) == (classes, numbers)


def test_several_runs_are_compared_from_a_list_on_data_given_in_python(tmp_path):
    x = np.random.default_rng(0).random((60, 4), dtype=np.float32)
    runs = [
        er.fit(*er.recipes.vae((4,), latent=latent, hidden=(8,)), x, steps=2, batch_size=16, out=tmp_path / f"{latent}")
        for latent in (1, 2)
    ]
    comparison = er.compare(runs, data=x)
    assert [entry.squared_error("test") is not None for entry in comparison.entries] == [True, True]
