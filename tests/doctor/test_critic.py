"""The diagnosis of a critic that has won: by its accuracy over the last quarter of the steps."""

from types import SimpleNamespace

import pytest

from elbowroom.doctor.checks.critic import find_winning_critic
from elbowroom.doctor.registry import NotApplicableError


def evidence(accuracy, steps=400, name="critic_accuracy"):
    rows = [{"step": step, name: accuracy(step)} for step in range(10, steps + 1, 10)]
    return SimpleNamespace(split_rows=lambda split: rows if split == "train" else [], n_steps=steps)


@pytest.mark.parametrize(
    ("accuracy", "is_found"),
    [
        (lambda step: 0.5, False),
        (lambda step: 0.5 if step <= 300 else 1.0, True),
        (lambda step: 1.0 if step <= 300 else 0.97, False),
    ],
)
def test_it_has_won_if_it_is_right_to_the_end(accuracy, is_found):
    found = list(find_winning_critic(evidence(accuracy)))
    assert [finding.title for finding in found] == ["critic won"] * is_found
    assert all("right on 100.0% of what it saw" in finding.evidence for finding in found)


def test_it_needs_a_critic_and_some_steps():
    with pytest.raises(NotApplicableError, match="has no critic"):
        list(find_winning_critic(evidence(lambda step: 1.0, name="loss")))
    with pytest.raises(NotApplicableError, match="200 steps are too few"):
        list(find_winning_critic(evidence(lambda step: 1.0, steps=200)))
