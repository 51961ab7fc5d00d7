"""The machine and the versions that figures belong to."""

import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path

from benchmarks.install import Programs


def describe(programs: Programs) -> list[str]:
    """Lines for people: processor, memory, system, and the version of everything that ran."""
    return [
        f"{_processor()}, {os.cpu_count()} cores, {_memory_gib():.0f} GiB of memory",
        f"{_system()}, kernel {platform.release()}",
        f"DataSync {version('datasync-kubernetes')} on Python {platform.python_version()}, "
        f"{_libcurl()}, awscrt {version('awscrt')}, botocore {version('botocore')}",
        f"s5cmd {_first(str(programs.s5cmd), 'version').split('-')[0].removeprefix('v')}, "
        f"{_first(str(programs.rclone), 'version').replace(' v', ' ')}, "
        f"rsync {_word(_first(str(programs.rsync), '--version'), 2)}, "
        f"cp {_word(_first(str(programs.cp), '--version'), -1)}",
    ]


def _processor() -> str:
    for row in Path("/proc/cpuinfo").read_text().splitlines():
        if row.startswith("model name"):
            return row.partition(":")[2].strip()
    return platform.machine()


def _memory_gib() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1024**3


def _system() -> str:
    return platform.freedesktop_os_release().get("PRETTY_NAME", platform.system())


def _libcurl() -> str:
    import pycurl

    return " ".join(pycurl.version.split()[1:3]).replace("/", " ")


def _first(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return (done.stdout or done.stderr).partition("\n")[0].strip()


def _word(text: str, index: int) -> str:
    words = text.split()
    return words[index] if words else "unknown"
