"""Files, processes, ports and messages: what the rest of this folder needs of the operating system."""

import contextlib
import fcntl
import os
import random
import re
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from pathlib import Path

REPO = Path(__file__).resolve().parent.parent.parent
CACHE = REPO / os.environ.get("REP_CACHE", ".rep/cache") / "servers"
LOOPBACK = "127.0.0.1"
PROBE_S_MAX = 5.0  # one question whether a server is ready; a busy machine answers late


class Failure(Exception):
    """What the user is told; the command then exits with status 1."""


class NotReady(Failure):
    """A server that did not come up: the end of its log is shown too."""

    def __init__(self, run, what):
        super().__init__(f"{run.name} {what}")
        self.run = run


def step(text):
    print(f"\033[1m==> {text}\033[0m" if sys.stderr.isatty() else f"==> {text}", file=sys.stderr, flush=True)


def say(text):
    print(f"    {text}", file=sys.stderr, flush=True)


def write(path, text):
    """Writes aside and renames: a reader sees the old file or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    aside.write_text(text)
    aside.replace(path)


@contextlib.contextmanager
def locked(folder):
    """One command at a time works on a folder; others wait."""
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / ".lock", "w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"waiting for another command that works on {folder}")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def output_of(command, **options):
    """What a command prints; its errors go to the user. Raises `Failure` if it fails."""
    try:
        return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, **options).stdout
    except FileNotFoundError as error:
        raise Failure(f"`{command[0]}` is missing") from error
    except subprocess.CalledProcessError as error:
        raise Failure(f"`{shlex.join(map(str, command))[:300]}` failed with status {error.returncode}") from error


def identity(pid):
    """Tells a process from a later one of the same pid: boot and start time. None once it has ended."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return None
    fields = stat[stat.rindex(")") + 2 :].split()
    return None if fields[0] in "ZX" else f"{boot}:{fields[19]}"


def is_paused(pid):
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat[stat.rindex(")") + 2] == "T"


def rss_mib(pid):
    with contextlib.suppress(OSError):
        found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
        if found:
            return int(found[1]) // 1024
    return 0


def uptime_s(ident):
    ticks = int(ident.split(":")[1])
    return float(Path("/proc/uptime").read_text().split()[0]) - ticks / os.sysconf("SC_CLK_TCK")


def is_free(port):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
            probe.listen()
        except OSError:
            return False
    return True


def free_ports(count):
    """Ports below those that the system gives to outgoing connections, so that a restart finds them free, and below
    20000: REP's own ports are from there on, where tests move them."""
    below = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    low, high = (10000, min(below, 20000)) if below > 11000 else (50000, 65536)
    found = [port for port in random.SystemRandom().sample(range(low, high), min(900, high - low)) if is_free(port)]
    if len(found) < count:
        raise Failure(f"{count} free ports are needed, found {len(found)}")
    return found[:count]


def http_status(url):
    """Status and body of a GET, or (0, "") if there is no answer."""
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(url, timeout=PROBE_S_MAX) as answer:
            return answer.status, answer.read(1 << 20).decode(errors="replace")
    except urllib.error.HTTPError as error:
        return error.code, ""
    except (OSError, ValueError):
        return 0, ""


@contextlib.contextmanager
def aside_of(target):
    """A folder that becomes `target` if all goes well, and vanishes otherwise. Only under the lock of the cache: what
    an earlier one has left, that was killed, is removed."""
    target.parent.mkdir(parents=True, exist_ok=True)
    for left in target.parent.glob(f".{target.name}.*"):
        shutil.rmtree(left, ignore_errors=True)
    work = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    work.chmod(0o755)
    try:
        yield work
        if target.exists():
            shutil.rmtree(target)
        work.rename(target)
    finally:
        shutil.rmtree(work, ignore_errors=True)
