"""The model of any values of an example given any others: prior, posterior and decoder know which are visible."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.distributions import Distribution

from elbowroom.distributions.elements import ObservedValues
from elbowroom.families import DiagonalNormal, Family
from elbowroom.families.observed import Observed
from elbowroom.models.base import GenerativeModel
from elbowroom.models.conditional import Conditional
from elbowroom.models.draw import Draw, Latent
from elbowroom.models.inputs import check_examples, takes_examples, takes_latents
from elbowroom.models.proposals import Proposals
from elbowroom.networks import MLP
from elbowroom.networks.gap_context import GapContext
from elbowroom.networks.inputs import Shape

#: The share of examples that hide any share of their values although others have gaps, so that z is also trained to be
#: decoded with nothing visible.
UNIFORM_SHARE = 0.1


class MaskedConditional(GenerativeModel):
    r"""A VAE of the hidden values of an example given the visible ones, whichever they are.

    .. math:: \log p(x_h \mid x_v) \ge E_{q(z \mid x, v)}[\log p(x_h \mid z, x_v)]
        - \mathrm{KL}(q(z \mid x, v) \,\|\, p(z \mid x_v))

    In training a draw hides values at random, by default those that another example lacks, so that it is trained on the
    gaps of the data; a value that is missing (NaN) is never visible, and scored by nobody. In evaluation a draw hides
    all, so that its bound is one of log p(x), as that of any other model. Latents are decoded with nothing visible.

    Ivanov, Figurnov & Vetrov 2019, arXiv 1806.02382.

    Args:
        shape: of an example, or a table's row.
        family: p(x|z, x_v). If its values are not independent given z, the visible ones are scored too.
        latent: size of the latent z.
        hidden: widths of the hidden layers of the three networks; the decoder mirrors them.
        activation: of the hidden layers.
        hide: the share of values that are hidden in training; 0 for the gaps of another example of the batch and, for a
            tenth of the examples and those whose other one has none, a share uniform in (0, 1).

    >>> from elbowroom.families import likelihood
    >>> from elbowroom.table_shape import TableShape
    >>> row = TableShape((1, 3))
    >>> model = MaskedConditional(row, likelihood("columns", row), latent=2)
    >>> model.propose_missing(torch.tensor([[0.5, torch.nan]]), k=4).values.shape
    torch.Size([4, 1, 2])
    """

    def __init__(
        self,
        shape: Shape,
        family: Family,
        latent: int,
        hidden: Sequence[int] = (256, 256),
        activation: str = "relu",
        hide: float = 0.0,
    ) -> None:
        super().__init__()
        if not 0 <= hide < 1:
            raise ValueError(f"hide is the share of values that training hides, from 0 to below 1, got {hide:g}")
        self.hide, self.latent_shape = hide, (latent,)
        self.scores_hidden = family.missing or _is_elementwise(family)
        self.context, normal = GapContext(shape), DiagonalNormal(latent)
        n = self.context.size
        self.encoder = Conditional(MLP(n, n, size=normal.size, hidden=hidden, activation=activation), normal)
        self.prior = Conditional(MLP(n, size=normal.size, hidden=hidden, activation=activation), normal)
        widths = hidden[::-1]
        self.decoder = Conditional(MLP(latent, n, size=family.size, hidden=widths, activation=activation), family)

    @takes_examples
    def draw(self, x: Tensor, c: Tensor | None = None, k: int = 1) -> Draw:
        is_visible = self._choose_visible(x)
        context = self.context(x.masked_fill(~is_visible, torch.nan))
        q = self.encoder(self.context(x), context)
        z = q.rsample(torch.Size((k,)))
        p, latent = self.decoder(z, context), Latent(z, q, self.prior(context))
        if not (self.training and self.scores_hidden):
            return Draw(x, p, latent)
        return Draw(
            x.masked_fill(is_visible, torch.nan), p if self.decoder.family.missing else ObservedValues(p), latent
        )

    def _choose_visible(self, x: Tensor) -> Tensor:
        """Return which values are visible, like x: some in training, in evaluation none."""
        is_known = ~x.isnan()
        if not self.training:
            return torch.zeros_like(is_known)
        if self.hide:
            return is_known & (torch.rand_like(x) >= self.hide)
        shares = x.new_empty(len(x), *[1] * (x.dim() - 1)).uniform_()
        others = is_known.roll(1, 0)
        # Rows of the batch are in a random order, so that the one before is any other.
        has_gaps = ~others.flatten(1).all(1).reshape(shares.shape)
        by_others = has_gaps & (torch.rand_like(shares) >= UNIFORM_SHARE)
        return is_known & torch.where(by_others, others, torch.rand_like(x) >= shares)

    def _empty_context(self) -> Tensor:
        """Return the context of an example of which nothing is visible, (n,)."""
        weight = self.decoder.output_weight
        context: Tensor = self.context(weight.new_full(self.shape, torch.nan))
        return context

    def latent_prior(self, c: Tensor | None = None) -> Distribution:
        prior: Distribution = self.prior(self._empty_context())
        return prior

    @takes_latents
    def decode(self, z: Tensor, c: Tensor | None = None) -> Distribution:
        self.refuse_condition(c)
        p: Distribution = self.decoder(z, self._empty_context())
        return p

    @takes_examples
    def propose_missing(self, x: Tensor, c: Tensor | None = None, k: int = 1) -> Proposals:
        """Return values drawn from p(x|z, x_v), z from p(z|x_v): draws of the conditional itself, of equal weight."""
        with self._eval_mode():
            context = self.context(check_examples(self, x))
            p = self.decoder(self.prior(context).rsample(torch.Size((k,))), context)
            return Proposals(p.sample(), x.new_zeros(k, len(x)), p)


def _is_elementwise(family: Family) -> bool:
    """Return whether a family has a log-probability of each value, so that hidden ones can be scored alone."""
    try:
        Observed(family)
    except ValueError:
        return False
    return True
