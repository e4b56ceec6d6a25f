"""Steps of a sequence: how examples are taken apart into steps, and what happens at each."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from elbowroom.masked_shape import MaskedShape
from elbowroom.networks.causal import CausalNetwork, Emitter
from elbowroom.networks.inputs import Shape, input_layers, normalize_shapes
from elbowroom.networks.mlp import MLP

#: Bound on log-variances: a factor of 150 to 1/150.
LOG_VAR_BOUND = 5.0


class StepLayout:
    """How an example is a sequence: a series (C, T) of steps, an image (C, H, W) of rows, a vector of values.

    Args:
        shape: of an example.

    Attributes:
        steps: T, how many there are.
        size: how many numbers a step has.
        step_shape: of the numbers of a step as the input of a network, which of them may be missing.
        element_shape: of one step as an example.

    >>> layout = StepLayout((2, 5, 3))
    >>> layout.steps, layout.size, layout.element_shape
    (5, 6, (2, 1, 3))
    >>> x = torch.rand(4, 2, 5, 3)
    >>> torch.equal(layout.assemble(layout.split(x)), x)
    True
    """

    def __init__(self, shape: Sequence[int]) -> None:
        self._example_shape = tuple(shape)
        self.shape = tuple(shape) if len(shape) > 1 else (1, *shape)
        self.steps, self.size = self.shape[1], math.prod(self.shape) // self.shape[1]
        self.element_shape = (1,) if len(shape) == 1 else (shape[0], 1, *shape[2:])
        self.step_shape: Shape = MaskedShape((self.size,)) if isinstance(shape, MaskedShape) else self.size
        self._dims, self._n_other = len(shape), len(self.shape) - 2

    def split(self, x: Tensor) -> Tensor:
        """Return the steps of examples: (..., *shape) to (..., T, size)."""
        x = x.unsqueeze(-2) if self._dims == 1 else x
        return x.movedim(-1 - self._n_other, -2 - self._n_other).flatten(-1 - self._n_other)

    def find_last(self, steps: Tensor) -> Tensor:
        """Return the index of the last step of each sequence, (..., T, size) to (...): the last one with a value.

        >>> StepLayout((1, 4)).find_last(torch.tensor([[1.0], [torch.nan], [3.0], [torch.nan]]))
        tensor(2)
        """
        is_observed = ~steps.isnan().all(-1)
        return (is_observed * torch.arange(self.steps, device=steps.device)).amax(-1)

    def assemble(self, steps: Tensor) -> Tensor:
        """Return examples of their steps: (..., T, size) to (..., *shape)."""
        return torch.unflatten(self.join(steps), -1, self._example_shape)

    def join(self, phi: Tensor) -> Tensor:
        """Return parameters of steps, (..., T, per_element · size), as a family takes them: (..., numbers)."""
        channels, _, *others = self.shape
        by_element = torch.unflatten(phi, -1, (-1, channels, *others))
        return by_element.movedim(-3 - self._n_other, -1 - self._n_other).flatten(-3 - self._n_other)


class StepCell(nn.Module, ABC):
    r"""One step of a model with a latent at each step, given a state of what was before.

    .. math:: p(z_t \mid h_t),\ q(z_t \mid h_t, a_t),\ p(x_t \mid h_t, z_t),\ h_{t+1} = f(h_t, z_t, x_t)

    Attributes:
        latent: numbers of the latent of a step.
        reads_x: whether the state depends on x.
    """

    latent: int
    reads_x: bool = False

    @abstractmethod
    def initial_state(self, n: int) -> Tensor:
        """Return the state before the first step, (n, H)."""

    @abstractmethod
    def prior(self, state: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log-variance of the latent's prior, (n, latent) each."""

    @abstractmethod
    def posterior(self, state: Tensor, features: Tensor) -> tuple[Tensor, Tensor]:
        """Return those of the posterior, given the encoder's features of the step."""

    @abstractmethod
    def emit(self, state: Tensor, z: Tensor) -> Tensor:
        """Return the parameters of a step of x, (n, numbers)."""

    @abstractmethod
    def update(self, state: Tensor, z: Tensor, x: Tensor | None) -> Tensor:
        """Return the next state; x of the step is there if the cell reads it."""

    def place(self, state: Tensor, eps: Tensor) -> Tensor:
        """Return the latent at a distance from the mean of its prior, in standard deviations of it."""
        loc, log_var = self.prior(state)
        return loc + (0.5 * log_var).exp() * eps


class StepDecoder(nn.Module):
    """The steps of a cell that does not read x, from standardized latents (..., T, latent) to (..., numbers)."""

    def __init__(self, cell: StepCell, layout: StepLayout) -> None:
        super().__init__()
        self.cell, self.layout = cell, layout

    def forward(self, eps: Tensor) -> Tensor:
        flat, outputs = eps.reshape(-1, *eps.shape[-2:]), []
        state = self.cell.initial_state(len(flat))
        for eps_t in flat.unbind(1):
            z = self.cell.place(state, eps_t)
            outputs.append(self.cell.emit(state, z))
            state = self.cell.update(state, z, None)
        return self.layout.join(torch.stack(outputs, 1)).reshape(*eps.shape[:-2], -1)


class CausalSteps(CausalNetwork):
    """The steps of a cell that reads x, whose context are the standardized latents (..., T, latent)."""

    context_dims = 2

    def __init__(self, cell: StepCell, layout: StepLayout) -> None:
        super().__init__()
        self.cell, self.layout, self.element_shape = cell, layout, layout.element_shape

    def project(self, context: Tensor) -> Tensor:
        return context

    def forward(self, x: Tensor, projected: Tensor) -> Tensor:
        state, outputs = self.cell.initial_state(len(x)), []
        for eps, x_t in zip(projected.unbind(1), self.layout.split(x).unbind(1), strict=True):
            z = self.cell.place(state, eps)
            outputs.append(self.cell.emit(state, z))
            state = self.cell.update(state, z, x_t)
        return self.layout.join(torch.stack(outputs, 1))

    def roll_out(self, projected: Tensor, emit: Emitter) -> Tensor:
        state, values = self.cell.initial_state(len(projected)), []
        for eps in projected.unbind(1):
            z = self.cell.place(state, eps)
            values.append(emit(self.cell.emit(state, z)))
            state = self.cell.update(state, z, values[-1])
        return self.layout.assemble(torch.stack(values, 1))


def _check_sizes(latent: int, width: int) -> None:
    if latent < 1 or width < 1:
        raise ValueError(f"the latent of a step and the width must be at least 1, got {latent} and {width}")


def _split_parameters(output: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean and log-variance, which is bounded smoothly."""
    loc, log_var = output.chunk(2, -1)
    return loc, LOG_VAR_BOUND * torch.tanh(log_var / LOG_VAR_BOUND)


class VariationalRecurrentCell(StepCell):
    r"""The step of the VRNN: prior, posterior and emission all depend on the state of a recurrent network.

    .. math:: h_{t+1} = \mathrm{GRU}([\varphi_x(x_t), \varphi_z(z_t)], h_t), \quad
        \mu_t = \varphi(z_t, h_t) + w \odot x_{t-1}

    Chung et al. 2015, arXiv 1506.02216. Deviations: a GRU in place of an LSTM, one hidden layer in each network, and
    the skip w, which starts at 1, so that the network makes the change from the step before; its place is taken by the
    last value that was there, and by 0 before the first.

    Args:
        size: numbers of a step, or their shape where some may be missing.
        numbers: parameters of a step.
        latent: numbers of its latent.
        width: of the state and of all hidden layers.
        has_skip: whether the parameters of a step are locations of its numbers, to which those of the step before add.
    """

    reads_x = True

    def __init__(self, size: Shape, numbers: int, latent: int, width: int, has_skip: bool = False) -> None:
        super().__init__()
        _check_sizes(latent, width)
        self.latent, self.width = latent, width
        self.x_features = MLP(size, size=width, hidden=(width,))
        self.z_features = MLP(latent, size=width, hidden=())
        self.prior_net = MLP(width, size=2 * latent, hidden=(width,))
        self.posterior_net = MLP(width, width, size=2 * latent, hidden=(width,))
        self.emission = MLP(width, width, size=numbers, hidden=(width,))
        self.transition = nn.GRUCell(2 * width, width)
        # A weight for each channel, with 1 to go where channels have no memory: ten times as fast as other weights.
        self.skip_tenth = nn.Parameter(torch.full((numbers,), 0.1)) if has_skip else None

    def initial_state(self, n: int) -> Tensor:
        n_before = 0 if self.skip_tenth is None else len(self.skip_tenth)
        return self.transition.weight_hh.new_zeros(n, self.width + n_before)

    def prior(self, state: Tensor) -> tuple[Tensor, Tensor]:
        return _split_parameters(self.prior_net(self._split_state(state)[0]))

    def posterior(self, state: Tensor, features: Tensor) -> tuple[Tensor, Tensor]:
        return _split_parameters(self.posterior_net(self._split_state(state)[0], features))

    def emit(self, state: Tensor, z: Tensor) -> Tensor:
        hidden, before = self._split_state(state)
        phi: Tensor = self.emission(self.z_features(z).relu(), hidden)
        return phi if self.skip_tenth is None else phi + 10 * self.skip_tenth * before

    def update(self, state: Tensor, z: Tensor, x: Tensor | None) -> Tensor:
        assert x is not None
        inputs = torch.cat((self.x_features(x).relu(), self.z_features(z).relu()), -1)
        hidden, before = self._split_state(state)
        next_hidden: Tensor = self.transition(inputs, hidden)
        return next_hidden if self.skip_tenth is None else torch.cat((next_hidden, before.where(x.isnan(), x)), -1)

    def _split_state(self, state: Tensor) -> tuple[Tensor, Tensor]:
        """Return the state of the recurrent network, and the last value of each number."""
        return state[:, : self.width], state[:, self.width :]


class MarkovCell(StepCell):
    r"""The step of the deep Markov model: a gated transition between latents, and an emission from each.

    .. math:: p(z_t \mid z_{t-1}) = \mathcal N\big((1 - g) \odot (W z_{t-1} + b) + g \odot u, \sigma^2(u)\big),
        \quad g = g(z_{t-1}),\ u = u(z_{t-1})

    with the posterior of its structured inference network, :math:`q(z_t \mid z_{t-1}, x)` from the mean of
    :math:`\tanh(W z_{t-1} + b)` and features of the steps of x. Krishnan, Shalit & Sontag 2017, arXiv 1609.09869.
    Deviations: log-variances are bounded smoothly; and the features of both directions are averaged before, so that
    z_{t-1} has a half of the mean, where the paper gives each of the three a third.

    Args:
        numbers: parameters of a step.
        latent: numbers of its latent.
        width: of hidden layers and of the encoder's features.
    """

    def __init__(self, numbers: int, latent: int, width: int) -> None:
        super().__init__()
        _check_sizes(latent, width)
        self.latent = latent
        self.start = nn.Parameter(torch.zeros(latent))
        self.gate = MLP(latent, size=latent, hidden=(width,))
        self.proposal = MLP(latent, size=latent, hidden=(width,))
        self.linear, self.log_var = nn.Linear(latent, latent), nn.Linear(latent, latent)
        nn.init.eye_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)
        self.combiner, self.posterior_net = nn.Linear(latent, width), nn.Linear(width, 2 * latent)
        self.emission = MLP(latent, size=numbers, hidden=(width,))

    def initial_state(self, n: int) -> Tensor:
        return self.start.expand(n, self.latent)

    def prior(self, state: Tensor) -> tuple[Tensor, Tensor]:
        gate, proposal = self.gate(state).sigmoid(), self.proposal(state)
        loc = (1 - gate) * self.linear(state) + gate * proposal
        return loc, _split_parameters(torch.cat((loc, self.log_var(proposal.relu())), -1))[1]

    def posterior(self, state: Tensor, features: Tensor) -> tuple[Tensor, Tensor]:
        return _split_parameters(self.posterior_net(0.5 * (self.combiner(state).tanh() + features)))

    def emit(self, state: Tensor, z: Tensor) -> Tensor:
        phi: Tensor = self.emission(z)
        return phi

    def update(self, state: Tensor, z: Tensor, x: Tensor | None) -> Tensor:
        return z


class StepFeatures(nn.Module):
    """Features of each step by itself: (B, *shape) to (B, T, width)."""

    def __init__(self, net: nn.Module, layout: StepLayout) -> None:
        super().__init__()
        self.net, self.layout = net, layout

    def forward(self, x: Tensor) -> Tensor:
        features: Tensor = self.net(self.layout.split(x))
        return features


class RecurrentFeatures(nn.Module):
    """Features of each step given all, by a recurrent network in both directions: (B, *shape) to (B, T, width)."""

    def __init__(self, layout: StepLayout, width: int) -> None:
        super().__init__()
        self.layout = layout
        self.has_gaps = isinstance(layout.step_shape, MaskedShape)
        (self.input_layer,), ((size,),) = input_layers([layout.step_shape]), normalize_shapes([layout.step_shape])
        self.recurrent = nn.GRU(size, width, batch_first=True, bidirectional=True)

    def forward(self, x: Tensor) -> Tensor:
        steps = self.layout.split(x)
        inputs = self.input_layer(steps)
        forwards, backwards = self.recurrent(inputs)[0].chunk(2, -1)
        if self.has_gaps:
            backwards = self._read_backwards(inputs, self.layout.find_last(steps))
        return torch.stack((forwards, backwards)).mean(0)

    def _read_backwards(self, inputs: Tensor, last: Tensor) -> Tensor:
        """Return features of each step given those after it, up to each sequence's own last step."""
        positions = torch.arange(self.layout.steps, device=inputs.device)
        shift = (self.layout.steps - 1 - last)[:, None]
        # Moved so that all sequences end together: what a padded one is padded with is not read.
        moved = _pick_steps(inputs, (positions - shift).clamp_min(0))
        _, backwards = self.recurrent(moved)[0].chunk(2, -1)
        return _pick_steps(backwards, (positions + shift).clamp_max(self.layout.steps - 1))


def _pick_steps(values: Tensor, index: Tensor) -> Tensor:
    """Return the steps of each sequence at its own indices: (B, T, W) and (B, T) to (B, T, W)."""
    return values.gather(1, index[..., None].expand_as(values))
