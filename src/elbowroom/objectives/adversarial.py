"""Adversarial terms, with a critic that trains as a second player."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from elbowroom import errors
from elbowroom.models.draw import Draw
from elbowroom.objectives.gan_losses import GANLoss, find_gan_loss
from elbowroom.objectives.gradient_balance import balance_gradients
from elbowroom.objectives.term import Player, Term

#: Settings of a critic's optimizer: slower than most models, as one that learns faster than they do wins at once.
CRITIC_OPTIMIZER: dict[str, Any] = {"lr": 1e-4, "betas": (0.5, 0.9)}
#: What a critic is given: one tensor, (N, *shape), or several.
Inputs = tuple[Tensor, ...]


def permute_dims(z: Tensor) -> Tensor:
    """Shuffle each dimension of (B, D) over the batch on its own: a sample of the product of the marginals.

    >>> z = torch.arange(6.0).reshape(3, 2)
    >>> sorted(permute_dims(z)[:, 0].tolist())
    [0.0, 2.0, 4.0]
    """
    order = torch.rand_like(z).argsort(0)
    return z.gather(0, order)


class DensityRatio(Term):
    r"""Density-ratio estimate of E[log q(z) / r(z)] by a critic that classifies latents z against a reference r.

    The critic D's logit is the log-ratio. With :func:`permute_dims` as reference this is the total correlation of
    Kim & Mnih 2018, arXiv 1802.05983. The critic is a separate player: it minimizes its classification loss on the same
    draw, with Adam at learning rate 1e-4 and betas 0.5 and 0.9, as in the paper.

    Deviation from the paper: the reference is made from the same batch, not from a second one, and not clipped.

    Args:
        critic: (B, D) to one logit each, (B, 1).
        reference: (B, D) latents to (B, D) samples of r.
    """

    name = "density_ratio"

    def __init__(self, critic: nn.Module, reference: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.critic, self.reference = critic, reference

    def forward(self, draw: Draw, step: Tensor) -> Tensor:
        log_ratio: Tensor = self.critic(draw.z[0])
        return log_ratio.mean()

    def adversaries(self) -> list[Player]:
        def compare(draw: Draw) -> tuple[Inputs, Inputs]:
            z = draw.z[0].detach()
            return (z,), (self.reference(z),)

        loss = CriticLoss(self.critic, compare, find_gan_loss("non-saturating"))
        return [Player("critic", loss, list(self.critic.parameters()), CRITIC_OPTIMIZER)]


class PosteriorRatio(Term):
    r"""Estimate of :math:`\mathrm{KL}(q(z \mid x) \,\|\, p(z))` by a critic of examples and latents, nats per example.

    .. math:: E_{q(z \mid x)}[T^*(x, z)], \qquad T^* = \arg\max_T E_{q(z \mid x)} \log \sigma(T(x, z))
        + E_{p(z)} \log (1 - \sigma(T(x, z)))

    Mescheder, Nowozin & Geiger 2017, arXiv 1701.04722: the best critic is :math:`\log q(z \mid x) - \log p(z)`, and its
    own gradient is zero in expectation, so that the posterior needs no density. The critic is a separate player, on
    the same draw; as good as it is, so good is the estimate, which bounds nothing.

    Deviation: plain contrast; the paper's adaptive one compares with a normal of the posterior's moments.

    Args:
        critic: from examples and latents, (N, *shape) and (N, *latent), to one logit each.
        optimizer: settings of the critic's optimizer that differ from the run's.
    """

    name = "kl_estimate"

    def __init__(self, critic: nn.Module, optimizer: Mapping[str, Any] | None = None) -> None:
        super().__init__()
        self.critic = critic
        self.optimizer = CRITIC_OPTIMIZER if optimizer is None else dict(optimizer)

    def forward(self, draw: Draw, step: Tensor) -> Tensor:
        log_ratio: Tensor = self.critic(*_data_with_latent(draw))
        return draw.kl_weight * log_ratio.mean()

    def adversaries(self) -> list[Player]:
        def compare(draw: Draw) -> tuple[Inputs, Inputs]:
            x, z = _data_with_latent(draw)
            return (x, z.detach()), (x, *_prior_latent(draw))

        loss = CriticLoss(self.critic, compare, find_gan_loss("non-saturating"))
        return [Player("critic", loss, list(self.critic.parameters()), self.optimizer)]


class CriticLoss(Term):
    r"""The loss of a critic: half of that on real inputs and half of that on fake ones, averaged over all logits.

    Args:
        critic: from the inputs to logits of any shape.
        compare: gives the real and the fake inputs of a draw, without gradients.
        loss: of both.
        start: the step from which it counts.
        r1: weight of the penalty on the critic's slope at real inputs, :math:`\frac12 \| \nabla_x D(x) \|^2`.
    """

    def __init__(
        self,
        critic: nn.Module,
        compare: Callable[[Draw], tuple[Inputs, Inputs]],
        loss: GANLoss,
        start: int = 0,
        r1: float = 0.0,
    ) -> None:
        super().__init__()
        self.critic = (critic,)  # in a tuple, so that the critic is a submodule of its term alone
        self.compare, self.loss, self.start, self.r1 = compare, loss, start, r1

    def forward(self, draw: Draw, step: Tensor) -> Tensor:
        (critic,) = self.critic
        real, fake = self.compare(draw)
        real_logits, fake_logits = critic(*real), critic(*fake)
        draw.terms["critic_accuracy"] = _accuracy(real_logits, fake_logits, self.loss.threshold)
        value: Tensor = 0.5 * (self.loss.real(real_logits).mean() + self.loss.fake(fake_logits).mean())
        value = value + self.r1 * slope_penalty(critic, real) if self.r1 else value
        return value * (step >= self.start)


def _accuracy(real: Tensor, fake: Tensor, threshold: float) -> Tensor:
    """Return the share of logits on the right side, of which real and fake ones make up half each."""
    shares = [side.float().mean() for side in (real > threshold, fake < threshold)]
    return 0.5 * (shares[0] + shares[1])


def slope_penalty(critic: nn.Module, inputs: Inputs) -> Tensor:
    r"""Return half the squared norm of the gradient of a critic's mean logit by its inputs, mean over examples.

    The R1 penalty of Mescheder, Geiger & Nowozin 2018, arXiv 1801.04406, where the inputs are real.

    >>> critic = nn.Linear(3, 1)
    >>> torch.allclose(slope_penalty(critic, (torch.rand(5, 3),)), 0.5 * critic.weight.square().sum())
    True
    """
    is_training = torch.is_grad_enabled()
    with torch.inference_mode(False), torch.enable_grad():
        leaves = [value.detach().clone().requires_grad_() for value in inputs]
        logits = critic(*leaves).flatten(1).mean(1)
        gradients = torch.autograd.grad(logits.sum(), leaves, create_graph=is_training)
    return 0.5 * torch.stack([g.square().flatten(1).sum(1) for g in gradients]).sum(0).mean()


class Contrast(NamedTuple):
    """What a critic tells apart.

    Attributes:
        real: the inputs of a draw that it is to take for real.
        fake: those that it is not to.
        is_mutual: whether both come from the model, and each is to be taken for the other.
    """

    real: Callable[[Draw], Inputs]
    fake: Callable[[Draw], Inputs]
    is_mutual: bool = False


def masked_mean(draw: Draw, p: Distribution) -> Tensor:
    """Return the mean of p(x|z), (K, B, *shape); cells that miss in the data miss in it too."""
    return p.mean.masked_fill(draw.x.isnan(), torch.nan)


def _data(draw: Draw) -> Inputs:
    return (draw.x,)


def _reconstruction(draw: Draw) -> Inputs:
    return (masked_mean(draw, draw.p).flatten(0, 1),)


def _sample(draw: Draw) -> Inputs:
    return (masked_mean(draw, draw.prior_p).flatten(0, 1),)


def _reconstruction_and_sample(draw: Draw) -> Inputs:
    return (torch.cat((*_reconstruction(draw), *_sample(draw))),)


def _prior_latent(draw: Draw) -> Inputs:
    return (draw.prior_z.flatten(0, 1),)


def _latent(draw: Draw) -> Inputs:
    return (draw.z.flatten(0, 1),)


def _data_with_latent(draw: Draw) -> Inputs:
    return draw.x.expand(len(draw.z), *draw.x.shape).flatten(0, 1), *_latent(draw)


def _sample_with_latent(draw: Draw) -> Inputs:
    return *_sample(draw), *_prior_latent(draw)


#: What is compared, by the name that ``on`` takes.
CONTRASTS: dict[str, Contrast] = {
    "x": Contrast(_data, _reconstruction),
    "samples": Contrast(_data, _sample),
    "x+samples": Contrast(_data, _reconstruction_and_sample),
    "z": Contrast(_prior_latent, _latent),
    "xz": Contrast(_data_with_latent, _sample_with_latent, is_mutual=True),
}


class Adversarial(Term):
    r"""Adversarial loss: what the model makes is to be taken for real by a critic, which trains against it.

    The critic D is a separate player, and minimizes its own loss on the same draw. Neither player's gradient reaches
    the other's parameters. With logits :math:`D`:

    ============== ============================================== ===================
    loss           critic                                         model
    ============== ============================================== ===================
    hinge          ½ (max(0, 1 − D(real)) + max(0, 1 + D(fake)))  −D(fake)
    non-saturating ½ (softplus(−D(real)) + softplus(D(fake)))       softplus(−D(fake))
    least-squares  ½ ((D(real) − 1)² + D(fake)²)                    ½ (D(fake) − 1)²
    ============== ============================================== ===================

    What is compared:

    - ``"x"``: examples with reconstructions. These are the means of p(x|z), not draws from it: pixels of a draw have
      noise of their own, which a critic would find at once, and which most likelihoods pass no gradient through.
    - ``"samples"``: examples with the means of p(x|z) at latents from the prior; ``"x+samples"``: with both.
    - ``"z"``: latents of the prior with those of the posterior (Makhzani et al. 2015, arXiv 1511.05644).
    - ``"xz"``: examples and their latents with samples and theirs, each to be taken for the other: the encoder and the
      decoder of Donahue et al. 2017, arXiv 1605.09782, and Dumoulin et al. 2017, arXiv 1606.00704.

    A row of metrics has the loss before weights as ``adversarial``, its weight as ``adversarial_weight`` where it is
    balanced, the critic's loss as ``critic``, and the share of its logits on the right side as ``critic_accuracy``: a
    half where it sees no difference, 1 where it has won.

    Args:
        critic: from (N, *shape) to logits of any shape, as an :class:`elbowroom.PatchCritic`; from both inputs for
            ``"xz"``. The condition of a conditional model is not shown to it.
        on: what is compared.
        loss: hinge, non-saturating or least-squares.
        start: the step from which the loss counts in the model's; before it is zero.
        balance: a term of the same objective, as ``er.Reconstruction()``: the loss is multiplied with the factor that
            gives it the gradient norm of that term at the decoder's last layer
            (:func:`~elbowroom.objectives.gradient_balance.balance_gradients`). In validation, where there are no
            gradients, it is left out.
        critic_start: the step from which the critic trains; by default that of ``start``, as in Esser et al. 2021.
        r1: weight of the R1 penalty of the critic (:func:`slope_penalty`).
        optimizer: settings of the critic's optimizer that differ from the run's; by default :data:`CRITIC_OPTIMIZER`.

    Raises:
        ValueError: there is no such loss or comparison, or a step or weight is negative.

    >>> import elbowroom as er
    >>> model, elbo = er.recipes.vae((1, 8, 8), latent=2)
    >>> elbo + 0.1 * Adversarial(er.PatchCritic((1, 8, 8), width=8), balance=elbo)
    ((reconstruction + kl) + (0.1 * adversarial))
    """

    def __init__(
        self,
        critic: nn.Module,
        on: str = "x",
        loss: str = "hinge",
        start: int = 0,
        balance: Term | None = None,
        critic_start: int | None = None,
        r1: float = 0.0,
        optimizer: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        if on not in CONTRASTS:
            raise errors.unknown_name("comparison of a critic", on, CONTRASTS)
        critic_start = start if critic_start is None else critic_start
        if min(start, critic_start, r1) < 0:
            raise ValueError(f"start, critic_start and r1 must be at least 0, got {start}, {critic_start} and {r1}")
        self.critic, self.contrast, self.loss, self.start = critic, CONTRASTS[on], find_gan_loss(loss), start
        self.balance = (balance,)  # in a tuple: it is a submodule of the objective where it stands in it
        self.k = 1 if balance is None else balance.k
        self._critic_loss = CriticLoss(critic, self._compare, self.loss, critic_start, r1)
        self.optimizer = CRITIC_OPTIMIZER if optimizer is None else dict(optimizer)

    def forward(self, draw: Draw, step: Tensor) -> Tensor:
        loss = self.loss.generator(self.critic(*self.contrast.fake(draw))).mean()
        if self.contrast.is_mutual:
            loss = loss + self.loss.mirrored(self.critic(*self.contrast.real(draw))).mean()
        draw.terms["adversarial"] = loss.detach()
        return loss * self._weight(loss, draw, step)

    def _weight(self, loss: Tensor, draw: Draw, step: Tensor) -> Tensor:
        is_on, (base,) = (step >= self.start).to(loss.dtype), self.balance
        if base is None:
            return is_on
        weight = is_on * balance_gradients(base(draw, step), loss, draw.decoder.output_weight, len(draw.x))
        draw.terms["adversarial_weight"] = weight
        return weight

    def _compare(self, draw: Draw) -> tuple[Inputs, Inputs]:
        real, fake = ([value.detach() for value in make(draw)] for make in (self.contrast.real, self.contrast.fake))
        return tuple(real), tuple(fake)

    def adversaries(self) -> list[Player]:
        return [Player("critic", self._critic_loss, list(self.critic.parameters()), self.optimizer)]

    def __repr__(self) -> str:
        return "adversarial"


class CriticSimilarity(Term):
    r"""Learned similarity: :math:`\frac12 \| f(x) - f(\hat x) \|^2` per example, in features of the critic.

    Larsen et al. 2016, arXiv 1512.09300: the reconstruction term of the VAE-GAN, in place of -log p(x|z). f is the last
    hidden layer of the critic, and the gradient goes to the model alone: the critic has its own loss. It is as
    :class:`Perceptual`, but for a network that trains on.

    Args:
        adversarial: the term whose critic it is, which stands in the same objective; on examples, with ``features(x)``.
    """

    name = "critic_similarity"

    def __init__(self, adversarial: Adversarial) -> None:
        super().__init__()
        self.adversarial = (adversarial,)  # in a tuple: the critic is a submodule of its own term alone

    def forward(self, draw: Draw, step: Tensor) -> Tensor:
        (adversarial,) = self.adversarial
        features = cast(Callable[[Tensor], list[Tensor]], adversarial.critic.features)
        made = masked_mean(draw, draw.p)
        target = features(draw.x)[-1].flatten(1)
        difference = features(made.flatten(0, 1))[-1].flatten(1).reshape(*made.shape[:2], -1) - target
        return 0.5 * difference.square().sum(-1).mean()
