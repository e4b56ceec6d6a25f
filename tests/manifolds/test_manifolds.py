"""Manifolds: projections, geodesics and charts, by what defines them."""

import math

import pytest
import torch

from elbowroom.manifolds import FLAT, PoincareBall, PositiveOrthant, Simplex, Sphere, Torus

CURVED = [Sphere(), Torus(), PoincareBall(0.7)]
ALL = [FLAT, *CURVED, PositiveOrthant(), Simplex()]


def points(manifold, n=6, size=3):
    return manifold.project(0.3 * torch.randn(n, size, generator=torch.Generator().manual_seed(n)))


def distance(manifold, a, b):
    """The length of the shortest way, by the definition of each manifold."""
    if isinstance(manifold, Sphere):
        return (a.double() * b.double()).sum(-1).clamp(-1, 1).acos()
    if isinstance(manifold, Torus):
        return torch.remainder(a - b + math.pi, 2 * math.pi).sub(math.pi).norm(dim=-1).double()
    return manifold.distance(a, b, precise=True)


@pytest.mark.parametrize("manifold", ALL, ids=repr)
def test_a_projection_lies_on_the_manifold_and_stays_where_it_is(manifold):
    z = points(manifold)
    assert manifold.contains(z).all()
    torch.testing.assert_close(manifold.project(z), z)
    assert manifold.contains(manifold.project(torch.zeros(3)))
    assert manifold.contains(manifold.project(torch.full((3,), -1e4)))


@pytest.mark.parametrize("manifold", ALL, ids=repr)
def test_a_geodesic_joins_its_ends_on_the_manifold(manifold):
    a, b = points(manifold, 5), points(manifold, 4)[[0, 1, 2, 3, 0]]
    path = manifold.geodesic(a, b, [0, 0.25, 1])
    torch.testing.assert_close(path[[0, 2]], torch.stack((a, b)), atol=1e-5, rtol=1e-5)
    assert manifold.contains(path).all()


@pytest.mark.parametrize("manifold", CURVED, ids=repr)
def test_a_geodesic_has_constant_speed_and_no_detour(manifold):
    a, b = points(manifold, 5), points(manifold, 4)[[0, 1, 2, 3, 0]]
    whole = distance(manifold, a, b)
    for t in (0.25, 0.6):
        middle = manifold.geodesic(a, b, [t])[0]
        torch.testing.assert_close(distance(manifold, a, middle), t * whole, atol=2e-5, rtol=1e-4)
        torch.testing.assert_close(distance(manifold, middle, b), (1 - t) * whole, atol=2e-5, rtol=1e-4)


@pytest.mark.parametrize("manifold", CURVED, ids=repr)
def test_a_step_goes_as_far_as_its_vector_is_long(manifold):
    z, v = points(manifold), 0.3 * torch.randn(6, 3, generator=torch.Generator().manual_seed(0))
    if isinstance(manifold, Sphere):
        v = v - (v * z).sum(-1, keepdim=True) * z
    torch.testing.assert_close(distance(manifold, z, manifold.exp(z, v)), v.norm(dim=-1).double(), atol=1e-5, rtol=1e-4)


def test_opposite_points_and_points_at_the_border_have_a_way_between_them():
    north = torch.tensor([0.0, 0.0, 1.0])
    assert Sphere().geodesic(north, -north, [0.0, 0.5, 1.0]).isfinite().all()
    ball = PoincareBall(1.0)
    a = ball.project(torch.tensor([2.0, 0.0]))
    path = ball.geodesic(a, -a, [0.0, 0.5, 1.0])
    torch.testing.assert_close(path[1], torch.zeros(2), atol=1e-3, rtol=0)
    assert ball.distance(a, -a) == pytest.approx(2 * ball.max_distance, rel=1e-3)


def test_the_poincare_logarithm_is_the_inverse_of_the_exponential():
    ball = PoincareBall(1.3)
    x, v = points(ball), torch.randn(6, 3, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(ball.log(x, ball.exp(x, v)).float(), v, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(("manifold", "size"), [(Sphere(), 3), (Torus(), 2)], ids=["sphere", "torus"])
def test_a_chart_of_equal_areas_makes_uniform_points(manifold, size):
    """Means of a grid on the square are those of the uniform distribution: 0 and, of squares, 1/3 or π²/3."""
    middles = (torch.arange(50) + 0.5) / 50
    z = manifold.square_chart(size).to_points(torch.cartesian_prod(middles, middles))
    assert manifold.contains(z).all()
    torch.testing.assert_close(z.mean(0), torch.zeros(size), atol=1e-4, rtol=0)
    square = 1 / 3 if size == 3 else math.pi**2 / 3
    torch.testing.assert_close(z.square().mean(0), torch.full((size,), square), atol=2e-3, rtol=0)
    assert manifold.square_chart(size + 1) is None


@pytest.mark.parametrize("curvature", [0.0, -1.0, math.inf, math.nan])
def test_a_curvature_that_is_none_is_refused(curvature):
    with pytest.raises(ValueError, match="above 0, got"):
        PoincareBall(curvature)
