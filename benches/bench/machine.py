"""The machine and what is measured on it. Doors: `facts`, and `told` and `remarks` of them; `pinning`."""

import os
import pathlib
import platform
import resource
import subprocess

from . import build, proc


def facts():
    return {
        "cpu": proc.cpu_model(pathlib.Path("/proc/cpuinfo").read_text()),
        "cpus": len(os.sched_getaffinity(0)),
        "kernel": platform.release(),
        "governor": word("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
        "congestion": word("/proc/sys/net/ipv4/tcp_congestion_control"),
        "loadAtStart": os.getloadavg()[0],
    }


def word(path):
    """What stands in such a file of the kernel's; not every machine has each."""
    path = pathlib.Path(path)
    return path.read_text().strip() if path.exists() else "unknown"


def told(facts):
    """Results from before it was looked at have no congestion control."""
    return (f"{facts['cpus']} x {facts['cpu']}, Linux {facts['kernel']}, governor {facts['governor']}, TCP "
            f"{facts.get('congestion', 'unknown')}")


def remarks(facts):
    """What about the machine makes its figures worth less, and what to do."""
    found, busy = [], facts["loadAtStart"]
    if facts.get("congestion") == "bbr":
        found.append("TCP congestion control is bbr, which sends by timers: with long bodies these are most of what is "
                     "measured. Linux's default: sysctl -w net.ipv4.tcp_congestion_control=cubic")
    if busy > 0.3 * facts["cpus"]:
        found.append(f"this machine was busy before (load {busy:.1f}): stop what else runs, and measure again")
    return found


def commit():
    done = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=build.ROOT, capture_output=True, text=True)
    return done.stdout.strip() or "unknown"


def pinning(workers):
    """CPUs of the proxy and of those that ask and answer; the second never empty."""
    cpus = sorted(os.sched_getaffinity(0))
    proxy, rest = set(cpus[:workers]), set(cpus[workers:])
    if not rest:
        return proxy, set(cpus), set(cpus)
    # the client gets one of its own as soon as there are three
    client = {cpus[-1]} if len(rest) > 1 else rest
    return proxy, client, (rest - client) or rest


def busy_since(before, cpus):
    """The share of the time since `ticks` in which these CPUs worked, whoever it was for."""
    idle, every = (now - then for now, then in zip(ticks(cpus), before))
    return 1 - idle / every if every else 0.0


def ticks(cpus):
    return proc.idle(pathlib.Path("/proc/stat").read_text(), cpus)


def raise_files():
    """As many open files as this user may have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard if hard != resource.RLIM_INFINITY else 1 << 20
