"""Run one command and print what it cost, as JSON: wall and CPU seconds, peak memory in bytes, exit status.

A process of its own, kept small: on Linux the peak that the kernel reports for a child includes the memory of
the process that started it, and a benchmark full of arrays would drown the command's own.
"""

import json
import os
import sys
import time


def main() -> None:
    """`launch.py STDOUT COMMAND...`: the command's standard output goes to the file STDOUT."""
    output, *argv = sys.argv[1:]
    actions = [(os.POSIX_SPAWN_OPEN, 1, output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)]
    start = time.perf_counter()
    pid = os.posix_spawnp(argv[0], argv, os.environ, file_actions=actions)
    _, status, usage = os.wait4(pid, 0)
    wall = time.perf_counter() - start
    unit = 1 if sys.platform == "darwin" else 1024
    cost = {
        "wall": wall,
        "cpu": usage.ru_utime + usage.ru_stime,
        "peak": usage.ru_maxrss * unit,
        "status": os.waitstatus_to_exitcode(status),
    }
    print(json.dumps(cost))


if __name__ == "__main__":
    main()
