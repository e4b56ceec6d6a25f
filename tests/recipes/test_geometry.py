"""Recipes with latents on manifolds: what their decoders are told of them, limits, and errors."""

import math

import pytest
import torch

import elbowroom as er
from elbowroom.distributions import PoincareRiemannianNormal, VonMisesFisher
from elbowroom.exporting.js.compile import compile_graph
from elbowroom.exporting.modules import Decoder
from elbowroom.latent import axis_traversal, find_path, interpolation
from tests.tiny_recipes import make_tiny

NAMES = ["hyperspherical_vae", "poincare_vae", "toroidal_vae", "gamma_vae", "dirichlet_vae"]
CASES = [
    *((name, {}) for name in NAMES),
    ("hyperspherical_vae", {"posterior": "vmf"}),
    ("poincare_vae", {"posterior": "riemannian", "curvature": 0.5}),
]


@pytest.fixture(params=CASES, ids=lambda case: "-".join((case[0], *map(str, case[1].values()))))
def model(request):
    name, arguments = request.param
    return make_tiny(name, **arguments)[0].eval()


def test_latents_lie_on_the_manifold(model):
    x, manifold = torch.rand(5, 1, 8, 8), model.manifold
    assert not manifold.is_flat
    for z in (model.draw(x, k=3).z, model.encode(x), model.draw_prior(4)):
        assert manifold.contains(z).all()
    z = model.encode(x)
    for path in (find_path(model, "linear"), find_path(model, "spherical")):
        assert interpolation(model, z[0], z[1], [0, 0.5, 1], path).isfinite().all()
    axes = torch.eye(z.shape[1])
    moved = axis_traversal(model, z[0], axes, [-3.0, 0.0, 3.0])
    torch.testing.assert_close(moved[0, 1], model.sample(z=z[:1])[0], atol=1e-5, rtol=1e-5)


def test_latents_off_the_manifold_are_decoded_at_the_nearest_point(model):
    z = 7 * torch.randn(4, *model.latent_shape)
    # At the border of a ball the last digit of a point is a hundredth of a distance.
    torch.testing.assert_close(model.sample(z=z), model.sample(z=model.manifold.project(z)), atol=1e-2, rtol=0)
    assert model.sample(z=torch.zeros(1, *model.latent_shape)).isfinite().all()


def test_a_page_can_decode_them(model):
    z = model.draw_prior(1)
    graph = compile_graph(Decoder(model), [z], ["z"])
    assert list(graph.inputs) == ["z"]


def test_reduced_precision_leaves_densities_finite_and_near(model):
    x = torch.rand(6, 1, 8, 8)
    with er.noise.keyed_noise(0, torch.arange(6)):
        exact = model.draw(x, k=2)
    with er.noise.keyed_noise(0, torch.arange(6)), torch.autocast("cpu", torch.bfloat16):
        reduced = model.draw(x, k=2)
    assert reduced.z.dtype == torch.float32
    assert reduced.log_qz.dtype == torch.float32
    torch.testing.assert_close(reduced.kl.float(), exact.kl, atol=0.1, rtol=0.1)
    assert reduced.log_w.isfinite().all()


def test_the_posterior_is_the_one_that_was_asked_for():
    x = torch.rand(2, 1, 8, 8)
    assert isinstance(make_tiny("hyperspherical_vae", posterior="vmf")[0].posterior(x), VonMisesFisher)
    riemannian, _ = make_tiny("poincare_vae", posterior="riemannian")
    assert isinstance(riemannian.posterior(x), PoincareRiemannianNormal)
    assert isinstance(riemannian.latent_prior(), PoincareRiemannianNormal)


def test_a_turn_of_an_angle_changes_nothing():
    model, _ = make_tiny("toroidal_vae")
    z = torch.randn(3, 3)
    torch.testing.assert_close(model.sample(z=z), model.sample(z=z + 2 * math.pi), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("poincare_vae", {"curvature": 0.0}, "curvature is c of a space of curvature -c, above 0, got 0"),
        ("poincare_vae", {"prior_scale": -1.0}, "the scale of a prior must be above 0, got -1"),
        ("poincare_vae", {"planes": 0}, "planes, the first layer of the decoder, must be at least 1, got 0"),
        ("poincare_vae", {"posterior": "riemannian", "latent": 20}, "float32 has digits up to 12.2: give a smaller"),
        ("hyperspherical_vae", {"posterior": "vfm"}, "vmf"),
        ("gamma_vae", {"prior_rate": 0.0}, "shape and rate of the prior must be above 0, got 2 and 0"),
        ("dirichlet_vae", {"concentration": 0.0}, "the concentration of the prior must be above 0, got 0"),
    ],
)
def test_errors_say_what_to_do(name, arguments, message):
    with pytest.raises(ValueError, match=message):
        er.recipes.find(name)((1, 8, 8), **arguments)
