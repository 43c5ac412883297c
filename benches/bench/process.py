"""Processes that are started, pinned, watched and always stopped.

One door: `Process`. Each gets a group of its own, so that Ctrl-C reaches the runner alone, and a signal from the kernel
when the runner dies without having stopped it.
"""

import ctypes
import os
import pathlib
import signal
import subprocess
import time
from dataclasses import dataclass

from . import proc

PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None)
TICK = os.sysconf("SC_CLK_TCK")
RUNNING = []


@dataclass
class Cpu:
    """Microseconds. `total` is exact; `user` and `system` are its parts by the kernel's ticks."""
    total: float
    user_ticks: int
    system_ticks: int

    def since(self, before):
        total = self.total - before.total
        user, system = self.user_ticks - before.user_ticks, self.system_ticks - before.system_ticks
        share = user / (user + system) if user + system else 0.0
        return total, total * share, total * (1 - share)


class Process:
    """A program with all its children."""

    def __init__(self, command, cpus, out, err, environment=None):
        def before_it_runs():
            LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
            os.sched_setaffinity(0, cpus)

        self.command, self.err = [str(part) for part in command], pathlib.Path(err)
        self.started = time.monotonic()
        with open(out, "ab") as stdout, open(err, "ab") as stderr:
            self.child = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr,
                                          env={**os.environ, **(environment or {})}, start_new_session=True,
                                          preexec_fn=before_it_runs)
        self.pid = self.child.pid
        RUNNING.append(self)

    def is_alive(self):
        return self.child.poll() is None

    def tree(self):
        """Its own id and those of all below it."""
        found, left = [], [self.pid]
        while left:
            pid = left.pop()
            found.append(pid)
            try:
                for task in os.listdir(f"/proc/{pid}/task"):
                    left += proc.children(pathlib.Path(f"/proc/{pid}/task/{task}/children").read_text())
            except OSError:
                pass
        return found

    def cpu(self):
        total, user, system = 0, 0, 0
        for pid in self.tree():
            try:
                # the clock of another process (clock_getcpuclockid): exact, threads that have ended among it
                total += time.clock_gettime_ns((~pid << 3) | 2)
                parts = proc.ticks(pathlib.Path(f"/proc/{pid}/stat").read_text())
            except OSError:
                continue
            user, system = user + parts[0], system + parts[1]
        return Cpu(total / 1000, user, system)

    def memory(self):
        """Resident and proportional KiB."""
        resident = proportional = 0
        for pid in self.tree():
            try:
                text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
            except OSError:
                continue
            resident, proportional = resident + proc.kib(text, "Rss"), proportional + proc.kib(text, "Pss")
        return resident, proportional

    def peak(self):
        """The most resident KiB that there have been so far."""
        most = 0
        for pid in self.tree():
            try:
                most += proc.kib(pathlib.Path(f"/proc/{pid}/status").read_text(), "VmHWM")
            except OSError:
                continue
        return most

    def last_words(self):
        try:
            return self.err.read_text(errors="replace").strip()[-600:]
        except OSError:
            return ""

    def stop(self, patience=5.0):
        """Asks it to end, and ends it when it does not."""
        if self in RUNNING:
            RUNNING.remove(self)
        for sign, wait in ((signal.SIGTERM, patience), (signal.SIGKILL, 2.0)):
            try:
                os.killpg(self.pid, sign)
            except ProcessLookupError:
                break
            try:
                self.child.wait(wait)
            except subprocess.TimeoutExpired:
                continue
        # children in the group may outlive the one that was asked
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.child.poll()


def stop_all():
    for process in list(reversed(RUNNING)):
        process.stop(patience=2.0)
