"""Lanes: turns, company, refusals."""

import threading

import pytest
import torch

from elbowroom.studio.http.json import RequestError
from elbowroom.studio.services import batch_queue
from elbowroom.studio.services.batch_queue import BatchQueue


@pytest.fixture
def lane():
    lane = BatchQueue("test", max_queued=40)
    yield lane
    lane.close()


class Held:
    """A lane kept busy until it is let go, so that what is asked meanwhile waits."""

    def __init__(self, lane):
        self.go, started = threading.Event(), threading.Event()
        self.first = lane.submit("holder", lambda: (started.set(), self.go.wait(10)))
        assert started.wait(10)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.go.set()
        self.first.result(10)


def test_what_waits_alike_is_computed_at_once_and_given_back_to_each(lane):
    calls = []

    def square(x, c):
        calls.append(len(x))
        return x**2, None

    rows = [torch.arange(n, n + 3.0)[:, None] for n in range(10)]
    with Held(lane):
        answers = [lane.submit(i % 4, square, x, None) for i, x in enumerate(rows)]
    for x, answer in zip(rows, answers, strict=True):
        found, nothing = answer.result(10)
        assert torch.equal(found, x**2)
        assert nothing is None
    assert calls == [30]


def test_what_is_not_alike_is_apart(lane):
    calls = []

    def note(x, c):
        calls.append((len(x), c is None))
        return (x,)

    with Held(lane):
        answers = [
            lane.submit("a", note, torch.zeros(2, 3), None),
            lane.submit("b", note, torch.zeros(2, 4), None),
            lane.submit("c", note, torch.zeros(1, 3), torch.zeros(1)),
            lane.submit("d", note, torch.zeros(5, 3), None),
        ]
    assert [answer.result(10)[0].shape for answer in answers] == [(2, 3), (2, 4), (1, 3), (5, 3)]
    assert sorted(calls) == [(1, False), (2, True), (7, True)]


def test_no_more_rows_at_once_than_there_is_room_for(lane):
    calls = []

    def note(x):
        calls.append(len(x))
        return (x,)

    with Held(lane):
        answers = [lane.submit(i, note, torch.zeros(100, 1)) for i in range(5)]
    [answer.result(10) for answer in answers]
    assert sum(calls) == 500
    assert max(calls) <= batch_queue.MAX_BATCH_ROWS


def test_clients_take_turns(lane):
    order = []
    with Held(lane):
        greedy = [lane.submit("greedy", lambda i=i: order.append(f"greedy {i}")) for i in range(10)]
        modest = lane.submit("modest", lambda: order.append("modest"))
    [answer.result(10) for answer in (*greedy, modest)]
    assert order.index("modest") == 1


def test_a_mistake_is_its_askers_alone(lane):
    def inverse(x):
        if (x == 0).any():
            raise ValueError("there is no inverse of 0")
        return (1 / x,)

    with Held(lane):
        bad, good = lane.submit("a", inverse, torch.zeros(1)), lane.submit("b", inverse, torch.full((1,), 4.0))
    assert good.result(10)[0].item() == 0.25
    with pytest.raises(ValueError, match="no inverse of 0"):
        bad.result(10)


def test_more_than_may_wait_is_refused(lane):
    with Held(lane):
        for i in range(40):
            lane.submit(i, lambda: None)
        with pytest.raises(RequestError, match="40 requests are waiting") as caught:
            lane.submit("late", lambda: None)
        assert caught.value.status == 429


def test_one_client_may_not_fill_the_lane(lane):
    with Held(lane):
        for _ in range(batch_queue.MAX_QUEUED_PER_CLIENT):
            lane.submit("greedy", lambda: None)
        with pytest.raises(RequestError, match="ask again"):
            lane.submit("greedy", lambda: None)
        lane.submit("modest", lambda: None)


def test_what_nobody_waits_for_any_more_is_not_computed(lane):
    done = []
    with Held(lane):
        gone = lane.submit("a", lambda: done.append("gone"))
        stays = lane.submit("a", lambda: done.append("stays"))
        assert gone.cancel()
    stays.result(10)
    assert done == ["stays"]


def test_a_closed_lane_lets_go_of_what_waits():
    lane = BatchQueue("closing")
    with Held(lane):
        waiting = lane.submit("a", lambda: None)
        closing = threading.Thread(target=lane.close)
        closing.start()
        while not waiting.cancelled():
            pass
    closing.join(10)
    assert not closing.is_alive()
    with pytest.raises(RequestError, match="stopping"):
        lane.submit("a", lambda: None)
