"""Walks through the space of codes: identities, and independent judges of the geometry."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import elbowroom as er
from elbowroom.data import InMemorySplit
from elbowroom.latent import (
    decode_latents,
    decode_plane,
    find_nearest_examples,
    interpolation,
    lerp,
    normal_quantiles,
    principal_components,
    slerp,
    traversal,
    tsne,
)
from elbowroom.recipes import RECIPES

#: For models that ask for one; the others pass it over.
LABEL = torch.tensor(3)
SMALL = {"factor_vae": {"critic": (8,)}, "vamp_vae": {"components": 5}, "vq_vae": {"codes": 8, "dim": 3}}


@pytest.fixture(params=list(RECIPES))
def model(request):
    torch.manual_seed(0)
    model, _ = RECIPES[request.param]((1, 8, 8), **SMALL.get(request.param, {}))
    return model


def test_the_middle_of_a_traversal_is_the_code_itself(model):
    z = torch.randn(model.latent_shape)
    x = traversal(model, z, [0, 2], [-1.5, 0, 1.5], LABEL)
    middle = decode_latents(model, z, LABEL)
    assert x.shape == (2, 3, 1, 8, 8)
    torch.testing.assert_close(x[:, 1], middle.expand(2, 1, 8, 8))
    assert not torch.equal(x[0, 0], middle)


def test_a_traversal_moves_one_dimension_by_the_offset(model):
    z = torch.randn(model.latent_shape)
    moved = z.flatten().clone()
    moved[2] += 0.7
    there = traversal(model, z, [2], [[0.7]], LABEL)[0, 0]
    torch.testing.assert_close(there, model.sample(z=moved.reshape(1, *model.latent_shape), c=LABEL[None])[0])


@pytest.mark.parametrize("path", [lerp, slerp])
def test_an_interpolation_begins_and_ends_at_the_codes(model, path):
    a, b = torch.randn(2, *model.latent_shape)
    x = interpolation(model, a, b, torch.linspace(0, 1, 5), path, LABEL)
    torch.testing.assert_close(x[[0, -1]], decode_latents(model, torch.stack((a, b)), LABEL))


def test_looking_changes_nothing(model):
    model.train()
    before, state = torch.get_rng_state(), {k: v.clone() for k, v in model.state_dict().items()}
    z = torch.randn(model.latent_shape, generator=torch.Generator().manual_seed(1))
    traversal(model, z, [0], [-1, 1], LABEL)
    interpolation(model, z, -z + 0.1, [0.5], slerp, LABEL)
    assert model.training
    assert torch.equal(before, torch.get_rng_state())
    assert all(torch.equal(v, state[k]) for k, v in model.state_dict().items())


VECTOR = st.lists(st.floats(-5, 5), min_size=3, max_size=3).filter(lambda v: sum(x * x for x in v) > 1e-2)


@settings(max_examples=60, deadline=None)
@given(VECTOR, VECTOR)
def test_the_spherical_way_between_unit_codes_is_an_arc_of_even_speed(a, b):
    from scipy.spatial import geometric_slerp

    a, b = (torch.tensor(v, dtype=torch.float64) / np.linalg.norm(v) for v in (a, b))
    angle = math.acos(float((a @ b).clamp(-1, 1)))
    t = torch.linspace(0, 1, 7, dtype=torch.float64)
    way = slerp(a, b, t)
    torch.testing.assert_close(way[0], a)
    torch.testing.assert_close(way[-1], b)
    if 1e-3 < angle < math.pi - 1e-3:
        torch.testing.assert_close(way.norm(dim=1), torch.ones_like(t))
        np.testing.assert_allclose(way.numpy(), geometric_slerp(a.numpy(), b.numpy(), t.numpy()), atol=1e-7)


def test_where_there_is_no_arc_the_way_is_straight():
    a, t = torch.randn(6), torch.linspace(0, 1, 5)
    for b in (2 * a, -a, torch.zeros(6)):
        way = slerp(a, b, t)
        assert way.isfinite().all()
        torch.testing.assert_close(way, lerp(a, b, t), atol=1e-5, rtol=1e-4)


def test_long_codes_stay_long_on_the_way_around():
    """Codes of a normal prior lie near a sphere: halfway, the straight way falls inside it."""
    torch.manual_seed(0)
    a, b = torch.randn(2, 500)
    straight, around = (path(a, b, [0.5])[0].norm().item() for path in (lerp, slerp))
    assert around == pytest.approx(math.sqrt(500), rel=0.08)
    assert straight < 0.8 * math.sqrt(500)


def test_the_principal_plane_is_scikit_learns():
    from sklearn.decomposition import PCA

    torch.manual_seed(0)
    z = torch.randn(200, 7).double() @ torch.randn(7, 7).double() + 3
    found, judge = principal_components(z), PCA(2).fit(z.numpy())
    signs = torch.tensor(np.sign((judge.components_ * found.axes.numpy()).sum(1)))
    np.testing.assert_allclose(found.points * signs, judge.transform(z.numpy()), atol=1e-9)
    np.testing.assert_allclose(found.explained_variance_ratio, judge.explained_variance_ratio_, atol=1e-12)
    torch.testing.assert_close(found.axes @ found.axes.T, torch.eye(2).double())
    assert (found.axes.gather(1, found.axes.abs().argmax(1, keepdim=True)) > 0).all()
    with pytest.raises(ValueError, match="2 principal axes need as many examples and dimensions, got codes"):
        principal_components(torch.randn(1, 7))


def test_tsne_keeps_groups_together_and_repeats_itself():
    torch.manual_seed(0)
    z = torch.randn(60, 5) + 12 * torch.arange(3).repeat_interleave(20)[:, None]
    points = tsne(z)
    group = torch.arange(3).repeat_interleave(20)
    nearest = (torch.cdist(points, points) + torch.eye(60) * 1e9).argmin(1)
    assert torch.equal(group[nearest], group)
    assert torch.equal(points, tsne(z))
    with pytest.raises(ValueError, match="at least 5 codes to have neighbours, got 4"):
        tsne(z[:4])


def test_neighbours_are_scikit_learns_and_a_copy_is_at_no_distance():
    from sklearn.neighbors import NearestNeighbors

    torch.manual_seed(0)
    train, x = torch.rand(2500, 1, 8, 8), torch.rand(7, 1, 8, 8)
    x[3] = train[1700]
    found = find_nearest_examples(x, InMemorySplit(train), k=4)
    distance, index = NearestNeighbors(n_neighbors=4).fit(train.flatten(1)).kneighbors(x.flatten(1))
    assert (found.index.numpy() == index).all()
    np.testing.assert_allclose(found.distance, distance, atol=1e-5)
    assert found.distance[3, 0] == 0
    assert torch.equal(found.x, train[found.index])
    assert found.n_searched == 2500


def test_neighbours_weigh_columns_by_their_scale_and_look_at_no_more_than_asked():
    rows = torch.tensor([[0.0, 100.0], [3.0, 0.0]])
    x = torch.zeros(1, 2)
    assert find_nearest_examples(x, InMemorySplit(rows), k=1).index.item() == 1
    assert find_nearest_examples(x, InMemorySplit(rows), k=1, scale=torch.tensor([1.0, 100.0])).index.item() == 0
    assert find_nearest_examples(x, InMemorySplit(torch.rand(5000, 2)), k=9, max_examples=1000).n_searched == 1024
    assert find_nearest_examples(x, InMemorySplit(rows), k=9).x.shape == (1, 2, 2)


def test_a_plane_has_its_first_dimension_across():
    torch.manual_seed(0)
    model, _ = er.recipes.vae((1, 8, 8), latent=2)
    first, second = torch.tensor([-1.0, 0.0, 1.0]), torch.tensor([-2.0, 2.0])
    x = decode_plane(model, first, second)
    assert x.shape == (2, 3, 1, 8, 8)
    torch.testing.assert_close(x[1, 0], model.sample(z=torch.tensor([[-1.0, 2.0]]))[0])
    with pytest.raises(ValueError, match="the code has 3 dimensions, not two: there is no plane to decode"):
        decode_plane(er.recipes.vae((1, 8, 8), latent=3)[0], first, second)


def test_quantiles_are_the_middles_of_equal_shares():
    from scipy.stats import norm

    np.testing.assert_allclose(norm.cdf(normal_quantiles(8).numpy()), (np.arange(8) + 0.5) / 8, atol=1e-6)


def test_a_dimension_that_is_not_there():
    model, _ = er.recipes.vae((1, 8, 8), latent=3)
    with pytest.raises(ValueError, match="there is no dimension 3 in a code of 3: choose from 0 to 2"):
        traversal(model, torch.zeros(3), [0, 3], [0])


def test_many_codes_decode_as_few_do():
    model, _ = er.recipes.vae((1, 8, 8), latent=3)
    z = torch.randn(1100, 3)
    torch.testing.assert_close(decode_latents(model, z)[1050:], decode_latents(model, z[1050:]))


@pytest.mark.parametrize("project", [principal_components, tsne])
def test_codes_that_are_one_point_have_no_plane(project):
    """Those of a collapsed posterior; scikit-learn's t-SNE ends the process on them."""
    with pytest.raises(ValueError, match="all 60 codes are the same: they tell nothing of the data"):
        project(torch.ones(60, 5))
    with pytest.raises(ValueError, match="some codes are infinite or NaN: the training diverged"):
        project(torch.full((60, 5), torch.nan))
    three = torch.randn(3, 5)[torch.arange(60) % 3]
    points = project(three)
    assert (points if isinstance(points, torch.Tensor) else points.points).isfinite().all()
