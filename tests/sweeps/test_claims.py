"""Claims: one holder at a time, whatever processes do, and none for ever."""

import os
import threading
import time

import pytest

from elbowroom.sweeps.claims import MISSED_BEATS, ClaimLostError, Claims


def age(claims, name, seconds):
    """Make the newest claim as old as if its holder had given no sign of life for these seconds."""
    file = claims.folder / f"{name}.claim-{claims.count_takes(name)}"
    then = file.stat().st_mtime - seconds
    os.utime(file, (then, then))


def test_of_many_that_take_a_name_at_once_one_has_it(tmp_path):
    claims, taken, barrier = Claims(tmp_path), [], threading.Barrier(8)

    def take():
        barrier.wait()
        taken.append(claims.take("a"))

    threads = [threading.Thread(target=take) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(claim is not None for claim in taken) == 1
    assert claims.find_holder("a").pid == os.getpid()


def test_a_released_name_is_free_at_once_and_a_held_one_is_not(tmp_path):
    claims = Claims(tmp_path)
    with claims.take("a"):
        assert claims.take("a") is None
        assert list(claims.find_holders()) == ["a"]
    assert claims.find_holders() == {}
    assert claims.take("a") is not None
    assert claims.count_takes("a") == 2


def test_one_that_gives_no_sign_of_life_is_taken_over_once_and_learns_of_it(tmp_path):
    claims = Claims(tmp_path, heartbeat_s=5)
    claim = claims.take("a")
    age(claims, "a", 5 * MISSED_BEATS - 1)
    assert claims.take("a") is None
    age(claims, "a", 2)
    claim.check()
    assert claims.take("a") is not None
    assert claims.take("a") is None
    with pytest.raises(ClaimLostError, match="taken a over"):
        claim.check()


def test_the_holder_says_how_long_its_silence_may_last(tmp_path):
    Claims(tmp_path, heartbeat_s=1000).take("a")
    hasty = Claims(tmp_path, heartbeat_s=0.001)
    age(hasty, "a", 900)
    assert hasty.take("a") is None


def test_a_claim_within_with_stays_alive(tmp_path):
    claims = Claims(tmp_path, heartbeat_s=0.02)
    with claims.take("a"):
        age(claims, "a", 1000)
        deadline = time.monotonic() + 20
        while claims.find_holder("a") is None and time.monotonic() < deadline:
            time.sleep(0.01)
        assert claims.find_holder("a") is not None


def test_a_process_that_slept_renews_its_claim_before_it_goes_on(tmp_path):
    claims = Claims(tmp_path, heartbeat_s=1)
    claim = claims.take("a")
    age(claims, "a", 1000)
    claim._last_beat_at -= 1000
    claim.check()
    assert claims.take("a") is None


def test_a_claim_that_is_not_written_yet_counts(tmp_path):
    claims = Claims(tmp_path)
    claims.take("a")
    (claims.folder / "a.claim-1").write_text("")
    assert claims.take("a") is None


def test_names_of_points_are_kept_apart(tmp_path):
    claims = Claims(tmp_path)
    for name in ("latent=2", "latent=2~2", "lr=0.1", "lr=0.1.claim"):
        assert claims.take(name) is not None
    assert len(claims.find_holders()) == 4


def test_a_folder_that_is_none_says_so(tmp_path):
    (tmp_path / ".claims").write_text("mine")
    with pytest.raises(ValueError, match="give another --out"):
        Claims(tmp_path).take("a")
