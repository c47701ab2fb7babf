"""Apicurio Registry, which speaks Confluent's protocol."""

import pins
from cluster.download import check, maven
from cluster.server import Server
from cluster.system import LOOPBACK, Failure, http_status


class Registry(Server):
    name, title, version = "registry", "Apicurio Registry", "3.3.3"
    megabytes = 159
    ports = {"http": 8081, "management": 9081}
    java_min = 21

    def after(self):
        return ("kafka",) if self.options["registry_storage"] == "kafkasql" else ()

    def fetch(self, home):
        maven("copy", home, f"-Dartifact=io.apicurio:apicurio-registry-app:{self.version}:tar.gz:all")
        check(home, f"registry=={self.version}")
        (archive,) = home.glob("*.tar.gz")
        pins.unpack_tar(archive, home)
        archive.unlink()

    def command(self, run):
        environment = {
            "QUARKUS_HTTP_HOST": LOOPBACK,
            "QUARKUS_HTTP_PORT": str(run.port),
            "QUARKUS_MANAGEMENT_HOST": LOOPBACK,
            "QUARKUS_MANAGEMENT_PORT": str(run.ports["management"]),
            "APICURIO_STORAGE_KIND": self.options["registry_storage"],
        }
        if self.options["registry_storage"] == "kafkasql":
            kafka = run.sibling("kafka")
            if not kafka.ports:
                raise Failure("a registry on Kafka needs the server `kafka` in the same folder")
            environment["APICURIO_KAFKASQL_BOOTSTRAP_SERVERS"] = f"{LOOPBACK}:{kafka.port}"
        else:
            (run.dir / "data").mkdir(parents=True, exist_ok=True)
            # No delay of writes: a schema that was registered outlives kill -9.
            environment["APICURIO_STORAGE_SQL_KIND"] = "h2"
            environment["APICURIO_DATASOURCE_URL"] = f"jdbc:h2:file:{run.dir}/data/registry;WRITE_DELAY=0"
        return [*self.java(run), "-jar", str(self.home / "quarkus-run.jar")], environment

    def is_ready(self, run):
        """The API answers before the storage is ready; the management port does not."""
        return http_status(f"http://{LOOPBACK}:{run.ports['management']}/health/ready")[0] == 200

    def exports(self, run):
        return {"REP_TEST_REGISTRY": f"http://{LOOPBACK}:{run.port}/apis/ccompat/v7"}
