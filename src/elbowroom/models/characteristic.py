"""A model whose first latents carry a label each, by which it classifies."""

from __future__ import annotations

from torch import Tensor

from elbowroom.models.base import Model
from elbowroom.models.conditional import Conditional
from elbowroom.models.priors import CharacteristicPrior


class CharacteristicModel(Model):
    r"""A model with a latent for each label, of which some examples have one: :math:`p(y)\, p(z \mid y)\, p(x \mid z)`.

    Joy et al. 2021, arXiv 2006.10102. What an example has of a label is in one latent, so that it can be changed, and
    drawn given the label; the further latents are free of labels. Without labels it is a model with the prior
    :math:`\sum_y p(y)\, p(z \mid y)`.

    Deviation: the classifier is Bayes' rule, :math:`q(y \mid z) = p(y \mid z)`, which is the best one for the bound
    of unlabelled examples, where the paper learns a logistic regression beside.

    Args:
        encoder: x to q(z|x).
        decoder: z to p(x|z).
        prior: p(z|y) and p(y).
    """

    prior: CharacteristicPrior
    is_classifier = True
    learns_attributes = True

    def __init__(self, encoder: Conditional, decoder: Conditional, prior: CharacteristicPrior) -> None:
        super().__init__(encoder, decoder, prior)

    @property
    def n_labels(self) -> int:
        return self.prior.labels

    def log_qy(self, x: Tensor) -> Tensor:
        """Return log q(y|x) of classes, each of which is one label, at the posterior mean: (B, classes), nats."""
        return self.label_logits(x).log_softmax(-1)

    def label_logits(self, x: Tensor) -> Tensor:
        """Return the log-odds of each label of examples at the posterior mean: (B, *shape) to (B, labels)."""
        return self.prior.label_logits(self.infer(x).mean)
