"""Elasticsearch: one node, from its jars."""

import json
import platform
import shutil
from pathlib import Path

import pins
from cluster.download import check, debian_packages, maven, maven_jars
from cluster.java import has_module, java_for, java_version
from cluster.server import Server
from cluster.system import LOOPBACK, Failure, http_status, output_of, write

ECJ = "org.eclipse.jdt:ecj:3.45.0"  # compiles one file, also where only a Java runtime is installed


class Elasticsearch(Server):
    name, title = "elasticsearch", "Elasticsearch"
    megabytes = 48
    ports = {"http": 9200, "transport": 9300}
    # version -> the oldest Java it runs on
    versions = {"9.5.3": 21, "8.19.21": 17}

    @property
    def version(self):
        return self.options["elasticsearch_version"]

    @property
    def java_min(self):
        return self.versions[self.version]

    def fetch(self, home):
        lib, modules = home / "lib", home / "modules/transport-netty4"
        maven_jars(
            lib,
            f"org.elasticsearch:elasticsearch:{self.version}",
            f"org.elasticsearch.plugin:transport-netty4:{self.version}",
        )
        check(lib, f"elasticsearch=={self.version}")
        modules.mkdir(parents=True)
        for pattern in ("netty-*.jar", "transport-netty4-*.jar", "elasticsearch-ssl-config-*.jar"):
            for jar in list(lib.glob(pattern)):
                jar.rename(modules / jar.name)
        write(
            modules / "plugin-descriptor.properties",
            f"""name=transport-netty4
description=HTTP and transport by Netty
version={self.version}
elasticsearch.version={self.version}
java.version=17
classname=org.elasticsearch.transport.netty4.Netty4Plugin
has.native.controller=false
""",
        )
        machine = {"x86_64": "linux-x64", "aarch64": "linux-aarch64"}.get(platform.machine())
        if not machine:
            raise Failure(f"Elasticsearch is not to be had for `{platform.machine()}`")
        native = lib / "platform" / machine
        native.mkdir(parents=True)
        shutil.copyfile(self.zstd(home), native / "libzstd.so")
        self.compile_launcher(home)

    def zstd(self, home):
        """Where libzstd is: installed, or out of its Debian package."""
        for folder in [
            *Path("/usr/lib").glob("*-linux-gnu*"),
            Path("/usr/lib64"),
            Path("/usr/lib"),
            Path("/usr/local/lib"),
        ]:
            if (folder / "libzstd.so.1").is_file():
                return folder / "libzstd.so.1"
        unpacked = home / "zstd"
        debian_packages(unpacked, "libzstd1", with_dependencies=False)
        return next(unpacked.rglob("libzstd.so.1"))

    def compile_launcher(self, home):
        maven("copy", home, f"-Dartifact={ECJ}")
        (compiler,) = home.glob("ecj-*.jar")
        pins.check(compiler, f"ecj=={ECJ.rsplit(':', 1)[1]}")
        jars = ":".join(str(path) for path in (home / "lib").glob("*.jar"))
        java = java_for(self.java_min) / "bin/java"
        output_of(
            [
                java,
                "-jar",
                compiler,
                "-17",
                "-cp",
                jars,
                "-d",
                home / "launcher",
                Path(__file__).with_name("ElasticsearchNode.java"),
            ]
        )
        compiler.unlink()

    def command(self, run):
        config = run.dir / "config"
        write(
            config / "elasticsearch.yml",
            f"""cluster.name: rep
node.name: node-1
discovery.type: single-node
network.host: {LOOPBACK}
http.port: {run.port}
transport.port: {run.ports["transport"]}
http.type: netty4
transport.type: netty4
path.data: {json.dumps(str(run.dir / "data"))}
path.logs: {json.dumps(str(run.dir / "logs"))}
cluster.routing.allocation.disk.threshold_enabled: false
""",
        )
        write(
            config / "log4j2.properties",
            """rootLogger.level = info
rootLogger.appenderRef.console.ref = console
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = [%d{ISO8601}][%-5p][%-25c{1.}] %m%n
""",
        )
        java = java_for(self.java_min)
        # Where libzstd is looked for, without which no native call works; the vector library is not in the jars.
        flags = [f"-Des.path.home={self.home}", "-Dorg.elasticsearch.nativeaccess.enableVectorLibrary=false"]
        if java_version(java) >= 22:
            flags.append("--enable-native-access=ALL-UNNAMED")
        if java_version(java) >= 21 and has_module(java, "jdk.incubator.vector"):
            flags += ["--add-modules", "jdk.incubator.vector"]
        classes = ["-cp", f"{self.home}/launcher:{self.home}/lib/*"]
        return [*self.java(run), *flags, *classes, "ElasticsearchNode", str(self.home), str(config)], {}

    def is_ready(self, run):
        status, body = http_status(f"http://{LOOPBACK}:{run.port}/_cluster/health")
        return status == 200 and json.loads(body)["status"] in ("green", "yellow")

    def exports(self, run):
        return {"REP_TEST_ELASTICSEARCH": f"http://{LOOPBACK}:{run.port}"}
