"""What every server has in common."""

import os
import re
import shutil
import time

from cluster.java import java_for
from cluster.system import CACHE, Failure, aside_of, say, step


class Server:
    """One server. `name`, `version`, what it needs, and how it is fetched and started.

    fetch(home)        puts the program into the folder `home`
    command(run)       writes its configuration into run.dir, gives (command, environment)
    is_ready(run)      asks the server itself
    exports(run)       the variables by which REP's tests find it
    """

    name = ""
    title = ""
    megabytes = 0  # of the download
    ports = {}  # role -> default port; the first is the one that clients use
    java_min = None
    signs_of_life = "its own answer"

    def __init__(self, options):
        self.options = options

    def after(self):
        """Names of servers that must be ready before this one is started."""
        return ()

    @property
    def home(self):
        return CACHE / f"{self.name}-{self.version}"

    def is_fetched(self):
        return self.home.is_dir()

    def fetch_if_missing(self):
        if self.java_min:
            java_for(self.java_min, fetch=True)
        if self.is_fetched():
            return
        step(f"Fetching {self.title} {self.version} (about {self.megabytes} MB)")
        begin = time.monotonic()
        with aside_of(self.home) as work:
            self.fetch(work)
        size = sum(path.stat().st_size for path in self.home.rglob("*") if path.is_file())
        say(f"{self.home}: {size / 1e6:.0f} MB, {time.monotonic() - begin:.0f} s")

    def java(self, run):
        """`java` with flags for a modest server: heap, temporary files of its own, loopback."""
        heap = os.environ.get(f"REP_SERVERS_HEAP_{self.name.upper()}", os.environ.get("REP_SERVERS_HEAP", "512m"))
        if not re.fullmatch(r"[1-9][0-9]*[mMgG]", heap):
            raise Failure(f"the heap of {self.name} is `{heap}`; expected something like `512m` or `2g`")
        temporary = run.dir / "tmp"
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(parents=True)
        return [
            str(java_for(self.java_min) / "bin/java"),
            f"-Xmx{heap}",
            "-XX:+UseSerialGC",
            "-XX:-UsePerfData",
            "-XX:+ExitOnOutOfMemoryError",
            f"-Djava.io.tmpdir={temporary}",
            "-Djava.net.preferIPv4Stack=true",
            "-Djava.awt.headless=true",
        ]
