"""Priors made of posteriors at examples: learned ones (VampPrior), or those of the data (Exemplar VAE)."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from elbowroom.distributions import Normal, mixture
from elbowroom.distributions.latent import DiagonalNormalMixture
from elbowroom.models.conditional import Conditional
from elbowroom.models.priors.registry import PriorContext, parse_count, register_prior

#: The distance from 0 and 1 at which a pseudo-input starts in bounded data: at the bound a sigmoid has no gradient.
PSEUDO_INPUT_MARGIN = 0.05
#: Standard deviation of the noise on the examples that pseudo-inputs start at, before the sigmoid.
PSEUDO_INPUT_NOISE = 0.01


class ExamplePrior(nn.Module, ABC):
    """A prior that starts from training examples, of the latents that the encoder maps examples to."""

    @property
    @abstractmethod
    def n_initial_examples(self) -> int:
        """How many training examples :meth:`initialize` takes."""

    @abstractmethod
    def initialize(self, x: Tensor, generator: torch.Generator) -> None:
        """Set the examples, (B, *shape), from which it starts; ``generator`` is for further draws."""

    def score_training(self, x: Tensor) -> Distribution:
        """Return p(z) as it scores the latents of training examples (B, *shape), batch () or (B,)."""
        density: Distribution = self()
        return density


class VampPrior(ExamplePrior):
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

    @property
    def n_initial_examples(self) -> int:
        return len(self.raw)

    def initialize(self, x: Tensor, generator: torch.Generator) -> None:
        self.set_pseudo_inputs(x, generator)

    @torch.no_grad()
    def set_pseudo_inputs(self, x: Tensor, generator: torch.Generator) -> None:
        """Set the pseudo-inputs to examples, (B, *shape), in turn, each with noise, so that repeated ones differ."""
        examples = x[torch.arange(len(self.raw)) % len(x)]
        if self.bounded:
            examples = examples.clamp(PSEUDO_INPUT_MARGIN, 1 - PSEUDO_INPUT_MARGIN).logit()
        self.raw.copy_(examples + PSEUDO_INPUT_NOISE * torch.randn(examples.shape, generator=generator))

    def forward(self) -> Distribution:
        return mixture(self.logits, self.encoder(self.pseudo_inputs))


class ExemplarPrior(ExamplePrior):
    r"""A mixture about the latents of training examples that it holds: :math:`p(z) = \frac1C \sum_c r(z \mid x_c)`.

    .. math:: r(z \mid x_c) = \mathcal N(z; \mu(x_c), \sigma^2 I)

    Norouzi, Fleet & Norouzi 2020, arXiv 2004.04795: :math:`\mu` is the mean of the encoder, :math:`\sigma` one learned
    number. In training the prior of an example leaves it out, if it is held (leave-one-out): it would else be at the
    center of a component of its own. Held examples are found by their values; where these are drawn anew at every step,
    as those of a dynamic binarization, the nearest in the mean absolute difference, below :data:`SAME_EXAMPLE`, counts.

    Deviation: it holds C examples, drawn once and saved with the run, and takes all of them at each step, where the
    paper has all training examples, takes a random subset of them, and of it the nearest.

    Args:
        encoder: that of the model; the prior trains it too.
        components: C, the number of examples.
        shape: of an example.
    """

    examples: Tensor
    logits: Tensor

    def __init__(self, encoder: Conditional, components: int, shape: tuple[int, ...]) -> None:
        super().__init__()
        if components < 2:
            raise ValueError(f"an exemplar prior needs at least 2 examples, one may be left out, got {components}")
        self.encoder = encoder
        self.numbers_per_latent = components * math.prod(encoder.family.shape)
        self.register_buffer("examples", torch.rand(components, *shape))
        self.register_buffer("logits", torch.zeros(components), persistent=False)
        self.log_var = nn.Parameter(torch.zeros(()))

    @property
    def n_initial_examples(self) -> int:
        return len(self.examples)

    @torch.no_grad()
    def initialize(self, x: Tensor, generator: torch.Generator) -> None:
        if (wanted := len(self.examples)) > len(x):
            raise ValueError(
                f"the exemplar prior is about {wanted:,} training examples, and there are {len(x):,}: "
                f"give it {len(x)} or fewer, as exemplar:{len(x)}, or exemplar_vae with components={len(x)}"
            )
        self.examples.copy_(x[:wanted])

    def forward(self) -> Distribution:
        return mixture(self.logits, self._components())

    def score_training(self, x: Tensor) -> Distribution:
        """Return p(z) without the examples themselves, (B, *shape), where they are held: batch (B,)."""
        return LeaveOneOutMixture(self._components(), self.find_held(x))

    @torch.no_grad()
    def find_held(self, x: Tensor) -> Tensor:
        """Return which of the held examples each of these is, (B, C), at most :data:`SAME_EXAMPLE` apart."""
        x, held = x.flatten(1).nan_to_num(0.0), self.examples.flatten(1)
        distance = torch.cdist(x, held, p=1) / x.shape[1]
        return (distance < SAME_EXAMPLE) & (distance == distance.min(1, keepdim=True).values)

    def _components(self) -> Normal:
        loc = self.encoder(self.examples).mean
        return Normal(loc, self.log_var.expand_as(loc), loc.dim() - 1)


#: The largest mean absolute difference of an example and the one that is held, per value: pixels that are drawn anew
#: differ by some hundredths, those of two digits by a tenth.
SAME_EXAMPLE = 0.05


class LeaveOneOutMixture(DiagonalNormalMixture):
    """An equal mixture of normals, for each of a batch of examples without some components.

    Args:
        components: the normals, batch (C,).
        left_out: which of them do not count, (B, C).
    """

    def __init__(self, components: Normal, left_out: Tensor) -> None:
        weights = mixture(components.loc.new_zeros(left_out.shape[1]), components)
        super().__init__(weights.mixture_distribution, components, validate_args=False)
        self.left_out = left_out

    def log_prob(self, z: Tensor) -> Tensor:
        scores = self.component_scores(z).masked_fill(self.left_out, -torch.inf)
        count = (~self.left_out).sum(-1)
        return (scores.logsumexp(-1) - count.log()).to(z.dtype)


@register_prior(
    "vamp",
    "A mixture of posteriors at learned pseudo-inputs (Tomczak & Welling 2018, arXiv 1705.07120).",
    "COMPONENTS",
    parse_count,
)
def vamp(context: PriorContext, components: int = 500) -> VampPrior:
    """Return a VampPrior of so many pseudo-inputs."""
    return VampPrior(context.encoder, components, context.shape, context.bounded)


@register_prior(
    "exemplar",
    "A mixture about the latents of training examples (Norouzi, Fleet & Norouzi 2020, arXiv 2004.04795).",
    "EXAMPLES",
    parse_count,
)
def exemplar(context: PriorContext, components: int = 500) -> ExemplarPrior:
    """Return a prior about so many training examples."""
    return ExemplarPrior(context.encoder, components, context.shape)
