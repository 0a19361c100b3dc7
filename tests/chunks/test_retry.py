"""The retry policy, with a clock of ours: nothing sleeps."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vczero.chunks.retry import RetryPolicy, with_retries


class Flaky:
    """Fails so many times, then answers; notes how long it was left alone."""

    def __init__(self, *errors):
        self.errors = list(errors)
        self.calls = 0
        self.slept = []

    async def __call__(self):
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return "answer"

    async def sleep(self, seconds):
        self.slept.append(seconds)

    def run(self, policy, transient=lambda error: isinstance(error, OSError), chance=lambda: 0.0):
        return asyncio.run(
            with_retries(self, policy=policy, transient=transient, sleep=self.sleep, chance=chance)
        )


POLICY = RetryPolicy(attempts=5, first_seconds=1.0, longest_seconds=3.0)


def test_the_waits_double_up_to_the_longest():
    # Half of each wait is sure, the other half is chance.
    flaky = Flaky(*[OSError()] * 4)
    assert flaky.run(POLICY) == "answer"
    assert flaky.slept == [0.5, 1.0, 1.5, 1.5]


def test_it_is_bounded():
    # The last error comes out as itself, after so many tries and no more.
    errors = [OSError(str(i)) for i in range(9)]
    flaky = Flaky(*errors)
    with pytest.raises(OSError, match="4") as caught:
        flaky.run(POLICY)
    assert caught.value is errors[4]
    assert (flaky.calls, len(flaky.slept)) == (5, 4)


def test_what_will_not_pass_is_not_tried_again():
    # Denied stays denied.
    flaky = Flaky(ValueError("denied"))
    with pytest.raises(ValueError, match="denied"):
        flaky.run(POLICY)
    assert (flaky.calls, flaky.slept) == (1, [])


def test_cancellation_ends_it():
    # Nothing is tried again for someone who has gone.
    flaky = Flaky(asyncio.CancelledError())
    with pytest.raises(asyncio.CancelledError):
        flaky.run(POLICY)
    assert flaky.calls == 1


@given(st.integers(1, 20), st.floats(0, 1, exclude_max=True))
def test_every_wait_is_within_bounds(failures, chance):
    # Never negative, never longer than the longest; none once the attempts are used up.
    wait = POLICY.wait_seconds(failures, chance)
    if failures >= POLICY.attempts:
        assert wait is None
    else:
        assert 0 <= wait <= POLICY.longest_seconds
