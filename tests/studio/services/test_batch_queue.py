"""BatchQueue: turns, batches, limits."""

import threading

import pytest
import torch

from elbowroom.studio.errors import RequestError
from elbowroom.studio.services import batch_queue
from elbowroom.studio.services.batch_queue import BatchQueue


@pytest.fixture
def queue():
    queue = BatchQueue("test", max_queued=40)
    yield queue
    queue.close()


class Busy:
    """Keeps a queue busy until the end of the context, so that calls made meanwhile wait."""

    def __init__(self, queue):
        self.release, started = threading.Event(), threading.Event()
        self.first = queue.submit("holder", lambda: (started.set(), self.release.wait(10)))
        assert started.wait(10)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.release.set()
        self.first.result(10)


def test_equal_calls_are_batched_and_their_rows_returned_to_each(queue):
    calls = []

    def square(x, c):
        calls.append(len(x))
        return x**2, None

    rows = [torch.arange(n, n + 3.0)[:, None] for n in range(10)]
    with Busy(queue):
        futures = [queue.submit(i % 4, square, x, None) for i, x in enumerate(rows)]
    for x, future in zip(rows, futures, strict=True):
        squared, none = future.result(10)
        assert torch.equal(squared, x**2)
        assert none is None
    assert calls == [30]


def test_different_calls_are_not_batched(queue):
    calls = []

    def identity(x, c):
        calls.append((len(x), c is None))
        return (x,)

    with Busy(queue):
        futures = [
            queue.submit("a", identity, torch.zeros(2, 3), None),
            queue.submit("b", identity, torch.zeros(2, 4), None),
            queue.submit("c", identity, torch.zeros(1, 3), torch.zeros(1)),
            queue.submit("d", identity, torch.zeros(5, 3), None),
        ]
    assert [future.result(10)[0].shape for future in futures] == [(2, 3), (2, 4), (1, 3), (5, 3)]
    assert sorted(calls) == [(1, False), (2, True), (7, True)]


def test_batches_are_limited(queue):
    calls = []

    def identity(x):
        calls.append(len(x))
        return (x,)

    with Busy(queue):
        futures = [queue.submit(i, identity, torch.zeros(100, 1)) for i in range(5)]
    [future.result(10) for future in futures]
    assert sum(calls) == 500
    assert max(calls) <= batch_queue.MAX_BATCH_ROWS


def test_clients_take_turns(queue):
    order = []
    with Busy(queue):
        greedy = [queue.submit("greedy", lambda i=i: order.append(f"greedy {i}")) for i in range(10)]
        modest = queue.submit("modest", lambda: order.append("modest"))
    [future.result(10) for future in (*greedy, modest)]
    assert order.index("modest") == 1


def test_an_error_reaches_only_its_own_caller(queue):
    def inverse(x):
        if (x == 0).any():
            raise ValueError("there is no inverse of 0")
        return (1 / x,)

    with Busy(queue):
        bad, good = queue.submit("a", inverse, torch.zeros(1)), queue.submit("b", inverse, torch.full((1,), 4.0))
    assert good.result(10)[0].item() == 0.25
    with pytest.raises(ValueError, match="no inverse of 0"):
        bad.result(10)


def test_a_full_queue_refuses_calls(queue):
    with Busy(queue):
        for i in range(40):
            queue.submit(i, lambda: None)
        with pytest.raises(RequestError, match="40 requests are waiting") as caught:
            queue.submit("late", lambda: None)
        assert caught.value.status == 429


def test_one_client_cannot_fill_the_queue(queue):
    with Busy(queue):
        for _ in range(batch_queue.MAX_QUEUED_PER_CLIENT):
            queue.submit("greedy", lambda: None)
        with pytest.raises(RequestError, match="ask again"):
            queue.submit("greedy", lambda: None)
        queue.submit("modest", lambda: None)


def test_cancelled_calls_are_not_computed(queue):
    done = []
    with Busy(queue):
        gone = queue.submit("a", lambda: done.append("gone"))
        stays = queue.submit("a", lambda: done.append("stays"))
        assert gone.cancel()
    stays.result(10)
    assert done == ["stays"]


def test_closing_cancels_waiting_calls():
    queue = BatchQueue("closing")
    with Busy(queue):
        waiting = queue.submit("a", lambda: None)
        closing = threading.Thread(target=queue.close)
        closing.start()
        while not waiting.cancelled():
            pass
    closing.join(10)
    assert not closing.is_alive()
    with pytest.raises(RequestError, match="stopping"):
        queue.submit("a", lambda: None)
