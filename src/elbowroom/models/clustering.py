"""A model whose clusters are the components of its prior, with the start that they need."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from elbowroom.models.base import Model
from elbowroom.models.conditional import Conditional
from elbowroom.models.inputs import as_examples, check_examples
from elbowroom.models.priors import Mixture

#: Training examples that the clusters are started from, at most.
MAX_INITIAL_EXAMPLES = 10_000
#: Examples in a step of the pretraining.
PRETRAINING_BATCH_SIZE = 128
#: Learning rate of the pretraining, by Adam.
PRETRAINING_RATE = 1e-3


class ClusteringModel(Model):
    r"""A model with a mixture prior, whose components are clusters.

    A mixture that starts at random keeps few of its components. As in Jiang et al. 2017, arXiv 1611.05148, encoder and
    decoder are therefore pretrained as a plain autoencoder, and a mixture of diagonal normals, started by k-means, is
    fitted to its latents, before the first step of a training.

    Deviations from the paper: layers are pretrained together, not one after the other, on at most
    :data:`MAX_INITIAL_EXAMPLES` training examples.

    Args:
        encoder: q(z|x).
        decoder: p(x|z).
        prior: whose components are the clusters.
        pretraining: steps of the pretraining; 0 for none, in which case the mixture starts at the latents of random
            weights.
    """

    prior: Mixture

    def __init__(self, encoder: Conditional, decoder: Conditional, prior: Mixture, pretraining: int = 2000) -> None:
        super().__init__(encoder, decoder, prior)
        if pretraining < 0:
            raise ValueError(f"pretraining is a number of steps, at least 0, got {pretraining}")
        self.pretraining = pretraining

    @property
    def n_clusters(self) -> int:
        return len(self.prior.logits)

    @property
    def n_initial_examples(self) -> int:
        return MAX_INITIAL_EXAMPLES

    def initialize(self, x: Tensor, generator: torch.Generator) -> None:
        """Pretrain encoder and decoder as an autoencoder, and fit the prior to the latents, on these examples."""
        self._pretrain(x, generator)
        with self._eval_mode():
            posteriors = [
                self.encoder(x[start : start + PRETRAINING_BATCH_SIZE])
                for start in range(0, len(x), PRETRAINING_BATCH_SIZE)
            ]
        mean, variance = torch.cat([q.mean for q in posteriors]), torch.cat([q.variance for q in posteriors])
        if len(mean) > self.n_clusters:
            self.prior.fit(mean, variance.mean(0), generator)

    def _pretrain(self, x: Tensor, generator: torch.Generator) -> None:
        parameters = [*self.encoder.parameters(), *self.decoder.parameters()]
        optimizer = torch.optim.Adam(parameters, PRETRAINING_RATE)
        for _ in range(self.pretraining):
            batch = x[torch.randint(len(x), (PRETRAINING_BATCH_SIZE,), generator=generator)]
            optimizer.zero_grad()
            (-self.decoder(self.encoder(batch).mean).log_prob(batch).mean()).backward()
            optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    def cluster(self, x: Any) -> Tensor:
        r"""Return the responsibilities of the clusters, :math:`p(c \mid z)` at the posterior mean, (B, clusters).

        Args:
            x: examples, as for :meth:`encode`.
        """
        with self._eval_mode():
            z = self.posterior(check_examples(self, as_examples(self, x))).mean
            return self.prior.responsibilities(z)
