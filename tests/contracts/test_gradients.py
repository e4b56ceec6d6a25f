"""The gradients that players descend are those of their losses, by differences along them with the same noise."""

import pytest
import torch

from elbowroom import noise
from elbowroom.data import Batch
from elbowroom.recipes import RECIPES
from elbowroom.training import Step
from tests import tiny_recipes

#: Recipes whose gradients are not those of their losses, and why.
OTHER_GRADIENTS = {
    **dict.fromkeys(
        ("quantized_vae", "vq_vae", "vq_vae_2", "rq_vae", "hrq_vae", "fsq_vae", "lfq_vae", "qlae"), "codes"
    ),
    "vae_gan": "spectral norms are estimated, and constants to it",
    **dict.fromkeys(("vqgan", "autoencoder_kl", "eq_vae"), "the weight of the critic balances two gradients"),
    **dict.fromkeys(("intro_vae", "soft_intro_vae"), "what the encoder makes is a constant to its adversarial loss"),
    "energy_vae": "the gradient of the normalizer is a mean over draws of the prior, its value another estimate",
    "m1_m2": "M2's bound sends none to M1",
    "ccvae": "a ratio is a constant to it",
    "geco_vae": "the multiplier moves with every step",
    "gamma_vae": "draws by rejection are not a smooth function of their noise",
    "dirichlet_vae": "the same",
}
#: Weights move by so much: losses of rectifiers have kinks, which a smaller step passes less often.
DISTANCES = (3e-3, 1e-3, 3e-4)
#: Posteriors and priors of their own, beside a recipe of each family.
DENSITIES = ("poincare_vae", "toroidal_vae", "t3_vae", "iaf_vae", "delta_vae", "hvamp_vae", "cat_vae", "riemannian_vae")
CASES = [name for name in RECIPES if name not in OTHER_GRADIENTS]
#: Convolutions take ten times as long; theirs are asked every week.
FAMILIES = [name for name in tiny_recipes.FAMILIES if name not in ("conv_vae", "hierarchical_vae")]


@pytest.mark.parametrize("name", tiny_recipes.by_family(CASES, *DENSITIES, families=FAMILIES))
def test_the_gradient_is_the_slope_of_the_loss(name):
    shape = {1: (9,), 2: (2, 12), 3: (1, 8, 8)}[(RECIPES[name].dimensions or (3,))[0]]
    step = Step(*tiny_recipes.make_tiny(name, shape, seed=0))
    torch.manual_seed(0)
    batch = Batch(torch.rand(12, *shape), torch.arange(12) % 10, torch.arange(12))

    def losses():
        torch.manual_seed(1)
        with noise.seeded_rng(3):
            # Past any warm-up, so that no weight is zero.
            return step(batch, torch.tensor(10**6)).players

    for player in step.players:
        weights = [weight for weight in player.parameters if weight.requires_grad]
        gradients = torch.autograd.grad(losses()[player.name], weights, allow_unused=True, materialize_grads=True)
        length = torch.cat([gradient.flatten() for gradient in gradients]).norm()
        assert any(
            slope_along(gradients, weights, lambda name=player.name: losses()[name], distance / float(length))
            == pytest.approx(float(length**2), rel=0.015)
            for distance in DISTANCES
        )


@torch.no_grad()
def slope_along(direction, weights, loss, share):
    """Return the slope of a loss along a direction, by the difference between both sides."""
    ends = []
    for side in (share, -share):
        torch._foreach_add_(weights, direction, alpha=side)
        ends.append(float(loss()))
        torch._foreach_sub_(weights, direction, alpha=side)
    return (ends[0] - ends[1]) / (2 * share)
