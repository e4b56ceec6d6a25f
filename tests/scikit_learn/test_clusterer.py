"""The clusterer: components of the prior as clusters."""

import numpy as np
import pytest
from sklearn.base import clone

import elbowroom as er
from elbowroom.sklearn import Clusterer
from tests.scikit_learn.estimators import ESTIMATORS, SMALL


@pytest.fixture(scope="module")
def groups():
    rng = np.random.default_rng(0)
    return np.concatenate([rng.normal(0, 0.3, (40, 2)), rng.normal(6, 0.3, (20, 2))])


@pytest.fixture(scope="module")
def clusterer(groups):
    return clone(ESTIMATORS["Clusterer"]).set_params(n_clusters=2).fit(groups)


def test_groups_are_clusters_the_largest_first(clusterer, groups):
    assert clusterer.labels_.tolist() == [0] * 40 + [1] * 20
    assert np.array_equal(clusterer.predict(groups), clusterer.labels_)


def test_probabilities_are_those_of_the_model_in_its_order(clusterer, groups):
    p = clusterer.predict_proba(groups)
    assert np.allclose(p.sum(1), 1)
    coded = clusterer._encode(groups).float()
    assert np.allclose(p, clusterer.model_.cluster(coded)[:, clusterer.cluster_order_], atol=1e-4)


def test_it_is_a_vae_too_and_is_saved(clusterer, groups, tmp_path):
    assert clusterer.transform(groups).shape == (60, 2)
    assert clusterer.sample(3).shape == (3, 2)
    clusterer.save(tmp_path / "saved")
    assert np.array_equal(er.load(tmp_path / "saved").predict(groups), clusterer.labels_)


def test_a_recipe_without_clusters_is_refused(groups):
    with pytest.raises(ValueError, match="choose vade or gm_vae"):
        Clusterer(recipe="vae", **SMALL).fit(groups)
