"""What a piece of work costs: seconds on the clock, and CPU seconds of client and server."""

import resource
import time
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

import psutil

from o2r.settings import Settings
from o2r.warehouse import embedded


class Cost(NamedTuple):
    """Seconds on the clock, and of the processors: client and server together."""

    wall: float
    cpu: float


def cost(settings: Settings, work: Callable[[], object]) -> Cost:
    """Do the work, and return what it cost this process, its children and the embedded server."""

    def spent() -> float:
        found = 0.0
        for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN):
            usage = resource.getrusage(who)
            found += usage.ru_utime + usage.ru_stime
        postmaster = psutil.Process(embedded.running(settings).pid)
        found += sum(postmaster.cpu_times()[:4])  # those of ended sessions among them
        for process in postmaster.children():
            with suppress(psutil.Error):
                found += sum(process.cpu_times()[:2])
        return found

    begin, before = time.perf_counter(), spent()
    work()
    wall = time.perf_counter() - begin
    time.sleep(1)  # until the server has seen its session end
    return Cost(wall, spent() - before)
