"""An HTTP server on loopback, on a thread of its own: objects from a mapping, byte ranges, and faults on
demand.

    with HttpServer({"a/0": b"..."}) as server:
        server.fault("a/0", "503", "reset")      # the next two requests for a/0; the third is answered
        server.fault("a/1", "truncate", every=True)
        server.url, server.log          # (method, key, Range header) of each request

Faults: a status such as "503"; "reset" (the connection breaks before the answer), "truncate" (in the middle
    of the body),
"short" (the whole answer is well-formed, but has a byte less than asked for), "whole" (the range is ignored),
"hang" (no answer until the server is closed).
"""

from __future__ import annotations

import re
import socket
import struct
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class HttpServer:
    def __init__(self, objects: Mapping[str, bytes]) -> None:
        self.objects = dict(objects)
        self.log: list[tuple[str, str, str | None]] = []
        self._faults: dict[str, list[str]] = {}
        self._standing: dict[str, str] = {}
        self._closing = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler_of(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def fault(self, key: str, *kinds: str, every: bool = False) -> None:
        """The next requests for `key` ("*": any key) meet these faults, one each; with `every`, all of them
        for ever.
        """
        if every:
            (self._standing[key],) = kinds
        else:
            self._faults.setdefault(key, []).extend(kinds)

    def next_fault(self, key: str) -> str | None:
        for name in (key, "*"):
            if self._faults.get(name):
                return self._faults[name].pop(0)
            if name in self._standing:
                return self._standing[name]
        return None

    def wait_until_closing(self) -> None:
        self._closing.wait(60)

    def __enter__(self) -> HttpServer:
        self._thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(60)


def _handler_of(server: HttpServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 60
        disable_nagle_algorithm = True
        wbufsize = -1  # an answer leaves in one piece

        def log_message(self, *args: object) -> None:
            pass

        def do_HEAD(self) -> None:
            self._answer(with_body=False)

        def do_GET(self) -> None:
            self._answer(with_body=True)

        def _answer(self, *, with_body: bool) -> None:
            key = self.path.partition("?")[0].lstrip("/")
            wanted = self.headers.get("Range")
            server.log.append((self.command, key, wanted))
            fault = server.next_fault(key)
            data = server.objects.get(key)
            if fault == "hang":
                server.wait_until_closing()
                fault = "reset"
            if fault == "reset":
                # Closing with this option sends a reset instead of an orderly end.
                linger = struct.pack("ii", 1, 0)
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                self.close_connection = True
                return
            if fault is not None and fault.isdigit():
                self._send(int(fault), b"injected fault", {}, with_body=with_body)
                return
            if data is None:
                self._send(404, b"no such object", {}, with_body=with_body)
                return
            status, body, headers = _select(data, None if fault == "whole" else wanted)
            if fault == "short":
                body = body[:-1]
            self._send(
                status,
                body,
                headers,
                with_body=with_body,
                sent=len(body) // 2 if fault == "truncate" else None,
            )

        def _send(self, status, body, headers, *, with_body, sent=None) -> None:
            self.send_response(status)
            for name, value in {
                "Content-Length": str(len(body)),
                "Accept-Ranges": "bytes",
                **headers,
            }.items():
                self.send_header(name, value)
            self.end_headers()
            if with_body:
                self.wfile.write(body if sent is None else body[:sent])
            if sent is not None:
                self.close_connection = True

    return Handler


def _select(data: bytes, wanted: str | None) -> tuple[int, bytes, dict[str, str]]:
    """Status, body and headers for a `Range` header, as RFC 9110 section 14 has it."""
    match = re.fullmatch(r"bytes=(\d*)-(\d*)", wanted or "")
    if match is None:
        return 200, data, {}
    first, last = match.groups()
    if first:
        start, end = int(first), min(int(last) + 1 if last else len(data), len(data))
    else:
        start, end = max(len(data) - int(last), 0), len(data)
    if start >= len(data):
        return 416, b"", {"Content-Range": f"bytes */{len(data)}"}
    return 206, data[start:end], {"Content-Range": f"bytes {start}-{end - 1}/{len(data)}"}
