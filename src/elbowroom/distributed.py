"""Distributed training: process group, reductions, sharding. Without ``torchrun`` there is one process, of rank 0."""

from __future__ import annotations

import atexit
import os
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.distributed_c10d import PrefixStore
from torch.distributed.rendezvous import rendezvous

T = TypeVar("T")


def under_torchrun() -> bool:
    """Whether ``torchrun`` started this process as one of several."""
    return int(os.environ.get("WORLD_SIZE", "1")) > 1


def is_initialized() -> bool:
    """Whether the process group is initialized."""
    return dist.is_available() and dist.is_initialized()


def world_size() -> int:
    """Return the number of processes.

    >>> world_size()
    1
    """
    return dist.get_world_size() if is_initialized() else 1


def rank() -> int:
    """Return the rank of this process, from 0."""
    return dist.get_rank() if is_initialized() else 0


def is_main_process() -> bool:
    """Whether this process has rank 0, the one that writes files."""
    return rank() == 0


def is_restarted() -> bool:
    """Whether ``torchrun`` restarted this process after a failure."""
    return int(os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")) > 0


def can_restart() -> bool:
    """Whether ``torchrun`` restarts processes that fail (``--max-restarts``)."""
    return under_torchrun() and int(os.environ.get("TORCHELASTIC_MAX_RESTARTS", "0")) > 0


def local_rank() -> int:
    """Return the rank of this process on its machine, which is the index of its GPU."""
    return int(os.environ.get("LOCAL_RANK", "0"))


def init_process_group() -> None:
    """Initialize the process group if ``torchrun`` started this process, and destroy it when the process ends.

    Tensors on a GPU are sent by NCCL, all else by Gloo. A group that was destroyed cannot be initialized again over the
    same store, so successive trainings share one.
    """
    if is_initialized() or not under_torchrun():
        return
    if torch.cuda.is_available():
        torch.cuda.set_device(local_rank())
    store, own_rank, size = next(rendezvous("env://"))
    # The store survives a restart with what the failed processes wrote into it, so each attempt has its own keys.
    store = PrefixStore(f"attempt-{os.environ.get('TORCHELASTIC_RESTART_COUNT', '0')}", store)
    backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
    dist.init_process_group(backend, store=store, rank=own_rank, world_size=size)
    atexit.register(lambda: dist.is_initialized() and dist.destroy_process_group())


def broadcast_object(value: T) -> T:
    """Return the value of rank 0 in every process.

    >>> broadcast_object("runs/vae-digits-1")
    'runs/vae-digits-1'
    """
    if world_size() == 1:
        return value
    values = [value]
    dist.broadcast_object_list(values, device=torch.device("cpu"))
    return values[0]


def all_gather_object(value: T) -> list[T]:
    """Return the values of all processes in every process, ordered by rank."""
    if world_size() == 1:
        return [value]
    values: list[Any] = [None] * world_size()
    dist.all_gather_object(values, value)
    return values


def all_reduce_sum(tensor: Tensor) -> Tensor:
    """Sum a tensor over the processes, in place.

    >>> all_reduce_sum(torch.tensor([1.0, 2.0]))
    tensor([1., 2.])
    """
    if world_size() > 1:
        dist.all_reduce(tensor)
    return tensor


def draw_rows(rows: Tensor, n: int) -> Tensor:
    """Draw n rows at random, (N, D) to (n, D), from those of all processes: the same in each, where they must agree.

    >>> draw_rows(torch.ones(3, 2), 5).shape
    torch.Size([5, 2])
    """
    drawn = rows[torch.randint(len(rows), (n,), device=rows.device)]
    # A row is that of one process, by a sum in which the others' terms are zero.
    is_own = torch.arange(n, device=rows.device) % world_size() == rank()
    return all_reduce_sum(drawn * is_own[:, None]) if world_size() > 1 else drawn


def all_reduce_max(value: int) -> int:
    """Return the maximum of an integer over the processes."""
    if world_size() == 1:
        return value
    tensor = torch.tensor(value)
    dist.all_reduce(tensor, dist.ReduceOp.MAX)
    return int(tensor)


def shard_order(order: Tensor, size: int) -> Tensor:
    """Return this process's share of an order of examples: of every batch of ``size``, one in :func:`world_size`.

    Where the last batch has fewer examples than there are processes, those left without one get its first, which counts
    with weight zero (:class:`elbowroom.training.batch_shard.BatchShard`), so that every process takes every step.

    >>> shard_order(torch.arange(5), 2)
    tensor([0, 1, 2, 3, 4])
    """
    if world_size() == 1:
        return order
    batches = torch.split(order, size)
    return torch.cat([own if len(own := batch[rank() :: world_size()]) else batch[:1] for batch in batches])


def shard_size(size: int) -> int:
    """Return how many examples of a batch of ``size`` this process takes.

    >>> shard_size(128)
    128
    """
    return len(range(rank(), size, world_size()))
