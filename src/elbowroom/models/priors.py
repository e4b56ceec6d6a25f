"""Priors p(z): standard normal, learned mixture, VampPrior, codebook frequencies.

Each has ``numbers_per_latent``: how many numbers it keeps in memory to score one latent, which limits the batch size.
"""

from __future__ import annotations

import math
import warnings

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from elbowroom import errors
from elbowroom.deprecation import renamed_arguments
from elbowroom.distributions import CodeCategorical, Normal, mixture
from elbowroom.families import Quantizer
from elbowroom.families.base import Shape
from elbowroom.models.conditional import Conditional

#: The distance from 0 and 1 at which a pseudo-input starts in bounded data: at the bound a sigmoid has no gradient.
PSEUDO_INPUT_MARGIN = 0.05
#: Standard deviation of the noise on the examples that pseudo-inputs start at, before the sigmoid.
PSEUDO_INPUT_NOISE = 0.01


class StandardNormal(nn.Module):
    """N(0, I) over a latent of this size or shape, independent of any condition.

    >>> StandardNormal(2)().log_prob(torch.zeros(2)), StandardNormal((4, 8, 6))().event_shape
    (tensor(-1.8379), torch.Size([4, 8, 6]))
    """

    zero: Tensor

    def __init__(self, latent: Shape) -> None:
        super().__init__()
        self.register_buffer("zero", torch.zeros(latent), persistent=False)
        self.numbers_per_latent = self.zero.numel()

    def forward(self, *condition: Tensor) -> Normal:
        zero = self.zero.expand(condition[0].shape[0], *self.zero.shape) if condition else self.zero
        return Normal(zero, zero, self.zero.dim())


class Mixture(nn.Module):
    """A learned mixture of diagonal normals; its KL is estimated from the draw.

    Args:
        latent: size or shape of z.
        components: the number of normals.

    >>> Mixture(2, components=5)().sample((3,)).shape
    torch.Size([3, 2])
    """

    def __init__(self, latent: Shape, components: int = 10) -> None:
        super().__init__()
        if components < 1:
            raise ValueError(f"a mixture needs at least 1 component, got {components}")
        shape = (latent,) if isinstance(latent, int) else tuple(latent)
        self.logits = nn.Parameter(torch.zeros(components))
        self.loc = nn.Parameter(torch.randn(components, *shape))
        self.log_var = nn.Parameter(torch.zeros(components, *shape))
        self.numbers_per_latent = self.loc.numel()

    def forward(self) -> Distribution:
        return mixture(self.logits, self._components())

    def _components(self) -> Normal:
        return Normal(self.loc, self.log_var, self.loc.dim() - 1)

    def responsibilities(self, z: Tensor) -> Tensor:
        r"""Return :math:`p(c \mid z)`, each component's share of the density of latents: (B, *latent) to (B, C)."""
        scores: Tensor = self._components().log_prob(z[:, None])
        return (scores + self.logits.log_softmax(-1)).softmax(-1)

    @torch.no_grad()
    def fit(self, z: Tensor, variance: Tensor, generator: torch.Generator) -> None:
        """Set the components by expectation maximization on latents (N, *latent), N > C, from a start by k-means.

        Args:
            z: posterior means.
            variance: the mean variance of the posteriors, (*latent,), which is added to that of the means: a component
                is then the density of its posteriors together, and no posterior is wider than the prior.
            generator: of the start.
        """
        from sklearn.mixture import GaussianMixture

        seed = int(torch.randint(2**31 - 1, (), generator=generator))
        estimator = GaussianMixture(len(self.logits), covariance_type="diag", random_state=seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a start need not have converged
            estimator.fit(z.flatten(1).double().cpu().numpy())
        self.loc.copy_(torch.as_tensor(estimator.means_).reshape(self.loc.shape))
        covariances = torch.as_tensor(estimator.covariances_).reshape(self.loc.shape)
        self.log_var.copy_((covariances + variance.cpu()).log())
        self.logits.copy_(torch.as_tensor(estimator.weights_).log())


class VampPrior(nn.Module):
    r"""A mixture of the encoder's posteriors at learned pseudo-inputs: :math:`p(z) = \frac1C \sum_c q(z \mid u_c)`.

    Tomczak & Welling 2018, arXiv 1705.07120. Before a training they are set to training examples, as in the authors'
    code: of those that start as noise, many stay where the encoder maps anything unlike the data. Deviation: they are
    squashed into the data's range by a sigmoid where the paper clips them, since a clipped one has no gradient.

    Args:
        encoder: that of the model; the prior trains it too.
        components: the number of pseudo-inputs.
        shape: of an example.
        bounded: whether the data lies in [0, 1].
    """

    logits: Tensor

    def __init__(self, encoder: Conditional, components: int, shape: tuple[int, ...], bounded: bool = True) -> None:
        super().__init__()
        if components < 1:
            raise ValueError(f"a VampPrior needs at least 1 pseudo-input, got {components}")
        self.encoder, self.bounded = encoder, bounded
        self.numbers_per_latent = components * math.prod(encoder.family.shape)
        self.raw = nn.Parameter(torch.randn(components, *shape))
        self.register_buffer("logits", torch.zeros(components), persistent=False)

    @property
    def pseudo_inputs(self) -> Tensor:
        """The inputs of the encoder, (components, *shape)."""
        return self.raw.sigmoid() if self.bounded else self.raw

    @torch.no_grad()
    def set_pseudo_inputs(self, x: Tensor, generator: torch.Generator) -> None:
        """Set the pseudo-inputs to examples, (B, *shape), in turn, each with noise, so that repeated ones differ."""
        examples = x[torch.arange(len(self.raw)) % len(x)]
        if self.bounded:
            examples = examples.clamp(PSEUDO_INPUT_MARGIN, 1 - PSEUDO_INPUT_MARGIN).logit()
        self.raw.copy_(examples + PSEUDO_INPUT_NOISE * torch.randn(examples.shape, generator=generator))

    def forward(self) -> Distribution:
        return mixture(self.logits, self.encoder(self.pseudo_inputs))


#: The priors that a recipe takes by name, and what each is.
PRIORS = {
    "standard": "The standard normal.",
    "mixture": "A learned mixture of normals.",
    "vamp": "A mixture of posteriors at learned pseudo-inputs (Tomczak & Welling 2018, arXiv 1705.07120).",
}
#: Components of a learned prior whose number is not given.
DEFAULT_COMPONENTS = {"mixture": 10, "vamp": 500}


def make_prior(name: str, encoder: Conditional, shape: tuple[int, ...], bounded: bool) -> nn.Module:
    """Make a prior by its name: standard, mixture[:K] or vamp[:K], with K components.

    Args:
        name: of the prior.
        encoder: that of the model; its latent is a vector or a map of numbers.
        shape: of an example.
        bounded: whether the data lies in [0, 1].

    Raises:
        ValueError: there is no such prior, or K is no number of components.

    >>> import elbowroom as er
    >>> encoder = er.Conditional.mlp((1, 8, 8), er.DiagonalNormal(2))
    >>> make_prior("mixture:5", encoder, (1, 8, 8), bounded=True)().mixture_distribution.logits.shape
    torch.Size([5])
    """
    latent = encoder.family.shape
    kind, colon, count = name.partition(":")
    if kind not in PRIORS:
        raise errors.unknown_name("prior", kind, PRIORS)
    if kind == "standard" and not colon:
        return StandardNormal(latent)
    if kind == "standard" or (colon and not count.isdecimal()):
        raise ValueError(f"prior '{name}': write standard, or mixture:K or vamp:K with a number of components")
    components = int(count) if colon else DEFAULT_COMPONENTS[kind]
    if kind == "mixture":
        return Mixture(latent, components)
    return VampPrior(encoder, components, shape, bounded)


class CodePrior(nn.Module):
    """A learned probability for every value of every sub-index at every position, all independent.

    Its cross-entropy is the KL of a quantized posterior, so the ELBO trains it.

    Args:
        quantizer: that of the model.
    """

    @renamed_arguments({"codebook": "quantizer"})
    def __init__(self, quantizer: Quantizer) -> None:
        super().__init__()
        self.codebook = quantizer
        self.logits = nn.Parameter(torch.zeros(quantizer.shape[0], sum(quantizer.index_sizes)))
        self.numbers_per_latent = self.logits.numel()

    def forward(self) -> CodeCategorical:
        return CodeCategorical(self.logits, self.codebook)
