"""The hierarchy of two latents against its parts, and the linear-Gaussian model."""

import torch
from torch import nn

import elbowroom as er
from elbowroom.distributions import Normal


class Affine(nn.Module):
    """An affine map of its inputs to the mean of a normal of fixed variance, or to its own mean."""

    def __init__(self, *weights, log_var=None):
        super().__init__()
        self.weights, self.log_var = weights, log_var
        self.family = er.DiagonalNormal(1) if log_var is not None else er.Gaussian(1, 0.5)

    def forward(self, *inputs):
        loc = sum(weight * value for weight, value in zip(self.weights, inputs, strict=True))
        return self.family(loc) if self.log_var is None else Normal(loc, torch.full_like(loc, self.log_var))


def test_at_the_exact_posteriors_every_weight_is_the_likelihood():
    """z2 ~ N(0, 1), z1 = z2 / 2 + N(0, 1), x = z1 + z2 + N(0, 1/4): x ~ N(0, 3.5)."""
    joint = torch.tensor([[3.5, 1.75, 1.5], [1.75, 1.25, 0.5], [1.5, 0.5, 1.0]])  # of x, z1, z2
    var2 = 1 - joint[0, 2] ** 2 / joint[0, 0]
    given = joint[[0, 2]][:, [0, 2]]
    gain = joint[1, [0, 2]] @ given.inverse()
    var1 = joint[1, 1] - gain @ joint[[0, 2], 1]
    model = er.TwoLevel(
        Affine(joint[0, 2] / joint[0, 0], log_var=var2.log().item()),
        Affine(gain[0], gain[1], log_var=var1.log().item()),
        Affine(0.5, log_var=0.0),
        Affine(1.0, 1.0),
        er.StandardNormal(1),
    )
    x = torch.randn(6, 1)
    log_w = model.draw(x, k=4).log_w
    expected = torch.distributions.Normal(0, 3.5**0.5).log_prob(x[:, 0])
    torch.testing.assert_close(log_w, expected.expand(4, 6), atol=1e-4, rtol=0)


def test_the_upper_latent_may_have_any_prior_and_is_walked():
    torch.manual_seed(0)
    for prior in ("standard", "vamp:3", "exemplar:3", "flow:maf:1"):
        model, objective = er.recipes.hvamp_vae((1, 8, 8), latent=2, prior=prior, hidden=(16,))
        assert objective(model.draw(torch.rand(5, 1, 8, 8), k=2), torch.tensor(0)).isfinite()
        assert model.n_initial_examples == (3 if ":3" in prior else 0)
    assert torch.equal(model.sample(z=torch.zeros(2, 2)), model.sample(z=torch.zeros(2, 2)))
