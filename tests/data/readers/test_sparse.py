"""Sparse matrices in files: the same rows as the dense ones."""

import numpy as np
import pytest
import scipy.sparse
import torch

from elbowroom.data import load_data
from elbowroom.data.splits.buffered import BufferedSplit

COUNTS = np.random.default_rng(0).poisson(0.4, (40, 6))
BATCHES = np.array(["b", "a"] * 20)


def save_sparse(path, matrix, **more):
    """Write a file as scipy does, with more arrays beside."""
    scipy.sparse.save_npz(path, matrix)
    if more:
        with np.load(path) as stored:
            parts = dict(stored)
        np.savez(path, **parts, **more)
    return path


@pytest.mark.parametrize("form", [scipy.sparse.csr_matrix, scipy.sparse.csc_matrix, scipy.sparse.coo_array])
def test_rows_are_those_of_the_dense_matrix(form, tmp_path):
    data = load_data(str(save_sparse(tmp_path / "x.npz", form(COUNTS))), seed=1)
    same = load_data(COUNTS, seed=1)
    assert isinstance(data.train, BufferedSplit)
    for name, split in data.splits.items():
        assert torch.equal(split.first(40).x, same.splits[name].first(40).x)


def test_labels_stand_beside(tmp_path):
    data = load_data(str(save_sparse(tmp_path / "x.npz", scipy.sparse.csr_matrix(COUNTS), y=BATCHES)))
    assert data.classes == ("a", "b")
    assert set(data.train.first(40).y.tolist()) == {0, 1}


def test_names_of_columns_stand_beside_in_a_file_and_in_a_dict(tmp_path):
    matrix, words = scipy.sparse.csr_matrix(COUNTS), np.array(["cat", "dog", "elm", "fox", "gnu", "hen"])
    for source in (str(save_sparse(tmp_path / "x.npz", matrix, items=words)), {"x": matrix, "items": words}):
        assert load_data(source).protocol["items"] == words.tolist()
    with pytest.raises(ValueError, match=r"has 6 columns and 5 items: expected a name for each"):
        load_data({"x": matrix, "items": words[:5]})
    with pytest.raises(ValueError, match=r"the dict has the unknown key 'words': expected x, y, items"):
        load_data({"x": matrix, "words": words})


def test_an_empty_matrix_is_refused(tmp_path):
    with pytest.raises(
        ValueError, match=r"is a sparse matrix of \(0, 6\) and float64 values: expected rows \(N, D\) of numbers"
    ):
        load_data(str(save_sparse(tmp_path / "x.npz", scipy.sparse.csr_matrix((0, 6)))))
