"""Jobs of a cluster, by submitit's local executor: they share a sweep, and one that is preempted goes on."""

import functools
import sys
import time

import pytest

import elbowroom as er
from elbowroom.sweeps.cluster import parse_options, submit_jobs
from tests.sweeps import shared_sweep

TIMEOUT_S = 900


@pytest.fixture
def jobs_import_tests(root, monkeypatch):
    """The tests are modules for jobs too, which then import their functions by name."""
    monkeypatch.setenv("PYTHONPATH", str(root))


def test_a_job_that_is_preempted_saves_where_it_is_and_is_queued_again(jobs_import_tests, tmp_path):
    axes = {"latent": (2,), "seed": (0,)}
    work = functools.partial(er.sweep, shared_sweep.start_slowly, axes, tmp_path / "s", heartbeat_s=0.5)
    [job] = submit_jobs(work, tmp_path / "s", 1, "local")
    run = er.Run(tmp_path / "s" / "run")
    deadline = time.monotonic() + TIMEOUT_S
    while len(run.metrics("train")) < 3:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    for task in _tasks_of(job):
        task.send_signal(_signal())
    assert job.result() == {"finished": 1}
    log = job.stdout() + job.stderr()
    assert "Requeued job" in log
    assert "unfinished" in log, "the first one saved where it was"
    alone = shared_sweep.start(tmp_path / "alone", 2, 0)
    assert run.weights.read_bytes() == alone.weights.read_bytes()


def _tasks_of(job):
    """The processes that the controller of a local job has started."""
    import psutil

    return psutil.Process(int(job.job_id)).children()


def _signal():
    import signal

    return signal.SIGUSR2


def test_what_submitit_refuses_is_one_line(tmp_path):
    with pytest.raises(ValueError, match=r"no job was submitted to local .*invalid"):
        submit_jobs(list, tmp_path, 1, "local", {"invalid": 3})


def test_without_submitit_the_error_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "submitit", None)
    with pytest.raises(ValueError, match=r"pip install 'elbowroom\[slurm\]'"):
        submit_jobs(list, tmp_path, 1)


def test_an_option_without_a_value_says_so():
    with pytest.raises(ValueError, match="is not NAME=VALUE"):
        parse_options(["gpus"])
