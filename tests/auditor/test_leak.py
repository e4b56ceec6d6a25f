"""Decoders and priors that see more than z."""

import torch
from torch import nn

import elbowroom as er
from elbowroom.auditor import audit
from elbowroom.distributions import Normal
from tests.auditor.modules import BOUND, DECODER, VAEModule, first, model_with_fault


def test_decoder_that_stores_x_fails(binary_digits):
    class CachingModule(VAEModule):
        def encode(self, x):
            self.last_x = x.flatten(1)
            return super().encode(x)

        def decode(self, z):
            reconstruction = super().decode(z)
            matches = self.last_x.shape == reconstruction.shape
            return 0.5 * reconstruction + 0.5 * self.last_x if matches else reconstruction

    result = audit(CachingModule(), first(binary_digits))
    assert "depends on the x encoded before" in result[DECODER].evidence
    assert result[DECODER].passed is False


def test_skip_connection_fails(binary_digits):
    class SkipConnection(VAEModule):
        def forward(self, x):
            reconstruction, mu, logvar = super().forward(x)
            return 0.5 * reconstruction + 0.5 * x.flatten(1), mu, logvar

    result = audit(SkipConnection(), first(binary_digits))
    assert "forward without noise does not return decode(mu)" in result[DECODER].evidence
    # The bound exceeds log p(x) as well.
    assert result[BOUND].passed is False


class LeakyEncoder(nn.Module):
    """An encoder that passes x to the decoder past z."""

    def __init__(self, inner, decoder):
        super().__init__()
        self.inner, self.family, self.decoder = inner, inner.family, decoder

    def forward(self, x):
        self.decoder.leaked_x = x
        return self.inner(x)


class LeakyDecoder(er.Conditional):
    leaked_x = None

    def forward(self, z):
        logits = self.net(z)
        matches = self.leaked_x is not None and self.leaked_x.shape[0] == logits.shape[-2]
        return self.family(logits + 4 * self.leaked_x.flatten(1) - 2 if matches else logits)


def test_elbowroom_decoder_that_sees_x_fails(binary_digits):
    torch.manual_seed(0)
    decoder = LeakyDecoder(er.MLP(2, size=64, hidden=(16,)), er.Bernoulli((1, 8, 8)))
    encoder = LeakyEncoder(er.Conditional.mlp((1, 8, 8), er.DiagonalNormal(2), (16,)), decoder)
    result = audit(er.Model(encoder, decoder, er.StandardNormal(2)), binary_digits)
    assert result[DECODER].passed is False
    assert "for fixed z, p(x|z) depends on the x that was encoded" in result[DECODER].evidence


def test_prior_that_sees_x_fails(binary_digits):
    def with_posterior_as_prior(draw):
        draw.latents[0].prior = Normal(draw.q.loc, draw.q.log_var)
        return draw

    result = audit(model_with_fault(with_posterior_as_prior), binary_digits)
    assert "p(z) depends on the x that was encoded" in result[DECODER].evidence
    assert result[DECODER].passed is False


def test_elbowroom_model_is_scored_in_evaluation_mode(binary_digits):
    torch.manual_seed(0)

    class Normed(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.norm, self.last = nn.Linear(2, 16), nn.BatchNorm1d(16), nn.Linear(16, 64)

        def forward(self, z):
            h = self.first(z)
            return self.last(self.norm(h.flatten(0, -2)).reshape(h.shape).relu())

    decoder = er.Conditional(Normed(), er.Bernoulli((1, 8, 8)))
    model = model_with_fault(lambda draw: draw, decoder=decoder)
    result = audit(model, binary_digits)
    assert result.passed, result
    assert "in training mode it would depend on them by" in result[DECODER].evidence
