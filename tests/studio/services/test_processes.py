"""Processes: only the process that was started is signalled."""

import os
import signal

from elbowroom.studio.services import processes


def test_only_the_process_that_was_started_is_signalled(sleeper):
    started = processes.start_time(sleeper.pid)
    assert started is not None
    assert not processes.terminate(sleeper.pid, "another time")
    assert not processes.terminate(sleeper.pid, None)
    assert not processes.terminate(os.getpid(), processes.start_time(os.getpid()))
    assert not processes.terminate(1, processes.start_time(1))
    assert sleeper.poll() is None
    assert processes.terminate(sleeper.pid, started)
    assert sleeper.wait(10) == -signal.SIGTERM
    assert processes.start_time(sleeper.pid) is None
