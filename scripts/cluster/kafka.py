"""Kafka: one node that is broker and controller; with TLS and passwords too."""

import base64
import os
import socket
import struct
import subprocess
import uuid
from urllib.parse import quote

from cluster.certificates import make_certificates
from cluster.download import check, maven_jars
from cluster.server import Server
from cluster.system import CACHE, LOOPBACK, PROBE_S_MAX, NotReady, write


class Kafka(Server):
    name, title, version = "kafka", "Kafka", "4.3.1"
    megabytes = 55
    ports = {"clients": 9092, "controller": 9093}
    java_min = 17

    @property
    def home(self):
        return CACHE / f"kafka-{self.version}"

    def fetch(self, home):
        maven_jars(
            home / "lib",
            f"org.apache.kafka:kafka_2.13:{self.version}",
            f"org.apache.kafka:kafka-tools:{self.version}",
            "org.apache.logging.log4j:log4j-slf4j-impl:2.25.4",
        )
        check(home / "lib", f"kafka=={self.version}")

    def listeners(self, run):
        """Lines that say where clients and the controller are listened for."""
        clients = f"PLAINTEXT://{LOOPBACK}:{run.port}"
        return f"""listeners={clients},CONTROLLER://{LOOPBACK}:{run.ports["controller"]}
advertised.listeners={clients}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT"""

    def format_options(self):
        """What its storage is formatted with beside a name."""
        return []

    def command(self, run):
        data, properties = run.dir / "data", run.dir / "server.properties"
        write(
            properties,
            f"""process.roles=broker,controller
node.id=1
controller.quorum.voters=1@{LOOPBACK}:{run.ports["controller"]}
{self.listeners(run)}
controller.listener.names=CONTROLLER
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
                tool = [*java, "kafka.tools.StorageTool", "format", "--ignore-formatted", "-c", properties]
                tool += [f"--cluster-id={name}", *self.format_options()]  # with =: the name may begin with -
                if subprocess.run(tool, stdout=log, stderr=log, stdin=subprocess.DEVNULL, check=False).returncode:
                    raise NotReady(run, "could not format its storage")
        return [*java, "kafka.Kafka", str(properties)], {}

    def probed_port(self, run):
        """The port whose clients need no password."""
        return run.port

    def is_ready(self, run):
        """Metadata version 1 lists the brokers that are in service: this one must be among them."""
        client = b"rep-servers"
        body = struct.pack(">hhih", 3, 1, 1, len(client)) + client + struct.pack(">i", 0)
        try:
            with socket.create_connection((LOOPBACK, self.probed_port(run)), timeout=PROBE_S_MAX) as connection:
                connection.sendall(struct.pack(">i", len(body)) + body)
                with connection.makefile("rb") as answer:
                    (size,) = struct.unpack(">i", answer.read(4))
                    content = answer.read(min(size, 1 << 20))
        except (OSError, struct.error):
            return False
        return len(content) >= 8 and struct.unpack(">i", content[4:8])[0] >= 1

    def exports(self, run):
        return {"REP_TEST_KAFKA": f"{LOOPBACK}:{run.port}"}


class SecuredKafka(Kafka):
    """Clients come by TLS and with a password; what is listened to without them is the broker's own."""

    name, title = "kafka-secured", "Kafka (TLS, SASL)"
    ports = {"clients": 9192, "controller": 9193, "inside": 9194}
    user, password = "rep", "hush of/tests@home"

    def listeners(self, run):
        certificates = make_certificates(run.dir / "certificates", LOOPBACK)
        clients, inside = f"CLIENTS://{LOOPBACK}:{run.port}", f"INSIDE://{LOOPBACK}:{run.ports['inside']}"
        jaas = "org.apache.kafka.common.security"
        return f"""listeners={clients},{inside},CONTROLLER://{LOOPBACK}:{run.ports["controller"]}
advertised.listeners={clients},{inside}
listener.security.protocol.map=CLIENTS:SASL_SSL,INSIDE:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=INSIDE
ssl.keystore.type=PEM
ssl.keystore.location={certificates}/broker.pem
listener.name.clients.sasl.enabled.mechanisms=SCRAM-SHA-512,PLAIN
listener.name.clients.scram-sha-512.sasl.jaas.config={jaas}.scram.ScramLoginModule required;
listener.name.clients.plain.sasl.jaas.config={jaas}.plain.PlainLoginModule required user_{self.user}="{self.password}";"""

    def format_options(self):
        return ["--add-scram", f"SCRAM-SHA-512=[name={self.user},password={self.password}]"]

    def probed_port(self, run):
        return run.ports["inside"]

    def exports(self, run):
        login = f"{quote(self.user, safe='')}:{quote(self.password, safe='')}"
        return {
            "REP_TEST_KAFKA_SECURED": f"kafka://{login}@{LOOPBACK}:{run.port}?security=sasl_ssl&mechanism=scram-sha-512",
            "REP_TEST_KAFKA_CA": str(run.dir / "certificates/ca.pem"),
        }


class ProxiedKafka(Kafka):
    """Some clients come straight, others by a proxy: whoever comes to the port `far` is told that the broker is at
    REP_SERVERS_KAFKA_FAR, `host:port` of the proxy."""

    name, title = "kafka-proxied", "Kafka (behind a proxy)"
    ports = {"clients": 9292, "controller": 9293, "far": 9294}

    def listeners(self, run):
        clients, far = f"PLAINTEXT://{LOOPBACK}:{run.port}", f"{LOOPBACK}:{run.ports['far']}"
        advertised = os.environ.get("REP_SERVERS_KAFKA_FAR", far)
        return f"""listeners={clients},FAR://{far},CONTROLLER://{LOOPBACK}:{run.ports["controller"]}
advertised.listeners={clients},FAR://{advertised}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,FAR:PLAINTEXT,CONTROLLER:PLAINTEXT"""

    def exports(self, run):
        return {**super().exports(run), "REP_TEST_KAFKA_FAR": f"{LOOPBACK}:{run.ports['far']}"}
