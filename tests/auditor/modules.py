"""Modules and models that the auditor's tests share, correct ones and ones with a fault."""

import math

import torch
import torch.nn.functional as F
from torch import nn

import elbowroom as er
from elbowroom.distributions import Normal
from elbowroom.recipes import RECIPES
from tests.tiny_recipes import make_tiny

#: The checks, in their order.
BATCH_SIZE = "the same in any batch size"
ORDER = "the same in any order"
REST_OF_BATCH = "independent of the rest of the batch"
EVAL_MODE = "evaluation mode"
SIDE_EFFECTS = "scoring has no side effects"
CONDITIONAL = "p(x|z) adds up to one"
TOTAL = "total probability is at most one"
WEIGHT = "the weight is p(x, z) / q(z|x)"
BOUND = "the bound grows with k, and stays below log p(x)"
DECODER = "the decoder sees only z"


def make(name="vae", shape=(1, 8, 8), **arguments):
    """Make a small model; latents have one dimension, so that log p(x) is known."""
    # Two numbers at least correlate in a delta_vae, a category of a dvae has two classes, shares, topics and labels are
    # more.
    has_own = name in ("ladder_vae", "biva", "delta_vae", "dvae", "dirichlet_vae", "prod_lda", "ccvae")
    defaults = {} if has_own or "latent" not in RECIPES[name].arguments else {"latent": 1}
    return make_tiny(name, shape, **defaults | arguments)


def failed_checks(result):
    return {outcome.name for outcome in result if outcome.passed is False}


class VAEModule(nn.Module):
    """The usual example of a VAE in PyTorch, with an optional extra layer."""

    def __init__(self, size=64, latent=1, extra=nn.Identity):
        super().__init__()
        torch.manual_seed(0)
        self.encoder = nn.Sequential(nn.Linear(size, 16), extra(16), nn.ReLU())
        self.mu, self.logvar = nn.Linear(16, latent), nn.Linear(16, latent)
        self.decoder = nn.Sequential(nn.Linear(latent, 16), extra(16), nn.ReLU(), nn.Linear(16, size))

    def encode(self, x):
        h = self.encoder(x.flatten(1))
        return self.mu(h), self.logvar(h)

    def decode(self, z):
        return torch.sigmoid(self.decoder(z))

    def forward(self, x):
        mu, logvar = self.encode(x)
        return self.decode(mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)), mu, logvar


class Dropout(nn.Dropout):
    def __init__(self, size):
        super().__init__(0.4)


def first(data, n=13):
    return data.test.first(n).x


def log_weight_parts(module, x, k):
    """log p(x|z), log p(z) and log q(z|x) of k samples, (k, B) each."""
    mu, logvar = module.encode(x)
    z = mu + torch.exp(0.5 * logvar) * torch.randn(k, *mu.shape)
    p = module.decode(z)
    log_px = (x.flatten(1) * p.log() + (1 - x.flatten(1)) * (1 - p).log()).sum(-1)
    log_pz, log_qz = Normal(0 * mu, 0 * mu).log_prob(z), Normal(mu, logvar).log_prob(z)
    return log_px, log_pz, log_qz


def importance_bound(module, x, k):
    log_px, log_pz, log_qz = log_weight_parts(module, x, k)
    return (log_px + log_pz - log_qz).logsumexp(0) - math.log(k)


def bernoulli_log_px(module, x, z):
    return -F.binary_cross_entropy(module.decode(z), x.flatten(1), reduction="none").sum(1)


class ModelWithFault(er.Model):
    """A model whose draws are changed by ``change_draw``."""

    def draw(self, x, c=None, k=1):
        return self.change_draw(super().draw(x, c, k))


def model_with_fault(change, latent=2, decoder=None):
    torch.manual_seed(0)
    encoder = er.Conditional.mlp((1, 8, 8), er.DiagonalNormal(latent), (16,))
    decoder = decoder or er.Conditional.mlp(latent, er.Bernoulli((1, 8, 8)), (16,))
    model = ModelWithFault(encoder, decoder, er.StandardNormal(latent))
    model.change_draw = change
    return model
