"""Fetches from Maven's and Debian's repositories, by their own clients and the user's settings of them."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pins
from cluster.java import java_for
from cluster.system import Failure, output_of, say

MAVEN_PLUGIN = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1"


def digest(folder):
    """One SHA-256 over the names and SHA-256s of all files in a folder."""
    lines = []
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        with open(path, "rb") as file:
            sha256 = hashlib.sha256()
            for block in iter(lambda: file.read(1 << 20), b""):  # noqa: B023 (used at once)
                sha256.update(block)
        lines.append(f"{sha256.hexdigest()}  {path.relative_to(folder)}\n")
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def check(folder, name):
    """Raises `Failure` unless a folder holds what scripts/pins.txt says of a name and version."""
    found, pinned = digest(folder), pins.expected(name)
    if found != pinned:
        raise Failure(f"the files of {name} have the SHA-256 {found}, expected {pinned}; nothing was installed")


def maven(goal, folder, *arguments):
    """Runs a goal of Maven's dependency plugin, by the user's own settings for mirrors and proxies."""
    if not shutil.which("mvn"):
        if shutil.which("apt-get") and os.geteuid() == 0:
            say("installing Maven")
            quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
            for words in (["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends", "maven"]):
                output_of(["apt-get", *words], env=quiet)
        else:
            raise Failure("`mvn` is missing. Install Maven (Debian: apt-get install maven)")
    environment = dict(os.environ)
    if not environment.get("JAVA_HOME") and not shutil.which("java"):
        environment["JAVA_HOME"] = str(java_for(11, fetch=True))
    command = ["mvn", "-B", "-C", f"{MAVEN_PLUGIN}:{goal}", f"-DoutputDirectory={folder}", *arguments]
    if sys.stderr.isatty():
        status = subprocess.run(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=sys.stderr, check=False
        ).returncode
    else:
        quiet = [*command, "-q"]
        done = subprocess.run(
            quiet, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
        status = done.returncode
        if status:
            print(done.stdout, done.stderr, sep="", file=sys.stderr)
    if status:
        raise Failure("Maven could not fetch it (its words are above); check the network, then run this again")


POM = """<project xmlns="http://maven.apache.org/POM/4.0.0">
<modelVersion>4.0.0</modelVersion><groupId>rep</groupId><artifactId>servers</artifactId><version>1</version>
<packaging>pom</packaging><dependencies>{}</dependencies></project>
"""
DEPENDENCY = "<dependency><groupId>{}</groupId><artifactId>{}</artifactId><version>{}</version></dependency>"


def maven_jars(folder, *artifacts):
    """Fetches artifacts, each `group:name:version`, with everything that they depend on."""
    with tempfile.TemporaryDirectory() as project:
        pom = Path(project) / "pom.xml"
        pom.write_text(POM.format("".join(DEPENDENCY.format(*artifact.split(":")) for artifact in artifacts)))
        maven("copy-dependencies", folder, "-f", str(pom), "-DincludeScope=runtime")


def debian_packages(folder, *names, with_dependencies=True):
    """Unpacks Debian packages, and what they need that is not installed, into a folder. Needs no root."""
    for tool in ("apt-get", "dpkg"):
        if not shutil.which(tool):
            raise Failure(f"install `{names[0]}` with your system's package manager: there is no `{tool}` here")
    with tempfile.TemporaryDirectory() as private:
        own_lists = []
        for attempt in ("with the lists at hand", "with fresh lists"):
            if attempt == "with fresh lists":
                say("refreshing the lists of Debian packages")
                for part in ("lists/partial", "cache/archives/partial"):
                    (Path(private) / part).mkdir(parents=True)
                if os.geteuid() == 0:  # apt then downloads as its own user
                    Path(private).chmod(0o755)
                    own_lists = ["-o", "APT::Sandbox::User=root"]
                own_lists += ["-o", f"Dir::State::lists={private}/lists", "-o", f"Dir::Cache={private}/cache"]
                output_of(["apt-get", *own_lists, "update", "-qq"])
            try:
                wanted = list(names)
                if with_dependencies:
                    plan = output_of(["apt-get", *own_lists, "install", "-s", "--no-install-recommends", *names])
                    wanted = re.findall(r"^Inst (\S+)", plan, re.M) or wanted
                with tempfile.TemporaryDirectory() as downloads:
                    sandbox = ["-o", "APT::Sandbox::User=root"] if os.geteuid() == 0 else []
                    output_of(["apt-get", *own_lists, *sandbox, "download", "-qq", *wanted], cwd=downloads)
                    for package in Path(downloads).glob("*.deb"):
                        output_of(["dpkg", "-x", package, folder])
                return
            except Failure:
                if own_lists:
                    raise


def library_folders(root):
    return ":".join(str(path) for path in (root / "usr/lib").glob("*-linux-gnu*"))
