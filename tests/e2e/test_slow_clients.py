"""Clients that do not read, and clients that do not send: others are answered as ever, and who goes on in time gets it all."""
import os
import select
import socket

import pytest

import hearth


STALLED = 200   # the server is told to have few threads, so these are many
SIZE = 3 << 20
PATIENCE_S = 300


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    s = hearth.Server(tmp_path_factory.mktemp("slow") / "home", args=("--worker-threads-max", "4", "--idle-timeout", "20m"))
    s.alice = s.add_user("alice")
    with s:
        s.create("alice/m", s.alice)
        s.content = os.urandom(SIZE)
        assert s.commit("alice/m", s.alice, {"README.md": b"hello"}, large={"big.bin": s.content}).status == 200
        yield s


def dial(server, head, receive=32 << 10):
    c = socket.socket()
    c.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive)
    c.settimeout(PATIENCE_S)
    c.connect(("127.0.0.1", server.port))
    c.sendall(head)
    return c


def drain(connection):
    got = bytearray()
    while piece := connection.recv(1 << 20):
        got += piece
    connection.close()
    return bytes(got)


def others_are_answered(server, n):
    assert server.get("/health").status == 200
    assert server.resolve("alice/m", "README.md").body.startswith(b"hello")
    assert server.commit("alice/m", server.alice, {f"file-{n}.txt": b"x"}).status == 200
    assert server.get("/api/models/alice/m").status == 200


def test_who_reads_nothing_holds_nobody_up(house):
    head = b"GET /alice/m/resolve/main/big.bin HTTP/1.1\r\nHost: h\r\nConnection: close\r\n%s\r\n"
    parts = b"Range: bytes=0-1000000,1000001-2000000\r\n"
    stalled = [dial(house, head % (parts if i % 4 == 3 else b"")) for i in range(STALLED)]
    for i, c in enumerate(stalled):   # each is being answered, and is not read any further
        assert c.recv(9, socket.MSG_PEEK) == b"HTTP/1.1 "
    others_are_answered(house, "read")
    for i, c in enumerate(stalled):
        headers, body = drain(c).split(b"\r\n\r\n", 1)
        if i % 4 == 3:
            assert headers.startswith(b"HTTP/1.1 206")
            assert house.content[:1000001] in body and house.content[1000001:2000001] in body
        else:
            assert headers.startswith(b"HTTP/1.1 200") and body == house.content


def test_who_sends_nothing_holds_nobody_up(house):
    head = (b"POST /api/models/alice/m/commit/main HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer %s\r\nContent-Type: application/x-ndjson\r\n"
            b"Content-Length: 100000\r\n\r\n{" % house.alice.encode())
    stalled = [dial(house, head) for _ in range(3)]   # of four threads for streams
    others_are_answered(house, "send")
    for c in stalled:
        c.close()


def test_a_fetch_that_nobody_reads_holds_nobody_up(house):
    head = b"POST /alice/m.git/git-upload-pack HTTP/1.1\r\nHost: h\r\nContent-Type: application/x-git-upload-pack-request\r\nContent-Length: 100000\r\n\r\n0"
    stalled = [dial(house, head) for _ in range(3)]
    others_are_answered(house, "fetch")
    for c in stalled:
        c.close()


def test_git_operations_beyond_the_queue_are_told_when_to_come_again(tmp_path):
    """One runs and four wait; the next is answered 503 with one Retry-After, and when they have gone there is room again."""
    s = hearth.Server(tmp_path / "home", args=("--git-processes-max", "1", "--idle-timeout", "20m"))
    s.alice = s.add_user("alice")
    s.start()
    s.create("alice/m", s.alice)
    head = b"POST /alice/m.git/git-upload-pack HTTP/1.1\r\nHost: h\r\n%sContent-Type: application/x-git-upload-pack-request\r\nContent-Length: %d\r\n\r\n"

    def ask():
        return dial(s, head % (b"Connection: close\r\n", 4) + b"0000")

    held = [dial(s, head % (b"", 100000) + b"0") for _ in range(5)]
    answer = b"HTTP/1.1 200 "
    while answer.startswith(b"HTTP/1.1 200 "):   # until one of them is being served and the others wait
        answered = []
        while not answered:                      # who is not answered has found room in the queue
            held.append(ask())
            answered = select.select(held, [], [], 0.2)[0]
        held.remove(answered[0])
        answer = drain(answered[0])
    assert answer.startswith(b"HTTP/1.1 503 ") and b"\r\nRetry-After: 5\r\n" in answer, answer
    assert answer.lower().count(b"\r\nretry-after") == 1, "one answer to when"
    assert s.get("/api/models/alice/m").status == 200, "who asks something else does not wait"
    for c in held:
        c.close()
    while answer.startswith(b"HTTP/1.1 503 "):   # until it was noticed that they left
        answer = drain(ask())
    assert answer.startswith(b"HTTP/1.1 200 "), answer
    s.end()
