"""The processes that train together, as ``torchrun`` starts them; a training on its own is the first of one."""

from __future__ import annotations

import atexit
import os
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

T = TypeVar("T")


def under_torchrun() -> bool:
    """Whether ``torchrun`` started this process beside others."""
    return int(os.environ.get("WORLD_SIZE", "1")) > 1


def is_initialized() -> bool:
    """Whether the processes have met."""
    return dist.is_available() and dist.is_initialized()


def world_size() -> int:
    """How many train together.

    >>> world_size()
    1
    """
    return dist.get_world_size() if is_initialized() else 1


def rank() -> int:
    """The number of this one, from 0."""
    return dist.get_rank() if is_initialized() else 0


def is_main_process() -> bool:
    """Whether this is the one that writes."""
    return rank() == 0


def is_restarted() -> bool:
    """Whether ``torchrun`` started this process again after one had died."""
    return int(os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")) > 0


def can_restart() -> bool:
    """Whether ``torchrun`` was told to start again what dies."""
    return under_torchrun() and int(os.environ.get("TORCHELASTIC_MAX_RESTARTS", "0")) > 0


def local_rank() -> int:
    """The number of this process on its machine, and so of its GPU."""
    return int(os.environ.get("LOCAL_RANK", "0"))


def init_process_group() -> None:
    """Meet the others that ``torchrun`` started, if it did, until this process ends.

    Tensors on a GPU travel by NCCL, all else by Gloo. A group that was parted from cannot meet again over the same
    store, so one training after another shares it.
    """
    if is_initialized() or not under_torchrun():
        return
    if torch.cuda.is_available():
        torch.cuda.set_device(local_rank())
    store, mine, size = next(dist.rendezvous("env://"))
    # The store outlives a restart, and what the dead ones wrote into it: each attempt has keys of its own.
    store = dist.PrefixStore(f"attempt-{os.environ.get('TORCHELASTIC_RESTART_COUNT', '0')}", store)
    kind = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
    dist.init_process_group(kind, store=store, rank=mine, world_size=size)
    atexit.register(lambda: dist.is_initialized() and dist.destroy_process_group())


def broadcast_object(value: T) -> T:
    """The first process's value, in all of them.

    >>> broadcast_object("runs/vae-digits-1")
    'runs/vae-digits-1'
    """
    if world_size() == 1:
        return value
    box: list[Any] = [value]
    dist.broadcast_object_list(box, device=torch.device("cpu"))
    return box[0]


def all_gather_object(value: T) -> list[T]:
    """Every process's value, in all of them, in the order of their ranks."""
    if world_size() == 1:
        return [value]
    found: list[Any] = [None] * world_size()
    dist.all_gather_object(found, value)
    return found


def all_reduce_sum(tensor: Tensor) -> Tensor:
    """The sum of a tensor over the processes, in place.

    >>> all_reduce_sum(torch.tensor([1.0, 2.0]))
    tensor([1., 2.])
    """
    if world_size() > 1:
        dist.all_reduce(tensor)
    return tensor


def all_reduce_max(value: int) -> int:
    """The largest of every process's number."""
    if world_size() == 1:
        return value
    box = torch.tensor(value)
    dist.all_reduce(box, dist.ReduceOp.MAX)
    return int(box)


def shard_order(order: Tensor, size: int) -> Tensor:
    """This process's part of an order, of every batch of ``size`` one example in :func:`world_size`.

    Where the last batch has fewer examples than there are processes, those left without get its first, to be weighed
    with nothing (:func:`weight`): every process takes every step.

    >>> shard_order(torch.arange(5), 2)
    tensor([0, 1, 2, 3, 4])
    """
    if world_size() == 1:
        return order
    return torch.cat([mine if len(mine := chunk[rank() :: world_size()]) else chunk[:1] for chunk in order.split(size)])


def shard_size(size: int) -> int:
    """How many examples of a batch of ``size`` are this process's.

    >>> shard_size(128)
    128
    """
    return len(range(rank(), size, world_size()))
