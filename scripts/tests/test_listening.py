"""Servers that are started for trials are reached from this machine alone."""
import os
import socket
import sys
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from cluster import listening  # noqa: E402
from cluster.system import Failure  # noqa: E402


class Listening(unittest.TestCase):
    def bound(self, host, family=socket.AF_INET):
        server = socket.socket(family)
        self.addCleanup(server.close)
        server.bind((host, 0))
        server.listen()
        return server.getsockname()[1]

    def test_loopback_is_let_pass(self):
        port = self.bound("127.0.0.1")
        self.assertIn(("127.0.0.1", port), [(str(host), at) for host, at in listening.listening(os.getpid())])
        listening.check_loopback("it", os.getpid())

    def test_an_address_for_others_is_refused(self):
        port = self.bound("0.0.0.0")
        with self.assertRaisesRegex(Failure, rf"it listens on 0\.0\.0\.0:{port}, where other machines reach it"):
            listening.check_loopback("it", os.getpid())

    def test_addresses_are_read_as_the_kernel_writes_them(self):
        for text, host in (
            ("0100007F:2328", "127.0.0.1"),
            ("00000000:2328", "0.0.0.0"),
            ("0000000000000000FFFF00000100007F:2328", "127.0.0.1"),
            ("0000000000000000FFFF000000000000:2328", "0.0.0.0"),
            ("00000000000000000000000001000000:2328", "::1"),
            ("00000000000000000000000000000000:2328", "::"),
        ):
            address, port = listening.address_of(text)
            self.assertEqual((str(address), port), (host, 9000))


if __name__ == "__main__":
    unittest.main()
