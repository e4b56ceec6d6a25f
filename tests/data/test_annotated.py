"""AnnData, by a class that stands for it: counts, names of genes, and a column of obs as labels."""

from types import SimpleNamespace

import numpy as np
import pytest
import scipy.sparse

from elbowroom.data import load_data

COUNTS = np.random.default_rng(0).poisson(0.5, (30, 4))
AnnData = type(
    "AnnData",
    (SimpleNamespace,),
    # it has a length and takes an index, as what other readers match
    {"__module__": "anndata._core.anndata", "__len__": lambda self: 30, "__getitem__": lambda self, index: self},
)
OBS = {"batch": np.array(["b", "a", "b"] * 10, dtype=object)}


class Columns(dict):
    """A frame's columns, and their names."""

    @property
    def columns(self):
        return list(self)


def annotate(**parts):
    known = {"layers": {}, "obs": Columns(OBS), "var_names": [f"gene{i}" for i in range(4)]}
    return AnnData(**known | parts)


@pytest.mark.parametrize("form", [np.asarray, scipy.sparse.csr_matrix])
def test_counts_come_from_x_or_their_layer(form):
    plain = load_data(annotate(X=form(COUNTS)), seed=1)
    layered = load_data(annotate(X=form(np.log1p(COUNTS)), layers={"counts": form(COUNTS)}), seed=1)
    for data in (plain, layered):
        assert data.protocol["items"] == ["gene0", "gene1", "gene2", "gene3"]
        assert np.array_equal(data.train.first(40).x.numpy(), load_data(COUNTS, seed=1).train.first(40).x.numpy())


def test_a_column_of_obs_is_the_labels():
    data = load_data(annotate(X=COUNTS), label="batch", seed=1)
    assert data.classes == ("a", "b")
    with pytest.raises(ValueError, match="has no column 'donor' in obs: expected one of batch"):
        load_data(annotate(X=COUNTS), label="donor")


def test_no_counts_are_refused():
    with pytest.raises(ValueError, match="has neither X nor a layer 'counts'"):
        load_data(annotate(X=None))


def test_a_file_needs_the_package(tmp_path):
    (tmp_path / "cells.h5ad").touch()
    with pytest.raises(ValueError, match=r"cells\.h5ad needs anndata to be read: pip install anndata"):
        load_data(tmp_path / "cells.h5ad")
