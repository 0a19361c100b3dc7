"""When to try a failed request again, and when to give up."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

__all__ = ["RetryPolicy", "with_retries"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Exponential backoff with jitter.

    Attributes:
        attempts: the most tries, the first included.
        first_seconds: the longest wait after the first failure; it doubles with each further one.
        longest_seconds: the longest wait of all.
    """

    attempts: int = 4
    first_seconds: float = 0.25
    longest_seconds: float = 10.0

    def wait_seconds(self, failures: int, chance: float) -> float | None:
        """How long to wait after so many failures (at least 1), from half to all of the longest wait as
        `chance` in [0, 1) has it.

        `None`: give up.

        >>> [RetryPolicy().wait_seconds(failures, 0.5) for failures in (1, 2, 3, 4)]
        [0.1875, 0.375, 0.75, None]
        """
        if failures >= self.attempts:
            return None
        longest = min(self.longest_seconds, self.first_seconds * 2.0 ** (failures - 1))
        return longest * (1 + chance) / 2


async def with_retries(
    call: Callable[[], Awaitable[T]],
    *,
    policy: RetryPolicy,
    transient: Callable[[Exception], bool],
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    chance: Callable[[], float] = random.random,
) -> T:
    """What `call` gives, called again after each failure that is `transient`, as `policy` has it.

    The last error passes through as itself. When the task is cancelled, nothing is tried again.
    """
    failures = 0
    while True:
        try:
            return await call()
        except Exception as error:
            failures += 1
            wait = policy.wait_seconds(failures, chance()) if transient(error) else None
            if wait is None:
                raise
        await sleep(wait)
