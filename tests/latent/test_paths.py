"""Traversals and interpolations: end points, offsets, geometry of the arc."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import elbowroom as er
from elbowroom.latent import (
    decode_latents,
    interpolation,
    lerp,
    slerp,
    traversal,
)


def test_the_middle_of_a_traversal_is_the_latent_itself(model, label):
    z = torch.randn(model.latent_shape)
    x = traversal(model, z, [0, 2], [-1.5, 0, 1.5], label)
    middle = decode_latents(model, z, label)
    assert x.shape == (2, 3, 1, 8, 8)
    torch.testing.assert_close(x[:, 1], middle.expand(2, 1, 8, 8))
    # Upwards: a share of a class that is at zero already does not fall.
    assert not torch.equal(x[0, 2], middle)


def test_a_traversal_moves_one_dimension_by_the_offset(model, label):
    """On a manifold along its geodesic."""
    z = model.manifold.project(torch.randn(model.latent_shape))
    step = torch.zeros(z.numel())
    step[2] = 0.7
    moved = model.manifold.exp(z, step.reshape(z.shape))
    x = traversal(model, z, [2], [[0.7]], label)[0, 0]
    c = None if label is None else label[None]
    torch.testing.assert_close(x, model.sample(z=moved[None], c=c, draw=False)[0], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("path", [lerp, slerp])
def test_an_interpolation_begins_and_ends_at_the_latents(model, label, path):
    a, b = torch.randn(2, *model.latent_shape)
    x = interpolation(model, a, b, torch.linspace(0, 1, 5), path, label)
    torch.testing.assert_close(x[[0, -1]], decode_latents(model, torch.stack((a, b)), label))


def test_decoding_has_no_side_effects(model, label):
    model.train()
    before, state = torch.get_rng_state(), {k: v.clone() for k, v in model.state_dict().items()}
    z = torch.randn(model.latent_shape, generator=torch.Generator().manual_seed(1))
    traversal(model, z, [0], [-1, 1], label)
    interpolation(model, z, -z + 0.1, [0.5], slerp, label)
    assert model.training
    assert torch.equal(before, torch.get_rng_state())
    assert all(torch.equal(v, state[k]) for k, v in model.state_dict().items())


VECTOR = st.lists(st.floats(-5, 5), min_size=3, max_size=3).filter(lambda v: sum(x * x for x in v) > 1e-2)


@settings(max_examples=60, deadline=None)
@given(VECTOR, VECTOR)
def test_slerp_between_unit_vectors_is_an_arc_of_constant_speed(a, b):
    from scipy.spatial import geometric_slerp

    a, b = (torch.tensor(v, dtype=torch.float64) / np.linalg.norm(v) for v in (a, b))
    angle = math.acos(float((a @ b).clamp(-1, 1)))
    t = torch.linspace(0, 1, 7, dtype=torch.float64)
    z = slerp(a, b, t)
    torch.testing.assert_close(z[0], a)
    torch.testing.assert_close(z[-1], b)
    if 1e-3 < angle < math.pi - 1e-3:
        torch.testing.assert_close(z.norm(dim=1), torch.ones_like(t))
        np.testing.assert_allclose(z.numpy(), geometric_slerp(a.numpy(), b.numpy(), t.numpy()), atol=1e-7)


def test_slerp_is_linear_where_the_arc_is_undefined():
    a, t = torch.randn(6), torch.linspace(0, 1, 5)
    for b in (2 * a, -a, torch.zeros(6)):
        z = slerp(a, b, t)
        assert z.isfinite().all()
        torch.testing.assert_close(z, lerp(a, b, t), atol=1e-5, rtol=1e-4)


def test_slerp_keeps_the_norm():
    """Latents of a normal prior lie near a sphere: halfway, linear interpolation is inside it."""
    torch.manual_seed(0)
    a, b = torch.randn(2, 500)
    linear, spherical = (path(a, b, [0.5])[0].norm().item() for path in (lerp, slerp))
    assert spherical == pytest.approx(math.sqrt(500), rel=0.08)
    assert linear < 0.8 * math.sqrt(500)


def test_a_dimension_that_does_not_exist():
    model, _ = er.recipes.vae((1, 8, 8), latent=3)
    with pytest.raises(ValueError, match="there is no dimension 3 in a latent of 3: choose from 0 to 2"):
        traversal(model, torch.zeros(3), [0, 3], [0])
