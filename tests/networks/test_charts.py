"""First layers of decoders on manifolds: distances to gyroplanes, by definition and in the flat limit."""

import torch

from elbowroom.manifolds import PoincareBall
from elbowroom.networks import AngleFeatures, Gyroplanes


def make_planes(curvature, size=2, planes=4):
    torch.manual_seed(0)
    layer = Gyroplanes(size, planes, PoincareBall(curvature))
    with torch.no_grad():
        layer.offsets.copy_(torch.randn(planes))
    return layer


def test_a_gyroplanes_distance_is_the_shortest_to_its_points():
    """Those are exp_p(t v) with v orthogonal to the normal, at any t; the sign is the side."""
    layer, ball = make_planes(0.8), PoincareBall(0.8)
    z = ball.project(0.4 * torch.randn(6, 2))
    normals = layer.normals.detach() / layer.normals.detach().norm(dim=1, keepdim=True)
    base = ball.exp(torch.zeros(4, 2), layer.offsets.detach()[:, None] * normals)
    along = torch.stack((-normals[:, 1], normals[:, 0]), -1)
    points = ball.exp(base.expand(8001, 4, 2), torch.linspace(-8, 8, 8001)[:, None, None] * along)
    shortest = ball.distance(z[:, None, None], points).amin(1)
    distances = layer(z).detach() / layer.normals.detach().norm(dim=1)
    torch.testing.assert_close(distances.abs(), shortest, atol=2e-3, rtol=1e-3)
    on_side = layer(ball.exp(base, 0.1 * normals)).detach().diagonal()
    torch.testing.assert_close(on_side, 0.1 * layer.normals.detach().norm(dim=1), atol=1e-4, rtol=1e-3)


def test_without_curvature_the_layer_is_affine():
    layer, z = make_planes(1e-8, size=3), torch.randn(5, 3)
    length = layer.normals.norm(dim=1)
    torch.testing.assert_close(layer(z), 2 * z @ layer.normals.T - layer.offsets * length, atol=1e-3, rtol=1e-3)


def test_numbers_and_gradients_are_finite_at_the_border():
    layer, ball = make_planes(1.0), PoincareBall(1.0)
    z = ball.project(torch.tensor([[3.0, 0.0], [0.0, 0.0], [-2.0, 2.0]])).requires_grad_()
    total = layer(z).sum()
    total.backward()
    assert total.isfinite()
    assert z.grad.isfinite().all()


def test_features_of_angles_are_points_of_circles():
    features = AngleFeatures(3)(torch.randn(4, 3))
    torch.testing.assert_close(features[:, :3] ** 2 + features[:, 3:] ** 2, torch.ones(4, 3))
