"""Servers in a folder: starting, watching and ending them."""

import contextlib
import json
import os
import shlex
import signal
import subprocess
import sys
import time

from cluster import SERVERS
from cluster.listening import check_loopback
from cluster.system import Failure, NotReady, identity, is_free, say, write

STOP_S_MAX = 20  # from SIGTERM to SIGKILL
LOG_BYTES_MAX = 16 << 20  # a larger log is set aside at the next start


class Run:
    """A server in a folder: its record (ports, options, process) and its files."""

    def __init__(self, folder, name):
        self.folder, self.name, self.dir = folder, name, folder / name
        self.log = self.dir / "server.log"
        self.record_file = self.dir / "record.json"
        try:
            record = json.loads(self.record_file.read_text())
        except FileNotFoundError:
            record = {}
        self.ports = record.get("ports", {})
        self.options = record.get("options", {})
        self.pid = record.get("pid")
        self.identity = record.get("identity")
        self.until = record.get("until")  # [pid, identity] of the process that it must not outlive

    def save(self):
        record = {key: getattr(self, key) for key in ("ports", "options", "pid", "identity", "until")}
        write(self.record_file, json.dumps(record, indent=2) + "\n")

    def exists(self):
        return self.record_file.exists()

    def sibling(self, name):
        return Run(self.folder, name)

    def server(self):
        return SERVERS[self.name](self.options)

    @property
    def port(self):
        return self.ports[next(iter(SERVERS[self.name].ports))]

    def is_running(self):
        return self.pid is not None and self.identity is not None and identity(self.pid) == self.identity

    def send(self, number):
        """Signals the process that was started, never another that has got its pid."""
        if not self.is_running():
            return False
        try:
            os.kill(self.pid, number)
        except ProcessLookupError:
            return False
        return True

    def await_end(self, seconds):
        deadline = time.monotonic() + seconds
        while self.is_running():
            if time.monotonic() > deadline:
                return False
            with contextlib.suppress(ChildProcessError):  # one that this command started itself
                os.waitpid(self.pid, os.WNOHANG)
            time.sleep(0.02)
        return True

    def last_lines(self, count=25):
        try:
            with open(self.log, "rb") as log:
                log.seek(max(0, self.log.stat().st_size - (64 << 10)))
                return log.read().decode(errors="replace").splitlines()[-count:]
        except FileNotFoundError:
            return []


def runs(folder, names=None):
    """The runs of the servers named, or of all that the folder knows."""
    if names:
        return [Run(folder, name) for name in names]
    return [run for run in (Run(folder, name) for name in SERVERS) if run.exists()]


def check_ports(run):
    for port in run.ports.values():
        if not is_free(port):
            raise Failure(
                f"{run.name} wants port {port}, which another program has (`ss -ltnp sport = :{port}` tells which). "
                "Choose others with --port-base N, or --port-base 0 for free ones"
            )


def launch(run):
    check_ports(run)  # again: a server that waited for another may find its port taken by now
    run.dir.mkdir(parents=True, exist_ok=True)
    if run.log.exists() and run.log.stat().st_size > LOG_BYTES_MAX:
        run.log.replace(run.log.with_suffix(".log.1"))
    command, environment = run.server().command(run)
    with open(run.log, "ab") as log:
        log.write(f"--- {time.strftime('%F %T')} {shlex.join(command)}\n".encode())
        log.flush()
        process = subprocess.Popen(
            command,
            env={**os.environ, **environment},
            cwd=run.dir,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,  # it outlives this shell and its Ctrl-C
        )
    run.pid, run.identity = process.pid, identity(process.pid)
    run.save()
    return process


def end(runs_to_end):
    """Ends processes in turn: those that need others first. SIGTERM, then SIGKILL."""
    waiting = [run for run in runs_to_end if run.is_running()]
    while waiting:
        needed = {name for run in waiting for name in run.server().after()}
        round_ = [run for run in waiting if run.name not in needed]
        for run in round_:
            run.send(signal.SIGTERM)
            run.send(signal.SIGCONT)  # a paused one acts on SIGTERM only then
        deadline = time.monotonic() + STOP_S_MAX
        for run in round_:
            if not run.await_end(max(0.0, deadline - time.monotonic())):
                say(f"{run.name} did not stop within {STOP_S_MAX} s: killed")
                run.send(signal.SIGKILL)
                run.await_end(5)
        waiting = [run for run in waiting if run not in round_]
    for run in runs_to_end:
        if run.exists():
            run.pid = run.identity = run.until = None
            run.save()


def bring_up(to_start, seconds):
    """Starts servers, those that need no other side by side, and waits until each is ready."""
    started, waiting = [], list(to_start)
    processes, begun = {}, {}
    deadline = time.monotonic() + seconds
    for run in to_start:
        check_ports(run)
    try:
        while waiting:
            unready = {run.name for run in waiting}
            for run in list(waiting):
                if run.name not in processes:
                    if unready.intersection(run.server().after()):
                        continue
                    for name in run.server().after():
                        if not run.sibling(name).is_running():
                            raise Failure(f"{run.name} needs the server `{name}`, which does not run in {run.folder}")
                    begun[run.name] = time.monotonic()
                    processes[run.name] = launch(run)
                    started.append(run)
                status = processes[run.name].poll()
                if status is not None:
                    raise NotReady(run, f"ended with status {status} before it was ready")
                if run.server().is_ready(run):
                    check_loopback(run.name, run.pid)
                    waiting.remove(run)
                    took = time.monotonic() - begun[run.name]
                    say(f"{run.name} is ready on port {run.port} after {took:.1f} s (pid {run.pid})")
                elif time.monotonic() > deadline:
                    raise NotReady(run, f"was not ready within {seconds} s")
            time.sleep(0.05)
    except BaseException as error:
        if isinstance(error, NotReady):
            say(f"the last lines of {error.run.log}:")
            for line in error.run.last_lines():
                print(line, file=sys.stderr)
        if started:
            say(f"stopping what was started: {', '.join(run.name for run in started)}")
            end(started)
        raise
