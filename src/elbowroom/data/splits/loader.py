"""Splits that make their batches anew each time: over a data set's items, and over a loader's batches."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sized
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset, RandomSampler, SequentialSampler, Subset

from elbowroom.data.image import image_to_array
from elbowroom.data.splits.memory import Batch, batch_indices, scale_pixels

X_KEYS = ("x", "image", "images", "img", "pixel_values", "input", "inputs", "data", "features")
Y_KEYS = ("y", "label", "labels", "target", "targets", "attributes")


class DatasetSplit:
    """A split over a map-style ``dataset`` whose items are x, (x, y) or a dict; x a tensor, array or picture.

    Every batch asks for its items anew, so a random augmentation in the data set stays random. ``origin`` are the
    items of the source that these are, where they are some of a whole.

    Raises:
        ValueError: an item that holds no x, items of different shapes, NaN or infinite values in the first item.

    >>> DatasetSplit([(torch.zeros(28, 28), 3), (torch.ones(28, 28), 5)]).first(2).y
    tensor([3, 5])
    """

    def __init__(
        self,
        dataset: Any,
        device: torch.device | str | None = None,
        shape: tuple[int, ...] | None = None,
        source_rows: Tensor | None = None,
    ) -> None:
        self.dataset = dataset
        self.device = device
        self.source_rows = source_rows
        if len(self) == 0:
            raise ValueError(f"{type(dataset).__name__} is empty: expected at least one example")
        with preserve_rng():
            self.shape = shape or infer_shape(self.gather(torch.tensor([0])))

    def __len__(self) -> int:
        return len(self.dataset)

    def gather(self, index: Tensor) -> Batch:
        """The examples at the positions ``index`` (B,)."""
        pairs = [unpack_item(self.dataset[i], "an item") for i in index.tolist()]
        xs = [item_to_array(x) for x, _ in pairs]
        for position, x in zip(index.tolist(), xs, strict=True):
            if x.shape != xs[0].shape:
                raise ValueError(
                    f"item {position} of the data set has shape {x.shape} and item {int(index[0])} has {xs[0].shape}: "
                    "expected the same shape for all; resize them in the data set"
                )
        y = None if pairs[0][1] is None else np.stack([np.asarray(y) for _, y in pairs])
        return make_batch(np.stack(xs), y, index, self.device)

    def batches(self, size: int, order: Tensor | None = None, skip: int = 0) -> Iterator[Batch]:
        """Every example once, or those at ``order``, ``size`` at a time."""
        for index in batch_indices(len(self), size, order, "cpu")[skip:]:
            yield self.gather(index)

    def steps(self, size: int) -> int:
        """The number of batches in one pass."""
        return math.ceil(len(self) / size)

    def random_order(self, generator: torch.Generator) -> Tensor:
        """A random order of the positions."""
        return torch.randperm(len(self), generator=generator)

    def to(self, device: torch.device | str) -> DatasetSplit:
        """The same items, their batches on ``device``."""
        return DatasetSplit(self.dataset, device, self.shape, self.source_rows)

    def first(self, n: int) -> Batch:
        """The first ``n`` examples."""
        return self.gather(torch.arange(min(n, len(self))))

    def subset(self, index: Tensor, training: bool = True) -> DatasetSplit:
        """The items at the positions ``index``, as a split of their own."""
        origin = index if self.source_rows is None else self.source_rows[index]
        return DatasetSplit(Subset(self.dataset, index.tolist()), self.device, self.shape, origin)


class LoaderSplit:
    """A split over a ``DataLoader``, or anything that can be gone through again and yields x, (x, y) or a dict.

    The loader's own batch size and shuffling rule: ``batches`` takes a size and ignores it. ``index`` is the
    running position. The length is counted, once, where the loader does not know it.

    Raises:
        ValueError: an iterator that can be read only once, an empty loader, a batch that holds no x, NaN or
            infinite values in the first batch; in ``batches``, an ``order`` that picks only some of the examples.

    >>> split = LoaderSplit([(torch.zeros(2, 28, 28), torch.tensor([3, 5])), (torch.ones(1, 28, 28), torch.tensor([1]))])
    >>> len(split), split.shape, [b.index.tolist() for b in split.batches(64)]
    (3, (1, 28, 28), [[0, 1], [2]])
    """

    def __init__(
        self,
        source: Iterable[Any],
        device: torch.device | str | None = None,
        shape: tuple[int, ...] | None = None,
    ) -> None:
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
            # where the shape is known already, a loader's workers need not start for it
            self.shape = shape or infer_shape(next(self.batches(1), None))

    def __len__(self) -> int:
        if self._num_examples is None:
            self._num_examples = self.known_length
        if self._num_examples is None:
            with preserve_rng():
                self._num_examples = sum(len(b.x) for b in self.batches(1))
        return self._num_examples

    def batches(self, size: int, order: Tensor | None = None, skip: int = 0) -> Iterator[Batch]:
        """Every batch of the loader, in the loader's own size and order; those skipped are read all the same."""
        if order is not None and len(order) != len(self):
            raise ValueError(
                f"an order of {len(order)} positions for a loader of {len(self)} examples: a loader gives all of them, "
                "in its own order; load the data as arrays to pick some"
            )
        start = 0
        for number, item in enumerate(self.source):
            x, y = unpack_item(item, "a batch")
            values = as_tensor(x, "x")
            if number >= skip:
                yield make_batch(values, y, torch.arange(start, start + len(values)), self.device)
            start += len(values)

    def steps(self, size: int) -> int:
        """The number of batches in one pass: the loader's, counted once where it does not know it."""
        if self._steps is None:
            try:
                self._steps = len(self.source)  # type: ignore[arg-type]
            except TypeError:
                with preserve_rng():
                    self._steps = sum(1 for _ in self.source)
        return self._steps

    def random_order(self, generator: torch.Generator) -> None:
        """None: a loader keeps its own order."""

    def to(self, device: torch.device | str) -> LoaderSplit:
        """The same loader, its batches on ``device``."""
        return LoaderSplit(self.source, device, self.shape)

    def first(self, n: int) -> Batch:
        """The first ``n`` examples that the loader gives."""
        taken: list[Batch] = []
        for b in self.batches(n):
            taken.append(b)
            if sum(len(t.x) for t in taken) >= n:
                break
        ys = [t.y for t in taken if t.y is not None]
        y = torch.cat(ys)[:n] if ys else None
        return Batch(torch.cat([t.x for t in taken])[:n], y, torch.cat([t.index for t in taken])[:n])

    @property
    def known_length(self) -> int | None:
        """The number of examples, where it can be had without a pass through a stream."""
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
        plain = type(sampler) in (SequentialSampler, RandomSampler) and not getattr(sampler, "replacement", False)
        if not plain or loader.batch_size is None:
            return False
        # a sampler that repeats or leaves out examples is a choice that a division would undo
        return isinstance(sampler, Sized) and isinstance(dataset, Sized) and len(sampler) == len(dataset)

    def subset(self, index: Tensor, training: bool = True) -> LoaderSplit:
        """A loader over the examples at ``index`` with the same settings; shuffled and cut short in training only."""
        loader = self.source
        assert isinstance(loader, DataLoader)
        again = DataLoader(
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
        return LoaderSplit(again, self.device, self.shape)


def preserve_rng() -> Any:
    """A block that leaves torch's global generator as it was: a look at the data must not change a training."""
    return torch.random.fork_rng(devices=[])


def infer_shape(first: Batch | None) -> tuple[int, ...]:
    """The shape of one example of a stream's first batch, which has to hold finite numbers."""
    if first is None or len(first.x) == 0:
        raise ValueError("the loader gives no batches: expected at least one example")
    if not torch.isfinite(first.x).all():
        raise ValueError("the first batch has NaN or infinite values: expected finite numbers; remove or fill them")
    return tuple(first.x.shape[1:])


def unpack_item(item: Any, where: str) -> tuple[Any, Any]:
    """The x and the y (or None) of an item or a batch in any of its accepted forms."""
    if isinstance(item, Mapping):
        x_key = next((key for key in X_KEYS if key in item), None)
        if x_key is None:
            raise ValueError(
                f"{where} is a dict with the keys {', '.join(map(repr, item))}: expected one of {', '.join(X_KEYS)} "
                f"and, for labels, one of {', '.join(Y_KEYS)}; rename them"
            )
        return item[x_key], next((item[key] for key in Y_KEYS if key in item), None)
    if isinstance(item, tuple | list):
        if len(item) not in (1, 2):
            raise ValueError(f"{where} is a {type(item).__name__} of {len(item)}: expected x, (x, y) or a dict")
        return item[0], item[1] if len(item) == 2 else None
    return item, None


def item_to_array(x: Any) -> np.ndarray:
    """One example as an array; a picture as its pixels."""
    if hasattr(x, "getbands"):
        return image_to_array(x)
    return x.detach().cpu().numpy() if isinstance(x, Tensor) else np.asarray(x)


def make_batch(x: Any, y: Any, index: Tensor, device: torch.device | str | None) -> Batch:
    """A batch from raw x (B, ...) and y (B,), arranged, scaled and on the device."""
    values = scale_pixels(to_channels_first(as_tensor(x, "x")))
    target = None if y is None else as_tensor(y, "y")
    if target is not None:
        target = target.float() if target.is_floating_point() else target.long()
        if len(target) != len(values):
            raise ValueError(f"{len(target)} labels for a batch of {len(values)} examples: expected one label for each")
    if device is None:
        return Batch(values, target, index)
    return Batch(values.to(device), None if target is None else target.to(device), index.to(device))


def as_tensor(values: Any, where: str) -> Tensor:
    """The numbers of a batch as a tensor."""
    try:
        return torch.as_tensor(values)
    except (TypeError, ValueError, RuntimeError) as error:
        kind = getattr(values, "dtype", type(values).__name__)
        raise ValueError(f"the {where} of a batch is {kind}: expected numbers; convert it in the data set") from error


def to_channels_first(x: Tensor) -> Tensor:
    """Tables (N, D) as they are, pictures as (N, C, H, W): from (N, H, W) or, with 1, 3 or 4 channels, (N, H, W, C)."""
    if x.ndim == 3:
        return x.unsqueeze(1)
    if x.ndim == 4 and x.shape[-1] in (1, 3, 4) and x.shape[1] not in (1, 3, 4):
        return x.permute(0, 3, 1, 2).contiguous()
    if x.ndim not in (2, 4):
        raise ValueError(
            f"examples of shape {tuple(x.shape[1:])}: expected (D,), (H, W), (H, W, C) or (C, H, W); reshape them"
        )
    return x
