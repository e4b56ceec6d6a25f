"""A split over a ``DataLoader`` or another source of ready batches."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Sized
from itertools import islice
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset, RandomSampler, SequentialSampler, Subset

from elbowroom.data.splits.batching import (
    as_tensor,
    make_batch,
    preserve_rng,
    require_finite,
    tensor_to_numpy,
    unpack_item,
)
from elbowroom.data.splits.encodable import Encodable
from elbowroom.data.splits.memory import Batch, ExampleSequence
from elbowroom.data.value_coding import ValueSummary, infer_coding, merge_summaries, summarize

PROBE_BATCHES = 8
"""Batches at the beginning that are looked at; of a list all."""


class LoaderSplit(Encodable, ExampleSequence):
    """A split over a ``DataLoader``, or anything that can be iterated over again and yields x, (x, y) or a dict.

    The loader's own batch size and shuffling rule: ``batches`` takes a size and ignores it. ``index`` is the
    running position. The length is counted, once, where the loader does not know it.

    Raises:
        ValueError: an iterator that can be read only once, an empty loader, a batch that holds no x, NaN or
            infinite values in the first batch; in ``batches``, an ``order`` that picks only some of the examples.

    >>> batches = [(torch.zeros(2, 28, 28), torch.tensor([3, 5])), (torch.ones(1, 28, 28), torch.tensor([1]))]
    >>> split = LoaderSplit(batches)
    >>> len(split), split.shape, [b.index.tolist() for b in split.batches(64)]
    (3, (1, 28, 28), [[0, 1], [2]])
    """

    def __init__(self, source: Iterable[Any], device: torch.device | str | None = None) -> None:
        if isinstance(source, Iterator):
            raise ValueError(
                f"a {type(source).__name__} can be read only once and training reads it every epoch: give a list of "
                "batches, a DataLoader or an object whose __iter__ starts anew"
            )
        self.source = source
        self.device = device
        self._num_examples: int | None = None
        self._steps: int | None = None
        with preserve_rng():
            self.summary = self._summarize(None if isinstance(source, list) else PROBE_BATCHES)
        require_finite(self.summary)
        self._set_coding(infer_coding([self.summary]))

    def __repr__(self) -> str:
        return f"LoaderSplit(a stream of {tuple(self.shape)})"

    def __len__(self) -> int:
        if self._num_examples is None:
            self._num_examples = self.known_length
        if self._num_examples is None:
            with preserve_rng():
                self._num_examples = sum(len(values) for values, _ in self._iter_raw())
        return self._num_examples

    def batches(self, size: int, order: Tensor | None = None, skip: int = 0) -> Iterator[Batch]:
        """Yield every batch of the loader, in the loader's own size and order; those skipped are read all the same."""
        if order is not None and len(order) != len(self):
            raise ValueError(
                f"an order of {len(order)} positions for a loader of {len(self)} examples: a loader gives all of them, "
                "in its own order; load the data as arrays to pick some"
            )
        start = 0
        for number, (values, y) in enumerate(self._iter_raw()):
            if number >= skip:
                yield self._make_batch(values, y, start)
            start += len(values)

    def steps(self, size: int) -> int:
        """Return the number of batches in one pass: the loader's, counted once where it does not know it."""
        if self._steps is None:
            try:
                self._steps = len(self.source)  # type: ignore[arg-type]
            except TypeError:
                with preserve_rng():
                    self._steps = sum(1 for _ in self.source)
        return self._steps

    def random_order(self, generator: torch.Generator) -> None:
        """Return None: a loader keeps its own order."""

    def to(self, device: torch.device | str) -> LoaderSplit:
        """Return the same loader with its batches on ``device``."""
        other = copy.copy(self)
        other.device = device
        return other

    def first(self, n: int) -> Batch:
        """Return the first ``n`` examples that the loader gives."""
        taken: list[Batch] = []
        for batch in self.batches(n):
            taken.append(batch)
            if sum(len(one.x) for one in taken) >= n:
                break
        ys = [batch.y for batch in taken if batch.y is not None]
        y = torch.cat(ys)[:n] if ys else None
        return Batch(torch.cat([b.x for b in taken])[:n], y, torch.cat([b.index for b in taken])[:n])

    @property
    def known_length(self) -> int | None:
        """The number of examples, where it is known without a pass through a stream."""
        loader = self.source
        if isinstance(loader, list):
            return sum(len(unpack_item(item, "a batch")[0]) for item in loader)
        if not isinstance(loader, DataLoader) or loader.batch_size is None:
            return self._num_examples
        if isinstance(loader.dataset, IterableDataset) or not isinstance(loader.sampler, Sized):
            return self._num_examples
        examples = len(loader.sampler)
        return examples - examples % loader.batch_size if loader.drop_last else examples

    @property
    def can_subset(self) -> bool:
        """Whether the loader can be built again over some of its examples."""
        loader = self.source
        if not isinstance(loader, DataLoader) or isinstance(loader.dataset, IterableDataset):
            return False
        sampler, dataset = loader.sampler, loader.dataset
        is_plain = type(sampler) in (SequentialSampler, RandomSampler) and not getattr(sampler, "replacement", False)
        if not is_plain or loader.batch_size is None:
            return False
        # a sampler that repeats or leaves out examples is a choice that a division would undo
        return isinstance(sampler, Sized) and isinstance(dataset, Sized) and len(sampler) == len(dataset)

    def subset(self, index: Tensor, training: bool = True) -> LoaderSplit:
        """Return the same loader over the examples at ``index``; shuffled and cut short in training only."""
        loader = self.source
        assert isinstance(loader, DataLoader)
        part = DataLoader(
            Subset(loader.dataset, index.tolist()),
            batch_size=loader.batch_size,
            shuffle=training and isinstance(loader.sampler, RandomSampler),
            drop_last=training and loader.drop_last,
            num_workers=loader.num_workers,
            collate_fn=loader.collate_fn,
            pin_memory=loader.pin_memory,
            timeout=loader.timeout,
            worker_init_fn=loader.worker_init_fn,
            multiprocessing_context=loader.multiprocessing_context,
            generator=loader.generator,
            prefetch_factor=loader.prefetch_factor,
            persistent_workers=loader.persistent_workers,
        )
        other = copy.copy(self)
        other.source, other._num_examples, other._steps = part, None, None
        return other

    def summarize_all(self) -> ValueSummary:
        """Return the summary of all batches: a pass through the loader."""
        with preserve_rng():
            return self._summarize(None)

    def _summarize(self, n_batches: int | None) -> ValueSummary:
        looks = [summarize(x, is_complete=False) for x, _ in islice(self._iter_raw(), n_batches) if len(x)]
        if not looks:
            raise ValueError("the loader gives no batches: expected at least one example")
        return merge_summaries(looks)

    def _iter_raw(self) -> Iterator[tuple[np.ndarray, Any]]:
        """Yield the x and y of every batch, as the loader gives them."""
        for item in self.source:
            x, y = unpack_item(item, "a batch")
            yield tensor_to_numpy(as_tensor(x, "x")), y

    def _make_batch(self, values: np.ndarray, y: Any, start: int) -> Batch:
        x, invalid = self.coding.encode(values)
        if len(invalid):
            first = int(invalid[0])
            raise ValueError(f"example {start + first} of the loader {self.coding.describe_invalid(values[first])}")
        return make_batch(x, y, torch.arange(start, start + len(values)), self.device)
