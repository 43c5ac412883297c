"""What /proc tells of a process, read from its text. Pure: `process` opens the files."""


def ticks(stat):
    """User and system time in ticks, of all threads, also those that have ended."""
    # the name in brackets may hold spaces and brackets
    fields = stat.rpartition(")")[2].split()
    return int(fields[11]), int(fields[12])


def children(text):
    return [int(pid) for pid in text.split()]


def kib(text, name):
    """A line such as `Rss:  123 kB` of smaps_rollup or status; 0 when it is not there."""
    for line in text.splitlines():
        key, _, value = line.partition(":")
        if key == name:
            return int(value.split()[0])
    return 0


def idle(stat, cpus):
    """Ticks in which these CPUs had nothing to do, and all their ticks, of /proc/stat."""
    nothing = every = 0
    for line in stat.splitlines():
        name, *ticks = line.split()
        if name in {f"cpu{cpu}" for cpu in cpus}:
            # user nice system idle iowait irq softirq steal; what follows is part of user
            ticks = [int(tick) for tick in ticks[:8]]
            nothing, every = nothing + ticks[3] + ticks[4], every + sum(ticks)
    return nothing, every


def cpu_model(cpuinfo):
    for line in cpuinfo.splitlines():
        key, _, value = line.partition(":")
        if key.strip() in ("model name", "Model", "Hardware"):
            return value.strip()
    return "unknown"
