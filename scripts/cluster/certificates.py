"""An authority and a server's certificate by it, in PEM, for tests: made by the `openssl` command."""

import shutil
import subprocess

from cluster.system import Failure, aside_of


def make_certificates(folder, address):
    """Makes, unless they are there: `ca.pem`; `broker.pem`, a key and its certificate for `address`; and `other-ca.pem`,
    an authority that signed nothing."""
    if folder.is_dir():
        return folder
    if not shutil.which("openssl"):
        raise Failure("`openssl` is missing. Install it (Debian: apt-get install openssl)")

    def openssl(*arguments):
        done = subprocess.run(["openssl", *arguments], cwd=work, capture_output=True, text=True, check=False)
        if done.returncode:
            raise Failure(f"`openssl {arguments[0]}` failed: {done.stderr.strip()[-300:]}")

    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")  # its key comes as PKCS #8
    with aside_of(folder) as work:
        for name in ("ca", "other-ca"):
            subject = ("-subj", f"/CN=REP test {name}", "-days", "3650")
            openssl("req", "-x509", *key, *subject, "-keyout", f"{name}.key", "-out", f"{name}.pem")
        openssl("req", *key, "-subj", "/CN=broker", "-keyout", "broker.key", "-out", "broker.csr")
        (work / "names").write_text(f"subjectAltName=IP:{address},DNS:localhost\n")
        signed = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "3650", "-extfile", "names")
        openssl("x509", "-req", "-in", "broker.csr", *signed, "-out", "broker.crt")
        (work / "broker.pem").write_text((work / "broker.key").read_text() + (work / "broker.crt").read_text())
    return folder
