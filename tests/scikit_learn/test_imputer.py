"""The imputer: what is known stays, what is missing follows from it."""

import datetime as dt

import numpy as np
import pandas as pd
import polars as pl
import pytest

import elbowroom as er
from elbowroom.sklearn import Imputer
from tests.scikit_learn.estimators import SMALL


@pytest.fixture(scope="module")
def complete():
    z = np.random.default_rng(0).normal(size=(300, 1))
    return np.hstack([z, 2 * z + 5, -z]) + np.random.default_rng(1).normal(0, 0.05, (300, 3))


@pytest.fixture(scope="module")
def gaps(complete):
    return np.where(np.random.default_rng(2).random(complete.shape) < 0.2, np.nan, complete)


@pytest.fixture(scope="module")
def imputer(gaps):
    settings = {"latent": 2, "epochs": 80, "lr": 1e-2, "recipe_options": {"hidden": (16,)}, "random_state": 0}
    return Imputer(n_draws=20, **settings).fit(gaps)


def test_known_cells_stay_and_missing_ones_follow_from_them(imputer, complete, gaps):
    filled, missing = imputer.transform(gaps), np.isnan(gaps)
    assert np.array_equal(filled[~missing], complete[~missing])
    means = np.broadcast_to(np.nanmean(gaps, 0), gaps.shape)
    has_others = missing & ~missing.all(1, keepdims=True)
    error, of_means = (np.sqrt(((one - complete) / complete.std(0))[has_others] ** 2).mean() for one in (filled, means))
    assert error < 0.6 * of_means


def test_a_row_is_filled_alike_beside_any_others(imputer, gaps):
    assert np.array_equal(imputer.transform(gaps), imputer.transform(gaps))
    assert imputer.transform(gaps[7:8]) == pytest.approx(imputer.transform(gaps)[7:8], abs=1e-9)


def test_completions_differ_and_follow_their_seed(imputer, gaps):
    first, second = imputer.sample_completions(gaps, n=2, random_state=0)
    missing = np.isnan(gaps)
    assert np.array_equal(first[~missing], second[~missing])
    assert not np.array_equal(first, second)
    assert np.array_equal(imputer.sample_completions(gaps, n=2, random_state=0)[1], second)


@pytest.mark.parametrize("library", [pd, pl])
def test_frames_of_mixed_columns_are_filled(library):
    rng = np.random.default_rng(0)
    kinds = rng.choice(["low", "high"], 80).tolist()
    columns = {
        "price": [None if i % 4 == 0 else (1.0 if kind == "low" else 9.0) for i, kind in enumerate(kinds)],
        "kind": [None if i % 5 == 0 else kind for i, kind in enumerate(kinds)],
        "open": [None if i % 7 == 0 else kind == "low" for i, kind in enumerate(kinds)],
    }
    frame = library.DataFrame(columns)
    filled = Imputer(n_draws=3, **SMALL).fit(frame).transform(frame)
    assert isinstance(filled, library.DataFrame)
    for name, cells in columns.items():
        values = filled[name].to_list()
        assert all(value is not None and value == value for value in values)
        assert all(value == cell for value, cell in zip(values, cells, strict=True) if cell is not None)
    assert sum(value is None or value != value for value in frame["kind"].to_list()) == 16  # what was given stays


@pytest.mark.parametrize("fitted", [pd, pl])
@pytest.mark.parametrize("given", [pd, pl])
def test_frames_of_one_library_are_filled_in_another(fitted, given):
    cells = {
        "a": [1.5, None, 3.5, 2.5] * 5,
        "b": ["x", "y", None, "x"] * 5,
        "d": [dt.datetime(2020, 1, 1 + i % 20) for i in range(20)],
    }
    imputer = Imputer(**SMALL).fit(fitted.DataFrame(cells))
    assert isinstance(imputer.transform(given.DataFrame(cells)), given.DataFrame)
    for library, name in ((pd, "pandas"), (pl, "polars")):
        filled = imputer.set_output(transform=name).transform(given.DataFrame(cells))
        assert isinstance(filled, library.DataFrame)
        assert list(filled["d"]) == cells["d"]
        assert filled["a"].dtype == library.Series([1.5]).dtype
        assert set(filled["b"]) == {"x", "y"}


def test_lazy_frames_and_those_with_a_name_twice_are_refused():
    twice = pd.DataFrame(np.zeros((9, 2)), columns=["a", "a"])
    with pytest.raises(ValueError, match="more than one column of one name"):
        Imputer(**SMALL).fit(twice)
    with pytest.raises(ValueError, match=r"give X.collect\(\)"):
        Imputer(**SMALL).fit(pl.LazyFrame({"a": [1.0]}))


def test_images_have_no_cells(digits):
    x = digits.train.first(40).x.numpy()
    with pytest.raises(ValueError, match="cells are those of a table"):
        Imputer(n_draws=2, likelihood="bernoulli", **SMALL).fit(x).transform(x)


def test_it_is_saved(imputer, gaps, tmp_path):
    imputer.save(tmp_path / "saved")
    assert np.array_equal(er.load(tmp_path / "saved").transform(gaps), imputer.transform(gaps))
