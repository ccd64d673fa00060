"""The most memory that a program has had."""

from pathlib import Path


def peak_megabytes(process: int | str = "self") -> float:
    """The peak of a process's resident memory, in MiB; 0 where it has none any more.

    Its own: `ru_maxrss` would be that of the process which started it, too.

    Raises:
        OSError: there is no such process.
    """
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    figures = dict(line.split(":", 1) for line in lines)
    return int(figures.get("VmHWM", "0 kB").split()[0]) / 1024
