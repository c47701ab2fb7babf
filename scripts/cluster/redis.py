"""Redis: the installed one, else Debian's, unpacked into the cache."""

import json
import os
import shutil
import socket

from cluster.download import debian_packages, library_folders
from cluster.server import Server
from cluster.system import LOOPBACK, PROBE_S_MAX, write


class Redis(Server):
    name, title, version = "redis", "Redis", "debian"
    megabytes = 2
    ports = {"clients": 6379}

    def is_fetched(self):
        return bool(shutil.which("redis-server")) or self.home.is_dir()

    def fetch(self, home):
        debian_packages(home, "redis-server")

    def command(self, run):
        data = run.dir / "data"
        data.mkdir(parents=True, exist_ok=True)
        memory = os.environ.get("REP_SERVERS_MEMORY_REDIS", "512mb")
        write(
            run.dir / "redis.conf",
            f"""bind {LOOPBACK}
port {run.port}
protected-mode yes
daemonize no
dir {json.dumps(str(data))}
appendonly yes
appendfsync everysec
save ""
maxmemory {memory}
maxmemory-policy noeviction
""",
        )
        environment = {}
        program = shutil.which("redis-server")
        if not program:
            program = str(self.home / "usr/bin/redis-server")
            environment["LD_LIBRARY_PATH"] = library_folders(self.home)
        return [program, str(run.dir / "redis.conf")], environment

    def is_ready(self, run):
        try:
            with socket.create_connection((LOOPBACK, run.port), timeout=PROBE_S_MAX) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(64).startswith(b"+PONG")
        except OSError:
            return False

    def exports(self, run):
        return {"REP_TEST_REDIS": f"redis://{LOOPBACK}:{run.port}"}
