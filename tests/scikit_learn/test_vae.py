"""The VAE as an estimator: it is the model of er.fit, in the form of the data that it is given."""

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import elbowroom as er
from elbowroom.sklearn import VAE
from elbowroom.sklearn.input_format import InputFormat
from tests.scikit_learn.estimators import SMALL


@pytest.fixture(scope="module")
def x():
    return np.random.default_rng(0).normal([1.0, -2.0, 30.0], [1.0, 0.1, 10.0], (60, 3))


@pytest.fixture(scope="module")
def mixed():
    rng = np.random.default_rng(1)
    kinds = rng.choice(["red", "green", "blue"], 60)
    size = rng.normal(size=60).round(4)
    return {
        "size": [None if i % 7 == 0 else float(v) for i, v in enumerate(size)],
        "count": rng.integers(0, 90, 60).tolist(),
        "color": [None if i % 5 == 0 else str(kind) for i, kind in enumerate(kinds)],
        "sold": (rng.random(60) > 0.5).tolist(),
        "day": pd.date_range("2020-01-01", periods=60).to_pydatetime().tolist(),
    }


@pytest.fixture(scope="module")
def vae(x):
    return VAE(**SMALL).fit(x)


def test_it_is_the_model_that_fit_trains(x, vae, tmp_path):
    """Same seed, same weights."""
    columns = {f"x{i}": x[:, i] for i in range(3)}
    data = er.load_data(columns, columns=dict.fromkeys(columns, "number"), validation=0, test=0)
    model, objective = er.recipes.vae(data.shape, latent=2, hidden=(8,), seed=0)
    run = er.fit(model, objective, data, epochs=2, out=tmp_path / "run", final_weights="last")
    own, theirs = vae.model_.state_dict(), run.model().state_dict()
    assert list(own) == list(theirs)
    assert all(torch.equal(own[name], theirs[name]) for name in own)


def test_latents_and_scores_are_those_of_the_model(x, vae):
    coded = torch.from_numpy((x - x.mean(0)) / x.std(0))
    assert np.allclose(vae.transform(x), vae.model_.encode(coded.float()), atol=1e-5)
    assert vae.score(x) == pytest.approx(vae.score_samples(x).mean())


def test_the_bound_of_a_linear_model_is_near_its_exact_density(x):
    """A decoder that ignores its latent makes rows of independent normals, whose density is known."""
    vae = VAE(**SMALL).fit(x)
    net = vae.trained_.precise_model.decoder.net
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.zero_()
    score = vae.score_samples(x)
    z = (x - x.mean(0)) / x.std(0)
    assert np.corrcoef(score, -(z**2).sum(1) / 2)[0, 1] > 0.9


def test_values_come_back_on_their_scale(x, vae):
    decoded = vae.inverse_transform(vae.transform(x))
    assert np.allclose(decoded.mean(0), x.mean(0), atol=x.std(0))
    assert vae.reconstruct(x).shape == x.shape
    assert np.allclose(vae.reconstruct(x), decoded)


def test_samples_follow_their_seed(vae):
    assert np.array_equal(vae.sample(4, random_state=0), vae.sample(4, random_state=0))
    assert not np.array_equal(vae.sample(4, random_state=0), vae.sample(4, random_state=1))
    before = torch.get_rng_state()
    vae.sample(2)
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("library", [pd, pl])
def test_frames_come_back_in_their_library_and_types(library, mixed):
    frame = library.DataFrame(mixed)
    vae = VAE(**SMALL).fit(frame)
    drawn = vae.sample(5, random_state=0)
    assert isinstance(drawn, library.DataFrame)
    assert list(drawn.columns) == list(frame.columns)
    types = dict(zip(frame.columns, map(str, frame.dtypes), strict=True))
    assert dict(zip(drawn.columns, map(str, drawn.dtypes), strict=True)) == types
    assert set(drawn["color"]) <= {"red", "green", "blue"}
    assert set(drawn["sold"]) <= {True, False}
    assert np.isfinite(vae.transform(frame)).all()


def test_a_missing_cell_adds_nothing(x, vae):
    gap = x[:1].copy()
    gap[0, 1] = np.nan
    assert np.isfinite(vae.score_samples(gap)).all()
    assert not np.array_equal(vae.transform(gap), vae.transform(x[:1]))


def test_a_row_scores_the_same_alone_and_twice(x, vae):
    doubled = np.concatenate([x[3:4], x, x[3:4]])
    scores = vae.score_samples(doubled)
    assert scores[0] == pytest.approx(scores[-1], abs=1e-9)
    assert scores[4] == pytest.approx(vae.score_samples(x[3:4])[0], abs=1e-9)


def test_images_keep_their_shape_and_scale():
    images = np.random.default_rng(0).integers(0, 256, (40, 8, 8), dtype=np.uint8)
    vae = VAE(likelihood="bernoulli", **SMALL).fit(images)
    assert vae.transform(images).shape == (40, 2)
    drawn = vae.sample(3, random_state=0)
    assert drawn.shape == (3, 8, 8)
    assert 60 < drawn.mean() < 200


def test_nothing_is_left_unless_asked_for(x, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    VAE(**SMALL).fit(x)
    assert not list(tmp_path.iterdir())
    vae = VAE(out=tmp_path / "run", **SMALL).fit(x)
    vae.fit(x)  # its own run is replaced
    assert er.Run(tmp_path / "run").record["recipe"] == "vae"
    with pytest.raises(ValueError, match="already holds a run"):
        clone(vae).fit(x)


def test_saved_and_pickled_it_is_the_same(x, vae, tmp_path):
    vae.save(tmp_path / "saved")
    assert not [file for file in tmp_path.rglob("*") if file.suffix in (".pkl", ".pt", ".pickle")]
    for again in (er.load(tmp_path / "saved"), pickle.loads(pickle.dumps(vae))):
        assert again.get_params() == vae.get_params()
        assert np.array_equal(again.transform(x), vae.transform(x))
        assert np.array_equal(again.score_samples(x), vae.score_samples(x))
    with pytest.raises(ValueError, match="overwrite=True"):
        vae.save(tmp_path / "saved")
    vae.save(tmp_path / "saved", overwrite=True)
    assert er.load(tmp_path / "saved", weights="final").latent_shape == (2,)


def test_frames_and_their_names_are_saved(mixed, tmp_path):
    frame = pd.DataFrame(mixed)
    vae = VAE(**SMALL).fit(frame)
    vae.save(tmp_path / "saved")
    again = er.load(tmp_path / "saved")
    assert list(again.feature_names_in_) == list(frame.columns)
    pd.testing.assert_frame_equal(again.sample(3, random_state=0), vae.sample(3, random_state=0))


def test_parts_go_on_where_the_training_was(x):
    """The optimizer keeps its step: two calls differ from a first call and a training begun anew."""
    once = VAE(**SMALL).partial_fit(x)
    first = pickle.loads(pickle.dumps(once))
    twice = once.partial_fit(x)
    assert (first.n_iter_, twice.n_iter_) == (1, 2)
    steps = [int(name.partition("/")[2].partition("-")[0]) for name in twice.trained_.files if "/" in name]
    assert steps == [2]
    assert twice.score(x) != first.score(x)
    resumed = first.partial_fit(x)
    assert np.array_equal(resumed.transform(x), twice.transform(x))


def test_it_is_selected_and_chained(x):
    grid = GridSearchCV(VAE(**SMALL), {"latent": [1, 2]}, cv=2).fit(x)
    assert np.isfinite(grid.cv_results_["mean_test_score"]).all()
    pipeline = make_pipeline(StandardScaler(), VAE(**SMALL)).fit(x)
    assert pipeline.transform(x).shape == (60, 2)
    assert pipeline.inverse_transform(pipeline.transform(x)).shape == x.shape
    columns = ColumnTransformer([("vae", VAE(**SMALL), [0, 2])], remainder="passthrough").fit(x)
    assert list(columns.get_feature_names_out()) == ["vae__vae0", "vae__vae1", "remainder__x1"]


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"recipe": "vea"}, "vae"),
        ({"latent": 0}, "latent"),
        ({"lr": -1.0}, "lr"),
        ({"recipe_options": {"hiden": (8,)}}, "hidden"),
        ({"train_options": {"optimiser": "sgd"}}, "optimizer"),
    ],
)
def test_wrong_parameters_are_named(parameters, words, x):
    with pytest.raises((ValueError, TypeError), match=words):
        VAE(**SMALL | parameters).fit(x)


def test_an_array_with_a_likelihood_of_its_own_is_no_table():
    assert not InputFormat.from_examples(np.zeros((3, 2)), "bernoulli").is_table
    assert InputFormat.from_examples(np.zeros((3, 2)), "columns").is_table
