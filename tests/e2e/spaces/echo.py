"""An app of a Space that needs nothing but Python: it says what it was asked, streams events, echoes over a WebSocket, and misbehaves."""
import base64
import hashlib
import json
import os
import socket
import struct
import sys
import threading
import time

gate = threading.Event()


def chunk(data):
    return b"%x\r\n%s\r\n" % (len(data), data)


def read_exactly(f, n):
    data = f.read(n)
    if len(data) != n:
        raise EOFError
    return data


def websocket(sock, f, headers):
    accept = base64.b64encode(hashlib.sha1(headers["sec-websocket-key"].encode() + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
    sock.sendall(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " + accept + b"\r\n\r\n")
    while True:
        first, second = read_exactly(f, 2)
        n = second & 127
        if n == 126:
            n, = struct.unpack("!H", read_exactly(f, 2))
        elif n == 127:
            n, = struct.unpack("!Q", read_exactly(f, 8))
        mask, body = read_exactly(f, 4), read_exactly(f, n)
        key = (mask * (n // 4 + 1))[:n]
        body = (int.from_bytes(body, "big") ^ int.from_bytes(key, "big")).to_bytes(n, "big")
        size = bytes([n]) if n < 126 else b"\x7e" + struct.pack("!H", n) if n < 65536 else b"\x7f" + struct.pack("!Q", n)
        sock.sendall(bytes([first]) + size + body)
        if first & 15 == 8:
            return


def body_of(f, headers):
    if headers.get("transfer-encoding") == "chunked":
        while n := int(f.readline(), 16):
            yield read_exactly(f, n)
            f.readline()
        f.readline()
    else:
        left = int(headers.get("content-length", 0))
        while left:
            data = f.read1(min(left, 65536))
            if not data:
                raise EOFError
            left -= len(data)
            yield data


def answer(sock, f, method, target, headers, lines):
    path = target.split("?")[0]
    ok = b"HTTP/1.1 200 OK\r\n"
    if path == "/ws":
        return websocket(sock, f, headers)
    if path == "/events":
        sock.sendall(ok + b"Content-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk(b"data: first\n\n"))
        gate.wait(30)
        gate.clear()
        return sock.sendall(chunk(b"data: second\n\n") + b"0\r\n\r\n")
    if path == "/open":
        gate.set()
    if path == "/flood":
        sock.sendall(ok + b"\r\n")
        sent = 0
        try:
            while sent < 1 << 30:
                sent += sock.send(b"x" * 65536)
        finally:
            print("flood", sent, flush=True)
        return None
    if path == "/head":
        return sock.sendall(ok + b"X: " + b"y" * 70000 + b"\r\n\r\n")
    if path == "/nonsense":
        return sock.sendall(b"\x00\x01\x02 hello")
    if path == "/short":
        return sock.sendall(ok + b"Content-Length: 100\r\n\r\nhalf")
    if path == "/smuggle":
        return sock.sendall(ok + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
    if path == "/hints":
        return sock.sendall(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + ok + b"Content-Length: 2\r\n\r\nok")
    if path == "/cookies":
        return sock.sendall(ok + b"Set-Cookie: a=1; Path=/\r\nSet-Cookie: b=2; Domain=localhost\r\nSet-Cookie: hearth_space=x\r\n"
                            b"Connection: X-Hop\r\nX-Hop: 1\r\nServer: mine\r\nContent-Length: 0\r\n\r\n")
    if path == "/early":
        sock.sendall(b"HTTP/1.1 413 No\r\nContent-Length: 3\r\n\r\nbig")
        return sock.shutdown(socket.SHUT_WR)
    if path == "/range":
        return sock.sendall(b"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 1-2/9\r\nContent-Length: 2\r\n\r\nbc")
    if path == "/crash":
        os._exit(3)
    digest, count = hashlib.sha256(), 0
    for data in body_of(f, headers):
        digest.update(data)
        count += len(data)
    said = json.dumps({"method": method, "target": target, "lines": lines, "bytes": count, "sha256": digest.hexdigest(),
                       "env": {k: v for k, v in os.environ.items() if k.startswith(("SPACE_", "HF_", "TEST_"))}}).encode()
    if method == "HEAD":
        said = b"x" * 5
        return sock.sendall(ok + b"Content-Length: 12345\r\n\r\n")
    sock.sendall(ok + b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(said), said))


def serve(sock):
    try:
        with sock, sock.makefile("rb") as f:
            method, target, _ = f.readline().decode("latin1").split()
            lines = []
            while (line := f.readline().decode("latin1").rstrip("\r\n")):
                lines.append(line)
            headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
            answer(sock, f, method, target, headers, lines)
    except (OSError, EOFError, ValueError):
        pass


with socket.create_server(("0.0.0.0", int(sys.argv[1]) if len(sys.argv) > 1 else 7860), backlog=128) as listening:
    print("listening", flush=True)
    while True:
        threading.Thread(target=serve, args=(listening.accept()[0],), daemon=True).start()
