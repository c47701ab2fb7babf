"""Redis: the installed one, else Debian's, unpacked into the cache. Alone, behind sentinels, and as a cluster."""

import json
import os
import shutil
import socket

from cluster.download import debian_packages, library_folders
from cluster.server import Server
from cluster.system import CACHE, LOOPBACK, PROBE_S_MAX, Failure, write

PASSWORD = "hush-of-tests"  # of the replicated and the clustered ones
MASTER = "rep"  # the name by which sentinels know the master


class Redis(Server):
    name, title, version = "redis", "Redis", "debian"
    megabytes = 2
    ports = {"clients": 6379}

    @property
    def home(self):
        return CACHE / f"redis-{self.version}"

    def is_fetched(self):
        return bool(shutil.which("redis-server")) or self.home.is_dir()

    def fetch(self, home):
        debian_packages(home, "redis-server")

    def program(self):
        program = shutil.which("redis-server")
        if program:
            return program, {}
        return str(self.home / "usr/bin/redis-server"), {"LD_LIBRARY_PATH": library_folders(self.home)}

    def settings(self, run):
        """Lines beyond those that every one has."""
        return ""

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
{self.settings(run)}""",
        )
        program, environment = self.program()
        return [program, str(run.dir / "redis.conf")], environment

    def asked(self, run, *commands):
        """The bytes that a server answers to commands, each as a line; empty if it does not."""
        try:
            with socket.create_connection((LOOPBACK, run.port), timeout=PROBE_S_MAX) as connection:
                connection.sendall("".join(f"{command}\r\n" for command in (*commands, "QUIT")).encode())
                connection.shutdown(socket.SHUT_WR)  # sentinels know no QUIT
                with connection.makefile("rb") as answer:
                    return answer.read(1 << 20)
        except OSError:
            return b""

    def is_ready(self, run):
        return self.asked(run, "PING").startswith(b"+PONG")

    def exports(self, run):
        return {"REP_TEST_REDIS": f"redis://{LOOPBACK}:{run.port}"}


def ports_of(run, *names):
    siblings = [run.sibling(name) for name in names]
    if not all(sibling.ports for sibling in siblings):
        raise Failure(f"{run.name} needs the servers {', '.join(names)} in the same folder: start them together")
    return [sibling.port for sibling in siblings]


class Master(Redis):
    """The master that the sentinels begin with."""

    name, title = "redis-master", "Redis (master)"
    ports = {"clients": 6380}

    def settings(self, run):
        return f"requirepass {PASSWORD}\nmasterauth {PASSWORD}\nrepl-diskless-sync-delay 0\n"

    def is_ready(self, run):
        return b"+PONG" in self.asked(run, f"AUTH {PASSWORD}", "PING")

    def exports(self, run):
        return {}


class Replica(Master):
    name, title = "redis-replica", "Redis (replica)"
    ports = {"clients": 6381}

    def after(self):
        return ("redis-master",)

    def settings(self, run):
        return f"{super().settings(run)}replicaof {LOOPBACK} {ports_of(run, 'redis-master')[0]}\n"

    def is_ready(self, run):
        """In step with its master; or the master itself, after a failover."""
        answer = self.asked(run, f"AUTH {PASSWORD}", "INFO replication")
        return b"master_link_status:up" in answer or b"role:master" in answer

    def exports(self, run):
        return {"REP_TEST_REDIS_REPLICA": f"redis://:{PASSWORD}@{LOOPBACK}:{run.port}"}


class Sentinel(Redis):
    """One of three that agree on who is master."""

    title = "Redis Sentinel"

    def after(self):
        return ("redis-replica",)

    def command(self, run):
        config = run.dir / "sentinel.conf"
        if not config.exists():  # it keeps what it learns there
            (master,) = ports_of(run, "redis-master")
            write(
                config,
                f"""bind {LOOPBACK}
port {run.port}
daemonize no
dir {json.dumps(str(run.dir))}
sentinel monitor {MASTER} {LOOPBACK} {master} 2
sentinel auth-pass {MASTER} {PASSWORD}
sentinel down-after-milliseconds {MASTER} 1000
sentinel failover-timeout {MASTER} 5000
""",
            )
        program, environment = self.program()
        return [program, str(config), "--sentinel"], environment

    def is_ready(self, run):
        """It knows the other two and the replica: a failover needs them."""
        answer = self.asked(run, f"SENTINEL MASTER {MASTER}").split(b"\r\n")

        def value(name):
            return answer[answer.index(name) + 2] if name in answer else b"0"

        return value(b"num-other-sentinels") == b"2" and value(b"num-slaves") == b"1"

    def exports(self, run):
        names = [sentinel.name for sentinel in SENTINELS]
        hosts = ",".join(f"{LOOPBACK}:{port}" for port in ports_of(run, *names))
        return {"REP_TEST_REDIS_SENTINELS": f"redis-sentinel://:{PASSWORD}@{hosts}/{MASTER}"}


class Node(Redis):
    """One of three masters of a cluster, each with a third of the slots."""

    title = "Redis (cluster)"
    number = 0
    slots = ("0-5460", "5461-10922", "10923-16383")

    def settings(self, run):
        return f"""requirepass {PASSWORD}
masterauth {PASSWORD}
cluster-enabled yes
cluster-port {run.ports["bus"]}
cluster-config-file nodes.conf
"""

    def command(self, run):
        nodes = run.dir / "data/nodes.conf"
        if not nodes.exists():  # as if they had met before
            lines = []
            for other in NODES:
                ports_of(run, other.name)
                ports, me = run.sibling(other.name).ports, "myself," if other.number == self.number else ""
                address = f"{LOOPBACK}:{ports['clients']}@{ports['bus']}"
                epoch, slots = other.number + 1, self.slots[other.number]
                lines.append(f"{epoch:040x} {address} {me}master - 0 0 {epoch} connected {slots}\n")
            write(nodes, "".join(lines) + f"vars currentEpoch {len(NODES)} lastVoteEpoch 0\n")
        return super().command(run)

    def is_ready(self, run):
        return b"cluster_state:ok" in self.asked(run, f"AUTH {PASSWORD}", "CLUSTER INFO")

    def exports(self, run):
        hosts = ",".join(f"{LOOPBACK}:{port}" for port in ports_of(run, *(node.name for node in NODES)))
        return {"REP_TEST_REDIS_CLUSTER": f"redis-cluster://:{PASSWORD}@{hosts}"}


def numbered(base, name, number, ports):
    return type(f"{base.__name__}{number}", (base,), {"name": f"{name}-{number + 1}", "number": number, "ports": ports})


SENTINELS = [numbered(Sentinel, "redis-sentinel", n, {"clients": 26379 + n}) for n in range(3)]
NODES = [numbered(Node, "redis-node", n, {"clients": 7000 + n, "bus": 17000 + n}) for n in range(3)]
