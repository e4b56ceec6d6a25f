"""The protocol of splits, the batch, and the split in memory."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple, Protocol, Self

import torch
from torch import Tensor

from elbowroom.data.transforms import Transform, Transformable

#: Examples that are read together where a split is iterated over.
ITERATED_TOGETHER = 100


class Batch(NamedTuple):
    """A few examples: ``x`` (B, *shape) float32, ``y`` (B,) or (B, A) or None, ``index`` (B,) int64.

    Images are (C, H, W) in [0, 1]. Class labels are int64, attributes float32. ``index`` is the position of
    each example in its split, so that an evaluation can give every example its own noise in any batch size.

    >>> x, y, index = InMemorySplit(torch.zeros(5, 2)).first(3)
    >>> x.shape, y, index
    (torch.Size([3, 2]), None, tensor([0, 1, 2]))
    """

    x: Tensor
    y: Tensor | None
    index: Tensor  # type: ignore[assignment]  # tuple.index is of no use here

    def __repr__(self) -> str:
        parts = ((name, value) for name, value in zip(self._fields, self, strict=True) if value is not None)
        return f"Batch({', '.join(f'{name}={describe_tensor(value)}' for name, value in parts)})"


def describe_tensor(tensor: Tensor) -> str:
    """Describe a tensor by its shape and type, without its values.

    >>> describe_tensor(torch.zeros(3, 1, 8, 8))
    '(3, 1, 8, 8) float32'
    """
    return f"{tuple(tensor.shape)} {str(tensor.dtype).removeprefix('torch.')}"


class ExampleSequence:
    """What all splits are besides their batches: a sequence of pairs (x, y), and a line that describes it.

    >>> split = InMemorySplit(torch.tensor([[0.5], [1.5]]), torch.tensor([3, 4]))
    >>> split, split[1], len(list(split))
    (InMemorySplit(2 examples of (1,), labels), (tensor([1.5000]), tensor(4)), 2)
    >>> split[:1]
    Batch(x=(1, 1) float32, y=(1,) int64, index=(1,) int64)
    """

    def __getitem__(self: Any, position: Any) -> Any:
        """Return the example at a position as x (*shape) and y, or None; those of a slice as a batch.

        Raises:
            IndexError: there is no such example.
        """
        positions = range(len(self))[position]
        if isinstance(positions, range):
            return next(self.batches(len(positions), torch.tensor(positions)))
        x, y, _ = next(self.batches(1, torch.tensor([positions])))
        return x[0], None if y is None else y[0]

    def __iter__(self: Any) -> Iterator[tuple[Tensor, Tensor | None]]:
        """Yield each example once, as x (*shape) and y, or None."""
        for x, y, _ in self.batches(ITERATED_TOGETHER):
            yield from zip(x, [None] * len(x) if y is None else y, strict=True)

    def __repr__(self: Any) -> str:
        labels = "" if self.first(1).y is None else ", labels"
        return f"{type(self).__name__}({len(self):,} examples of {tuple(self.shape)}{labels})"


class Split(Protocol):
    """Examples of one ``shape``, iterated over in batches any number of times."""

    shape: tuple[int, ...]

    def __len__(self) -> int:
        """Return the number of examples."""

    def batches(self, size: int, order: Tensor | None = None, skip: int = 0) -> Iterator[Batch]:
        """Yield every example once, the last partial batch included, except the first ``skip`` batches.

        ``order`` is a permutation or subset of positions.
        """

    def steps(self, size: int) -> int:
        """Return the number of batches in one pass."""

    def random_order(self, generator: torch.Generator) -> Tensor | None:
        """Return a random order for ``batches``, or None where the split keeps an order of its own."""

    def to(self, device: torch.device | str) -> Self:
        """Return the same split with its batches on ``device``."""

    def first(self, n: int) -> Batch:
        """Return the first ``n`` examples, or all of them where there are fewer."""


class InMemorySplit(Transformable, ExampleSequence):
    """A split in memory: ``x`` (N, *shape), ``y`` (N,) or (N, A) or None.

    ``x`` is uint8 for pixels (0..255, given out as [0, 1]) or float32 for anything else. Pixels stay uint8 in
    memory, on any device: a batch is gathered first, then scaled and put through the ``transforms`` in turn, which draw
    anew from torch's global generator or, with a ``seed``, once. ``source_rows`` (N,) are the rows of the source that
    the examples come from, where they are a part of it. ``oversampled`` are positions that make up
    ``oversampled_share`` of every random order, so that a few labeled examples are not lost among the others.

    Raises:
        ValueError: ``x`` of another type, or ``y`` of another length.

    >>> split = InMemorySplit(torch.tensor([[0], [51], [255]], dtype=torch.uint8))
    >>> split.gather(torch.tensor([2, 1])).x
    tensor([[1.0000], [0.2000]])
    """

    def __init__(
        self,
        x: Tensor,
        y: Tensor | None = None,
        *,
        transforms: tuple[Transform, ...] = (),
        seed: int | None = None,
        source_rows: Tensor | None = None,
        oversampled: Tensor | None = None,
        oversampled_share: float = 0.5,
    ) -> None:
        if x.dtype not in (torch.uint8, torch.float32):
            raise ValueError(f"x is {x.dtype}: expected uint8 pixels (0..255) or float32; convert it, or use load_data")
        if y is not None and len(y) != len(x):
            raise ValueError(f"{len(y)} labels for {len(x)} examples: expected one label for each")
        self.x, self.y, self.source_rows = x, y, source_rows
        self.transforms, self.seed = transforms, seed
        self.oversampled, self.oversampled_share = oversampled, oversampled_share
        self.shape = tuple(x.shape[1:])

    def __len__(self) -> int:
        return len(self.x)

    def gather(self, index: Tensor) -> Batch:
        """Return the examples at the positions ``index`` (B,), scaled and transformed."""
        index = index.to(self.x.device)
        x = scale_pixels(self.x.index_select(0, index))
        if self.transforms:
            rows = index if self.source_rows is None else self.source_rows.to(index.device)[index]
            x = self.apply_transforms(x, rows)
        return Batch(x, None if self.y is None else self.y.index_select(0, index), index)

    def batches(self, size: int, order: Tensor | None = None, skip: int = 0) -> Iterator[Batch]:
        """Yield every example once, or those at ``order``, ``size`` at a time."""
        for index in batch_indices(len(self), size, order, self.x.device)[skip:]:
            yield self.gather(index)

    def steps(self, size: int) -> int:
        """Return the number of batches in one pass."""
        return math.ceil(len(self) / size)

    def random_order(self, generator: torch.Generator) -> Tensor:
        """Return a random order of the positions; with ``oversampled``, their share of it from those.

        >>> split = InMemorySplit(torch.zeros(8, 1), oversampled=torch.tensor([5]))
        >>> split.random_order(torch.Generator()).eq(5).sum()
        tensor(4)
        """
        order = torch.randperm(len(self), generator=generator)
        if self.oversampled is None or len(self.oversampled) >= self.oversampled_share * len(self):
            return order
        frequent, count = self.oversampled.cpu(), int(self.oversampled_share * len(self))
        others = order[~torch.isin(order, frequent)]
        n_rounds = math.ceil(count / len(frequent))
        rounds = [frequent[torch.randperm(len(frequent), generator=generator)] for _ in range(n_rounds)]
        mixed = torch.cat((torch.cat(rounds)[:count], others[: len(self) - count]))
        return mixed[torch.randperm(len(mixed), generator=generator)]

    def freeze(self, seed: int) -> InMemorySplit:
        """Return the same examples drawn once, from ``seed``, and each once in a random order."""
        frozen = super().freeze(seed)
        return frozen if frozen.oversampled is None else frozen.replace(oversampled=None)

    def to(self, device: torch.device | str) -> InMemorySplit:
        """Return the same arrays on ``device``."""
        y, source_rows = (None if part is None else part.to(device) for part in (self.y, self.source_rows))
        return self.replace(x=self.x.to(device), y=y, source_rows=source_rows)

    def first(self, n: int) -> Batch:
        """Return the first ``n`` examples."""
        return self.gather(torch.arange(min(n, len(self))))

    @property
    def has_pixels(self) -> bool:
        """Whether the values are pixels, 256 levels divided by 255."""
        return self.x.dtype == torch.uint8

    def subset(self, index: Tensor, training: bool = True) -> InMemorySplit:
        """Return the examples at the positions ``index`` as a split of their own."""
        source_rows = index if self.source_rows is None else self.source_rows[index]
        y = None if self.y is None else self.y[index]
        return self.replace(x=self.x[index], y=y, source_rows=source_rows, oversampled=None)


def freeze(split: Split, seed: int) -> Split:
    """Return the same examples; those that are drawn anew at every use are drawn once, from ``seed``."""
    return split.freeze(seed) if hasattr(split, "freeze") else split


def scale_pixels(x: Tensor) -> Tensor:
    """Return values as float32: pixels (uint8) scaled to [0, 1], everything else as it is."""
    return x.float().div_(255) if x.dtype == torch.uint8 else x.float()


def batch_indices(count: int, size: int, order: Tensor | None, device: torch.device | str | None) -> tuple[Tensor, ...]:
    """Return the positions of each batch in turn."""
    positions = resolve_order(count, size, order, device)
    return torch.split(positions, size) if len(positions) else ()


def resolve_order(count: int, size: int, order: Tensor | None, device: torch.device | str | None) -> Tensor:
    """Return the positions of one pass: ``order``, or all of them; and check the batch size."""
    if size < 1:
        raise ValueError(f"a batch size of {size}: expected at least 1")
    return torch.arange(count, device=device) if order is None else order.to(device)


def random_batches(split: Split, n: int, seed: int, skip: int = 0, batch_size: int = 500) -> Iterator[Batch]:
    """Yield ``n`` examples at random, or all where there are fewer, in batches; the same for the same seed.

    ``skip`` leaves out as many of the same order, so that two picks share none. Of a stream, whose order is its own,
    they are the first ones, in its own batches.

    >>> split = InMemorySplit(torch.arange(10.0)[:, None])
    >>> [len(batch.x) for batch in random_batches(split, 7, seed=0, batch_size=4)]
    [4, 3]
    """
    order = freeze(split, seed).random_order(torch.Generator().manual_seed(seed))
    if order is not None:
        yield from split.batches(batch_size, order[skip : skip + n])
        return
    seen = 0
    for batch in split.batches(batch_size):
        low, high = max(skip - seen, 0), min(skip + n - seen, len(batch.x))
        if low < high:
            x, y, index = batch
            yield Batch(x[low:high], None if y is None else y[low:high], index[low:high])
        seen += len(batch.x)
        if seen >= skip + n:
            return
