"""Networks over sequences: recurrent encoders, and causal decoders of them by recurrence or by attention."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from elbowroom.masked_shape import MaskedShape
from elbowroom.networks.attention import AttentionPast, CausalBlock
from elbowroom.networks.causal import CausalNetwork, Emitter
from elbowroom.networks.inputs import GapFiller
from elbowroom.networks.steps import StepLayout
from elbowroom.text_shape import END, TextShape


class StepEmbedding(nn.Module):
    """Embedding of steps (..., T, size) as (..., T, width): a linear map, or of tokens a learned vector for each.

    A step that is NaN is nothing, zeros; of a :class:`~elbowroom.masked_shape.MaskedShape`, a mask says which numbers
    of a step are missing.

    Args:
        shape: of an example; a :class:`~elbowroom.text_shape.TextShape` for tokens.
        width: of a vector.
    """

    def __init__(self, shape: Sequence[int], width: int) -> None:
        super().__init__()
        self.layout, self.is_text = StepLayout(shape), isinstance(shape, TextShape)
        self.has_gaps = isinstance(shape, MaskedShape)
        self.embed: nn.Module = (
            nn.Embedding(shape.words, width) if isinstance(shape, TextShape) else nn.Linear(self.layout.size, width)
        )
        if isinstance(self.layout.step_shape, MaskedShape):
            self.embed = nn.Sequential(GapFiller(self.layout.step_shape), nn.Linear(2 * self.layout.size, width))

    def forward(self, steps: Tensor) -> Tensor:
        if self.has_gaps:
            masked: Tensor = self.embed(steps)
            return masked
        known = steps.nan_to_num()
        embedded: Tensor = self.embed(known[..., 0].round().long() if self.is_text else known)
        return embedded.where(~steps.isnan().any(-1, keepdim=True), 0.0)

    def last(self, steps: Tensor) -> Tensor:
        """Return the index of the last step of each sequence, (B,): of a text that of its end."""
        if self.has_gaps:
            return self.layout.find_last(steps)
        at_the_end = torch.full(steps.shape[:1], self.layout.steps - 1, device=steps.device)
        if not self.is_text:
            return at_the_end
        is_end = steps[..., 0] == END
        return torch.where(is_end.any(1), is_end.int().argmax(1), at_the_end)

    def after_end(self, steps: Tensor) -> Tensor:
        """Return which sequences have ended with a step, (B, 1): never those that are no texts."""
        return (steps == END) & self.is_text


class SequenceEncoder(nn.Module):
    """A recurrent network in both directions, read at the last step and at the first: (..., *shape) to (..., numbers).

    Args:
        shape: of an example, as :class:`~elbowroom.networks.steps.StepLayout` takes it apart.
        numbers: of outputs.
        width: of embedding and states.

    >>> SequenceEncoder((2, 7), numbers=6, width=8)(torch.rand(5, 2, 7)).shape
    torch.Size([5, 6])
    """

    def __init__(self, shape: Sequence[int], numbers: int, width: int) -> None:
        super().__init__()
        _check_sizes(width)
        self.shape, self.embedding = tuple(shape), StepEmbedding(shape, width)
        self.forwards, self.backwards = (nn.LSTM(width, width, batch_first=True) for _ in range(2))
        self.head = nn.Linear(2 * width, numbers)

    def forward(self, x: Tensor) -> Tensor:
        lead = x.shape[: x.dim() - len(self.shape)]
        steps = self.embedding.layout.split(x.reshape(-1, *self.shape))
        embedded, last = self.embedding(steps), self.embedding.last(steps)
        # Backwards from each sequence's own last step: what comes after it is not part of it.
        index = (last[:, None] - torch.arange(embedded.shape[1], device=x.device)).clamp_min(0)
        reverse = embedded.gather(1, index[..., None].expand_as(embedded))
        read = [
            _output_at(net(inputs)[0], last) for net, inputs in ((self.forwards, embedded), (self.backwards, reverse))
        ]
        output: Tensor = self.head(torch.cat(read, -1))
        return output.reshape(*lead, -1)


def _output_at(outputs: Tensor, step: Tensor) -> Tensor:
    """Return the output at one step of each sequence, (B, T, W) to (B, W)."""
    return outputs.gather(1, step[:, None, None].expand(-1, 1, outputs.shape[-1]))[:, 0]


class CausalSequence(CausalNetwork):
    r"""A causal network over steps, each given the steps before it and a vector z, which is an input of every step.

    Args:
        shape: of an example.
        numbers: how many parameters an example has, the same for each step.
        context: numbers of z.
        width: of embedding and states.
        word_dropout: the share of steps whose input is left out in training, so that z has to tell them (Bowman et al.
            2016, arXiv 1511.06349).
    """

    def __init__(self, shape: Sequence[int], numbers: int, context: int, width: int, word_dropout: float = 0.0) -> None:
        super().__init__()
        _check_sizes(width)
        if not 0 <= word_dropout <= 1:
            raise ValueError(f"word_dropout is a share of the inputs, from 0 to 1, got {word_dropout}")
        self.embedding = StepEmbedding(shape, width)
        self.layout, self.word_dropout = self.embedding.layout, word_dropout
        self.element_shape = self.layout.element_shape
        self.context, self.head = nn.Linear(context, width), nn.Linear(width, numbers // self.layout.steps)

    @abstractmethod
    def features(self, inputs: Tensor, projected: Tensor) -> Tensor:
        """Return the features of all steps from their inputs, (B, T, W), and of z, (B, W)."""

    @abstractmethod
    def start(self, projected: Tensor) -> Steps:
        """Return what makes the features of one step after the other."""

    def project(self, context: Tensor) -> Tensor:
        projected: Tensor = self.context(context)
        return projected

    def corrupt(self, x: Tensor) -> Tensor:
        if not self.word_dropout:
            return x
        steps = self.layout.split(x)
        is_dropped = torch.rand(steps.shape[:-1], device=x.device) < self.word_dropout
        return self.layout.assemble(steps.masked_fill(is_dropped[..., None], torch.nan))

    def forward(self, x: Tensor, projected: Tensor) -> Tensor:
        embedded = self.embedding(self.layout.split(x))[:, :-1]
        # The first step has none before it.
        inputs = F.pad(embedded, (0, 0, 1, 0)) + projected[:, None]
        return self.layout.join(self.head(self.features(inputs, projected)))

    def roll_out(self, projected: Tensor, emit: Emitter) -> Tensor:
        steps, values = self.start(projected), []
        embedded, has_ended = torch.zeros_like(projected), torch.zeros(len(projected), 1, dtype=torch.bool)
        has_ended = has_ended.to(projected.device)
        for _ in range(self.layout.steps):
            value = emit(self.head(steps.next(embedded + projected)))
            values.append(value.masked_fill(has_ended, float(END)))
            has_ended = has_ended | self.embedding.after_end(values[-1])
            embedded = self.embedding(values[-1][:, None])[:, 0]
        return self.layout.assemble(torch.stack(values, 1))


class Steps:
    """Features of one step after the other: ``next`` takes the input of a step, (B, W), to its features."""

    @abstractmethod
    def next(self, inputs: Tensor) -> Tensor:
        """Return the features of the next step."""


class CausalRecurrent(CausalSequence):
    """An LSTM over the steps, whose first state is made of z.

    >>> network = CausalRecurrent((2, 7), numbers=14, context=3, width=8)
    >>> projected = network.project(torch.zeros(5, 3))
    >>> network(torch.rand(5, 2, 7), projected).shape, network.roll_out(projected, torch.sigmoid).shape
    (torch.Size([5, 14]), torch.Size([5, 2, 7]))
    """

    def __init__(self, shape: Sequence[int], numbers: int, context: int, width: int, word_dropout: float = 0.0) -> None:
        super().__init__(shape, numbers, context, width, word_dropout)
        self.recurrent = nn.LSTM(width, width, batch_first=True)

    def features(self, inputs: Tensor, projected: Tensor) -> Tensor:
        outputs: Tensor = self.recurrent(inputs, _first_state(projected))[0]
        return outputs

    def start(self, projected: Tensor) -> Steps:
        return _RecurrentSteps(self.recurrent, projected)


def _first_state(projected: Tensor) -> tuple[Tensor, Tensor]:
    return projected.tanh()[None], torch.zeros_like(projected)[None]


class _RecurrentSteps(Steps):
    def __init__(self, recurrent: nn.LSTM, projected: Tensor) -> None:
        self.recurrent, self.state = recurrent, _first_state(projected)

    def next(self, inputs: Tensor) -> Tensor:
        output, self.state = self.recurrent(inputs[:, None], self.state)
        features: Tensor = output[:, 0]
        return features


class CausalAttention(CausalSequence):
    """Two blocks of causal attention over the steps, with a learned vector for each position."""

    def __init__(self, shape: Sequence[int], numbers: int, context: int, width: int, word_dropout: float = 0.0) -> None:
        super().__init__(shape, numbers, context, width, word_dropout)
        self.position = nn.Parameter(0.02 * torch.randn(self.layout.steps, width))
        self.blocks = nn.ModuleList([CausalBlock(width) for _ in range(2)])
        self.norm = nn.LayerNorm(width)

    def features(self, inputs: Tensor, projected: Tensor) -> Tensor:
        h = inputs + self.position
        for block in self.blocks:
            h = block(h)
        features: Tensor = self.norm(h)
        return features

    def start(self, projected: Tensor) -> Steps:
        return _AttentionSteps(self)


class _AttentionSteps(Steps):
    def __init__(self, network: CausalAttention) -> None:
        self.network, self.past = network, [AttentionPast() for _ in network.blocks]
        self.positions = iter(network.position)

    def next(self, inputs: Tensor) -> Tensor:
        h = (inputs + next(self.positions))[:, None]
        for block, past in zip(self.network.blocks, self.past, strict=True):
            h = block(h, past)
        features: Tensor = self.network.norm(h)[:, 0]
        return features


def _check_sizes(width: int) -> None:
    if width < 1:
        raise ValueError(f"the width of a network over sequences must be at least 1, got {width}")


#: Causal networks over sequences, by the name that recipes take.
SEQUENCE_DECODERS = {"lstm": CausalRecurrent, "transformer": CausalAttention}
