"""Kafka: one node that is broker and controller."""

import base64
import socket
import struct
import subprocess
import uuid

from cluster.download import check, maven_jars
from cluster.server import Server
from cluster.system import LOOPBACK, PROBE_S_MAX, NotReady, write


class Kafka(Server):
    name, title, version = "kafka", "Kafka", "4.3.1"
    megabytes = 55
    ports = {"clients": 9092, "controller": 9093}
    java_min = 17
    sha256 = "d20f9113cb0a550df9533c88650c44d99a14b944d91b0f6042fcbd5750e033e5"

    def fetch(self, home):
        maven_jars(
            home / "lib",
            f"org.apache.kafka:kafka_2.13:{self.version}",
            f"org.apache.kafka:kafka-tools:{self.version}",
            "org.apache.logging.log4j:log4j-slf4j-impl:2.25.4",
        )
        check(home / "lib", self.sha256)

    def command(self, run):
        data, properties = run.dir / "data", run.dir / "server.properties"
        write(
            properties,
            f"""process.roles=broker,controller
node.id=1
controller.quorum.voters=1@{LOOPBACK}:{run.ports["controller"]}
listeners=PLAINTEXT://{LOOPBACK}:{run.port},CONTROLLER://{LOOPBACK}:{run.ports["controller"]}
advertised.listeners=PLAINTEXT://{LOOPBACK}:{run.port}
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={data}
auto.create.topics.enable=false
group.initial.rebalance.delay.ms=0
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
default.replication.factor=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=8
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=8
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=1
num.network.threads=2
num.io.threads=4
""",
        )
        write(
            run.dir / "log4j2.properties",
            """rootLogger.level=WARN
rootLogger.appenderRef.console.ref=console
appender.console.type=Console
appender.console.name=console
appender.console.layout.type=PatternLayout
appender.console.layout.pattern=[%d] %p %m (%c)%n
logger.lifecycle.name=kafka.server.KafkaRaftServer
logger.lifecycle.level=INFO
""",
        )
        java = [
            *self.java(run),
            f"-Dlog4j2.configurationFile={run.dir}/log4j2.properties",
            "-cp",
            f"{self.home}/lib/*",
        ]
        if not (data / "meta.properties").exists():
            cluster = uuid.uuid4().bytes
            name = base64.urlsafe_b64encode(cluster).decode().rstrip("=")
            with open(run.log, "ab") as log:
                tool = [*java, "kafka.tools.StorageTool", "format", "--ignore-formatted", "-t", name, "-c", properties]
                if subprocess.run(tool, stdout=log, stderr=log, stdin=subprocess.DEVNULL, check=False).returncode:
                    raise NotReady(run, "could not format its storage")
        return [*java, "kafka.Kafka", str(properties)], {}

    def is_ready(self, run):
        """Metadata version 1 lists the brokers that are in service: this one must be among them."""
        client = b"rep-servers"
        body = struct.pack(">hhih", 3, 1, 1, len(client)) + client + struct.pack(">i", 0)
        try:
            with socket.create_connection((LOOPBACK, run.port), timeout=PROBE_S_MAX) as connection:
                connection.sendall(struct.pack(">i", len(body)) + body)
                with connection.makefile("rb") as answer:
                    (size,) = struct.unpack(">i", answer.read(4))
                    content = answer.read(min(size, 1 << 20))
        except (OSError, struct.error):
            return False
        return len(content) >= 8 and struct.unpack(">i", content[4:8])[0] >= 1

    def exports(self, run):
        return {"REP_TEST_KAFKA": f"{LOOPBACK}:{run.port}"}
