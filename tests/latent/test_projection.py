"""Principal components against scikit-learn, and t-SNE."""

import numpy as np
import pytest
import sklearn
import torch

import elbowroom as er
from elbowroom.latent import (
    principal_components,
    tsne,
)


def test_principal_components_are_those_of_scikit_learn():
    from sklearn.decomposition import PCA

    torch.manual_seed(0)
    z = torch.randn(200, 7).double() @ torch.randn(7, 7).double() + 3
    projection, reference = principal_components(z), PCA(2).fit(z.numpy())
    signs = torch.tensor(np.sign((reference.components_ * projection.axes.numpy()).sum(1)))
    np.testing.assert_allclose(projection.points * signs, reference.transform(z.numpy()), atol=1e-9)
    np.testing.assert_allclose(projection.explained_variance_ratio, reference.explained_variance_ratio_, atol=1e-12)
    torch.testing.assert_close(projection.axes @ projection.axes.T, torch.eye(2).double())
    assert (projection.axes.gather(1, projection.axes.abs().argmax(1, keepdim=True)) > 0).all()
    with pytest.raises(ValueError, match="2 principal axes need as many examples and dimensions, got latents"):
        principal_components(torch.randn(1, 7))


def test_tsne_keeps_groups_together_and_is_deterministic():
    torch.manual_seed(0)
    z = torch.randn(60, 5) + 12 * torch.arange(3).repeat_interleave(20)[:, None]
    points = tsne(z)
    group = torch.arange(3).repeat_interleave(20)
    nearest = (torch.cdist(points, points) + torch.eye(60) * 1e9).argmin(1)
    assert torch.equal(group[nearest], group)
    assert torch.equal(points, tsne(z))
    with pytest.raises(ValueError, match="at least 5 latents to have neighbours, got 4"):
        tsne(z[:4])


@pytest.mark.parametrize("project", [principal_components, tsne])
def test_latents_that_are_one_point_are_an_error(project):
    """As of a collapsed posterior; scikit-learn's t-SNE ends the process on them."""
    with pytest.raises(ValueError, match="all 60 latents are the same: they tell nothing of the data"):
        project(torch.ones(60, 5))
    with pytest.raises(ValueError, match="some latents are infinite or NaN: the training diverged"):
        project(torch.full((60, 5), torch.nan))
    three = torch.randn(3, 5)[torch.arange(60) % 3]
    points = project(three)
    assert (points if isinstance(points, torch.Tensor) else points.points).isfinite().all()


@pytest.mark.parametrize("output", ["pandas", "polars"])
def test_what_scikit_learn_is_set_to_return_changes_nothing(digits, output):
    z = torch.randn(40, 3, generator=torch.Generator().manual_seed(0))
    model, _ = er.recipes.vae(digits.shape, latent=2)
    x, y, _ = digits.train.first(200)
    few = er.load_data((x, y), validation=60, test=0)
    expected = tsne(z), er.evaluate(model, few, metrics="probes", split="validation")["linear_probe_accuracy"].value
    with sklearn.config_context(transform_output=output):
        points = tsne(z)
        value = er.evaluate(model, few, metrics="probes", split="validation")["linear_probe_accuracy"].value
        assert er.load_data("digits").protocol["fingerprint"] == digits.protocol["fingerprint"]
    assert torch.equal(points, expected[0])
    assert value == expected[1]
