#!/usr/bin/env python3
"""What is fetched must be what scripts/pins.txt says; archives are unpacked within their folder or not at all.

    pins.py platform                     linux-x86_64, linux-aarch64, macos-arm64 or macos-x86_64
    pins.py expected NAME==VERSION       the SHA-256 of its line, for this platform
    pins.py check FILE NAME==VERSION     exit status 1 with a sentence unless the file has it
    pins.py unpack WHEEL FOLDER [PREFIX] its files, of those below PREFIX, into a folder
"""

import hashlib
import platform as machine
import sys
import tarfile
import zipfile
from pathlib import Path, PurePosixPath

PINS = Path(__file__).with_name("pins.txt")
MACHINES = {"x86_64": "x86_64", "amd64": "x86_64", "aarch64": "aarch64", "arm64": "aarch64"}
LINK, KIND_MASK, REGULAR, FOLDER = 0o120000, 0o170000, 0o100000, 0o040000


class Refused(Exception):
    """A file that is not the one pinned, or an archive that would write outside its folder."""


def platform():
    """This machine's, as pins.txt names it."""
    kind = MACHINES.get(machine.machine().lower(), machine.machine())
    if machine.system() == "Darwin":
        return "macos-" + kind.replace("aarch64", "arm64")
    return f"{machine.system().lower()}-{kind}"


def pins(path=PINS):
    """(name==version, platform) → SHA-256."""
    found = {}
    for number, line in enumerate(path.read_text().splitlines(), 1):
        words = line.split("#")[0].split()
        if not words:
            continue
        if len(words) != 3 or len(words[0]) != 64 or (words[1], words[2]) in found:
            raise Refused(f"line {number} of {path} is not a SHA-256, a new name and a platform")
        found[words[1], words[2]] = words[0]
    return found


def expected(name, on=None):
    """The SHA-256 pinned for a name, for every platform or this one."""
    known, on = pins(), on or platform()
    sha256 = known.get((name, "any")) or known.get((name, on))
    if not sha256:
        others = sorted(place for pinned, place in known if pinned == name)
        has = f"it is pinned for {', '.join(others)}" if others else f"{PINS.name} has no line for it"
        raise Refused(f"`{name}` cannot be had for {on}: {has}")
    return sha256


def sha256_of(path):
    sha256 = hashlib.sha256()
    with open(path, "rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            sha256.update(block)
    return sha256.hexdigest()


def check(path, name, on=None):
    wanted, found = expected(name, on), sha256_of(path)
    if found != wanted:
        what = f"the SHA-256 of {Path(path).name} is {found}, expected {wanted} for {name}"
        raise Refused(f"{what}; nothing was installed")


def inside(folder, name):
    """Where an archive's entry goes. Raises `Refused` if that is not within the folder."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name or ":" in name or not path.parts:
        raise Refused(f"the archive's entry `{name}` would leave its folder; nothing was installed")
    return Path(folder, *path.parts)


def unpack_zip(archive, folder, prefix="", mode=None):
    """Files of a zip below `prefix`, without it. Links and what is no file are refused; modes are `mode(path)`'s."""
    with zipfile.ZipFile(archive) as source:
        entries = source.infolist()
        for entry in entries:
            inside(folder, entry.filename)
            kind = entry.external_attr >> 16 & KIND_MASK
            if kind not in (0, REGULAR, FOLDER):
                what = "a link" if kind == LINK else "no file"
                raise Refused(f"the archive's entry `{entry.filename}` is {what}; nothing was installed")
        for entry in entries:
            if entry.is_dir() or not entry.filename.startswith(prefix):
                continue
            file = inside(folder, entry.filename[len(prefix) :])
            file.parent.mkdir(parents=True, exist_ok=True)
            with source.open(entry) as data, open(file, "wb") as out:
                for block in iter(lambda: data.read(1 << 20), b""):  # noqa: B023 (used at once)
                    out.write(block)
            file.chmod(mode(file) if mode else 0o644)


def unpack_tar(archive, folder):
    """All of a tar. Paths and links that leave the folder, and devices, are refused."""
    top = Path(folder).resolve()
    with tarfile.open(archive) as source:
        for entry in source.getmembers():
            place = inside(top, entry.name)
            if entry.issym() or entry.islnk():
                base = place.parent if entry.issym() else top
                target = (base / entry.linkname).resolve()
                if Path(entry.linkname).is_absolute() or top not in target.parents:
                    raise Refused(f"the archive's link `{entry.name}` would leave its folder; nothing was installed")
            elif not (entry.isfile() or entry.isdir()):
                raise Refused(f"the archive's entry `{entry.name}` is no file; nothing was installed")
        if hasattr(tarfile, "data_filter"):
            source.extractall(folder, filter="data")
        else:
            source.extractall(folder)


def main(words):
    try:
        if words == ["platform"]:
            print(platform())
        elif len(words) == 2 and words[0] == "expected":
            print(expected(words[1]))
        elif len(words) == 3 and words[0] == "check":
            check(words[1], words[2])
        elif len(words) in (3, 4) and words[0] == "unpack":
            unpack_zip(*words[1:])
        else:
            sys.exit(__doc__)
    except (Refused, OSError, zipfile.BadZipFile) as error:
        sys.exit(f"pins: {error}")


if __name__ == "__main__":
    main(sys.argv[1:])
