"""Models with one latent."""

import pytest
import torch

import elbowroom as er


class OneHot(torch.nn.Module):
    def forward(self, c):
        return torch.nn.functional.one_hot(c, 10).float()


def test_a_model_may_be_conditional_throughout(tmp_path):
    """Encoder, decoder and prior all take the condition as a second input."""
    torch.manual_seed(0)
    encoder = er.Conditional(er.MLP((1, 8, 8), 10, size=4), er.DiagonalNormal(2))
    decoder = er.Conditional(er.MLP(2, 10, size=64), er.Bernoulli((1, 8, 8)))
    prior = er.Conditional(er.MLP(10, size=4), er.DiagonalNormal(2))
    model = er.Model(encoder, decoder, prior, OneHot())
    c = torch.tensor([3, 7])
    draw = model.draw(torch.rand(2, 1, 8, 8), c, k=5)
    assert draw.log_w.shape == (5, 2)
    assert model.sample(2, c).shape == (2, 1, 8, 8)
    with pytest.raises(ValueError, match="this model is conditional: give it labels"):
        model.sample(2)
    # The labels come with the batches; the same loop, evaluation and images.
    data = er.load_data("digits")
    run = er.fit(model, er.ELBO(), data, steps=12, out=tmp_path / "run", device="cpu")
    assert run.metrics("test")[-1]["elbo"] < 0
    assert er.evaluate(model, data, samples=3)["elbo"].value < 0
