"""Clients that do not read, and clients that do not send: others are answered as ever, and who goes on in time gets it all."""
import os
import re
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


FLOOD = 200
FILES = 5000
ROOM = 8 << 20


def metric(server, name):
    return int(re.search(rf"^{name} (\d+)$", server.get("/metrics").body.decode(), re.M).group(1))


def hears_little(server, path):
    """Asks, and takes so little that the kernel keeps next to nothing for it."""
    c = socket.socket()
    c.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    c.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 536)
    c.settimeout(PATIENCE_S)
    c.connect(("127.0.0.1", server.port))
    c.sendall(b"GET %s HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n" % path.encode())
    return c


def first_line(connection):
    return connection.recv(13, socket.MSG_PEEK)


def full_house(folder, idle_timeout):
    s = hearth.Server(folder / "home", args=("--answer-memory-max", str(ROOM), "--idle-timeout", idle_timeout, "--worker-threads-max", "4"))
    s.alice = s.add_user("alice")
    s.start()
    s.create("alice/many", s.alice)
    assert s.commit("alice/many", s.alice, {f"folder/a-file-with-a-name-{i:05}.txt": b"x" for i in range(FILES)}).status == 200
    s.create("alice/large", s.alice)
    s.blob = bytes(range(256)) * (3 << 12)   # a regular file, too large to be kept in memory for the next who asks
    assert s.commit("alice/large", s.alice, {"large.txt": s.blob}).status == 200
    return s


@pytest.fixture(scope="module")
def patient_house(tmp_path_factory):
    s = full_house(tmp_path_factory.mktemp("patient"), "20m")   # nobody is given up during the tests
    yield s
    s.end()


LIST = "/api/models/alice/many?blobs=true"


@pytest.mark.parametrize("path", [LIST, "/alice/many/tree/main/folder", "/alice/large/resolve/main/large.txt"])
def test_answers_that_nobody_takes_have_a_limit(patient_house, path):
    s = patient_house
    while metric(s, "hearth_http_answer_memory_bytes") > 0:   # of the flood before
        pass
    whole = s.get(path)
    assert whole.status == 200
    n = len(whole.body)
    refused = metric(s, "hearth_http_refused_memory_total")
    before = metric(s, "hearth_resident_bytes")
    flood = [hears_little(s, path) for _ in range(FLOOD)]
    lines = [first_line(c) for c in flood]
    assert set(lines) == {b"HTTP/1.1 200 ", b"HTTP/1.1 503 "}, "some are being answered, the rest is told to come later"
    while metric(s, "hearth_http_answer_memory_bytes") > ROOM:   # one that was refused is let go of behind its last words
        pass
    assert ROOM / 2 < metric(s, "hearth_http_answer_memory_bytes") <= ROOM
    assert metric(s, "hearth_http_refused_memory_total") == refused + lines.count(b"HTTP/1.1 503 ")
    if not hearth.SANITIZED:   # what was freed stays for a while, to be found when it is used
        assert metric(s, "hearth_resident_bytes") < before + FLOOD * n / 2, f"{FLOOD} answers of {n} bytes"
    told = drain(flood[lines.index(b"HTTP/1.1 503 ")])
    assert b"\r\nRetry-After: 5\r\n" in told and b"answer-memory-max" in told

    assert s.get(path).status == 503
    assert s.get("/api/models/alice/large").status == 200, "short answers have their room"
    assert s.commit("alice/large", s.alice, {"note.txt": b"x"}).status == 200
    taken = drain(flood[lines.index(b"HTTP/1.1 200 ")])
    assert len(taken.split(b"\r\n\r\n", 1)[1]) >= n, "who goes on in time gets it all"
    for c in flood:
        c.close()
    while (again := s.get(path)).status == 503:   # until it was noticed that they left
        pass
    assert again.body == whole.body


def test_who_takes_next_to_nothing_gives_way(tmp_path):
    s = full_house(tmp_path, "12s")   # after a twelfth of that
    n = len(s.get(LIST).body)
    flood = [hears_little(s, LIST) for _ in range(2 * ROOM // n)]
    for c in flood:
        assert first_line(c).startswith(b"HTTP/1.1 ")
    while s.get(LIST).status == 503:
        pass
    got = [drain(c) for c in flood]
    assert any(g.startswith(b"HTTP/1.1 200 ") and len(g) < n for g in got), "there was no room for all, and no need to refuse for ever"
    s.end()
