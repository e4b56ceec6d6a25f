"""Processes: only the process that was started is signalled."""

import os
import signal
import subprocess
import sys
import time

import psutil

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


def test_a_process_is_known_by_its_start(sleeper):
    """To two seconds, as the clock may be corrected; a text that another version wrote is no start."""
    started = float(processes.start_time(sleeper.pid))
    assert processes.is_same_process(sleeper.pid, str(started + 1))
    for other in (str(started - 3), str(started + 3), "nan", "b5a4-11 123456", "", None):
        assert not processes.is_same_process(sleeper.pid, other)
        assert not processes.terminate(sleeper.pid, other)
    assert sleeper.poll() is None


def test_a_zombie_has_ended():
    process = subprocess.Popen([sys.executable, "-c", ""])
    deadline = time.monotonic() + 60
    while processes.start_time(process.pid) is not None and time.monotonic() < deadline:
        time.sleep(0.05)
    assert psutil.Process(process.pid).status() == psutil.STATUS_ZOMBIE
    assert not processes.is_same_process(process.pid, str(psutil.Process(process.pid).create_time()))
    processes.wait_for_end(process.pid, str(psutil.Process(process.pid).create_time()))
    assert process.wait() == 0
