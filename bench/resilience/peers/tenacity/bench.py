"""What one call costs through tenacity.

It only retries: it has no circuit breaker, and no timeout around a call (its stop_after_delay limits
the retrying), so there is no breaker, open, timeout and combined here.
"""

import json
import platform
import statistics
import sys
import timeit
from importlib.metadata import version

from tenacity import retry, stop_after_attempt, wait_random_exponential

SAMPLES = 41
SAMPLE_SECONDS = 0.08

value = 1


def callee() -> int:
    return value


retried = retry(
    stop=stop_after_attempt(3), wait=wait_random_exponential(multiplier=0.1, max=30)
)(callee)
empty = retry(enabled=False)(callee)  # the wrapper, switched off

timers = {
    # timeit switches the garbage collector off; a program does not.
    name: timeit.Timer("call()", "import gc; gc.enable()", globals={"call": call})
    for name, call in {"direct": callee, "empty": empty, "retry": retried}.items()
}
counts = {}
for name, timer in timers.items():
    number, seconds = timer.autorange()
    counts[name] = max(1, int(number * SAMPLE_SECONDS / seconds))

print(f"tenacity {version('tenacity')}, Python {platform.python_version()}", file=sys.stderr)
samples = {name: [] for name in timers}
for _ in range(SAMPLES):  # in turn, so that a disturbance falls on every case alike
    for name, timer in timers.items():
        samples[name].append(timer.timeit(counts[name]) / counts[name])
for name, seconds in samples.items():
    line = {"peer": "tenacity", "version": version("tenacity"), "case": name, "threads": 1}
    line |= {"ns": round(statistics.median(seconds) * 1e9, 2), "allocs": None, "bytes": None}
    print(json.dumps(line, separators=(",", ":")))
