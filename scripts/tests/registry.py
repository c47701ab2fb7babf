"""A package registry for tests: a simple index on a free port of loopback, whose files a test may spoil."""
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Registry:
    """Serves `files`, by their names. `cut`: sends so many bytes of a file, and then hangs up, or waits for `release`
    if `hangs`; `begun` is set once it has sent them."""

    def __init__(self):
        self.files, self.cut, self.hangs = {}, None, False
        self.begun, self.release = threading.Event(), threading.Event()
        registry = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                name = self.path.rsplit("/", 1)[-1]
                if name in registry.files:
                    registry.send(self, registry.files[name])
                elif self.path.startswith("/simple/"):
                    links = "".join(f'<a href="/files/{file}">{file}</a>' for file in registry.files)
                    registry.answer(self, f"<html><body>{links}</body></html>".encode(), "text/html")
                else:
                    self.send_error(404)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/simple"

    @staticmethod
    def answer(request, body, kind, length=None):
        request.send_response(200)
        request.send_header("Content-Type", kind)
        request.send_header("Content-Length", str(len(body) if length is None else length))
        request.end_headers()
        request.wfile.write(body)
        request.wfile.flush()

    def send(self, request, body):
        part = body if self.cut is None else body[: self.cut]
        self.answer(request, part, "application/octet-stream", len(body))
        self.begun.set()
        if self.hangs:
            self.release.wait(600)
        if self.cut is not None:
            request.close_connection = True

    def close(self):
        self.release.set()
        self.server.shutdown()
        self.server.server_close()
