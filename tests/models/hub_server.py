"""A hub on this machine: serves a repository's files as the Hugging Face hub does."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Hub:
    """Files by "owner/name/file"; ``sent`` is what a download really receives, if not the file."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.sent: dict[str, bytes] = {}
        self.requests: list[str] = []
        self.url = ""


@contextmanager
def serving() -> Iterator[Hub]:
    """A running hub, until the end of the block."""
    hub = Hub()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            self._answer(with_body=False)

        def do_GET(self) -> None:
            self._answer(with_body=True)

        def _answer(self, with_body: bool) -> None:
            hub.requests.append(f"{self.command} {self.path}")
            owner, name, _, _, file = self.path.lstrip("/").split("?")[0].split("/", 4)
            key = f"{owner}/{name}/{file}"
            if key not in hub.files:
                self.send_response(404)
                self.send_header("X-Error-Code", "EntryNotFound")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            published, sent = hub.files[key], hub.sent.get(key, hub.files[key])
            self.send_response(200)
            self.send_header("X-Repo-Commit", "0" * 40)
            self.send_header("ETag", f'"{hashlib.sha256(published).hexdigest()}"')
            self.send_header("Content-Length", str(len(published)))
            self.send_header("Accept-Ranges", "none")
            self.end_headers()
            if with_body:
                self.wfile.write(sent)
                if len(sent) < len(published):
                    self.close_connection = True

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
