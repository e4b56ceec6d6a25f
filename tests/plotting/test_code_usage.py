"""The figure of the usage of codes against counts."""

import numpy as np
import pytest
import torch

from elbowroom.plotting import PLOTS


@pytest.mark.parametrize("name", ["vq_vae", "fsq_vae"])
def test_shares_are_those_of_the_indices(views, name):
    view = views(name)
    spec = PLOTS["code_usage"].build_spec(view)
    quantizer = view.model.quantizer
    with torch.no_grad():
        index = view.model.eval().posterior(view.batch.x).indices
    counts = np.bincount(quantizer.join_index(index).flatten(), minlength=quantizer.n_codes)
    np.testing.assert_allclose(spec.marks[0].lines[0].y, -np.sort(-counts / counts.sum()), rtol=1e-6)
    assert f"{(counts > 0).sum()} of {quantizer.n_codes:,} codes are in use" in spec.caption
    assert len(spec.marks) == (2 if len(quantizer.index_sizes) > 1 else 1)
