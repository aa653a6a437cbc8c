"""Pushes made by hand: objects, packs and commands that no git would send."""
import hashlib
import struct
import zlib

NONE = "0" * 40
TYPES = {"commit": 1, "tree": 2, "blob": 3, "tag": 4}


class Object:
    def __init__(self, kind, data):
        self.kind, self.data = kind, data
        self.id = hashlib.sha1(b"%s %d\0" % (kind.encode(), len(data)) + data).hexdigest()

    def entry(self):
        return head(TYPES[self.kind], len(self.data)) + zlib.compress(self.data)


class Repeated:
    """A delta: `base` again and again."""
    def __init__(self, base, times):
        self.base, self.times = base, times

    def entry(self):
        n = len(self.base.data)
        assert n < 1 << 24
        copy = b"\xf0" + n.to_bytes(3, "little")
        delta = number(n) + number(n * self.times) + copy * self.times
        return head(7, len(delta)) + bytes.fromhex(self.base.id) + zlib.compress(delta)


def head(kind, n):
    out, first = bytearray(), kind << 4 | n & 15
    n >>= 4
    while n:
        out.append(first | 0x80)
        first, n = n & 0x7f, n >> 7
    return bytes(out) + bytes([first])


def number(n):
    out = bytearray()
    while n > 0x7f:
        out.append(n & 0x7f | 0x80)
        n >>= 7
    return bytes(out) + bytes([n])


def blob(data):
    return Object("blob", data)


def tree(*entries):
    return Object("tree", b"".join(mode.encode() + b" " + name + b"\0" + bytes.fromhex(id) for mode, name, id in entries))


def commit(tree, message=b"by hand\n", when="1700000000 +0000", parents=()):
    who = f"A <a@example.org> {when}".encode()
    return Object("commit", b"tree %s\n" % tree.id.encode() + b"".join(b"parent %s\n" % p.encode() for p in parents) +
                  b"author %s\ncommitter %s\n\n" % (who, who) + message)


def tag(target, name="t"):
    return Object("tag", f"object {target.id}\ntype {target.kind}\ntag {name}\ntagger A <a@example.org> 1700000000 +0000\n\nby hand\n".encode())


def push(server, repo, token, refs, objects):
    """refs: {name: what it is to be}, all new.  Hands back what the one who pushes would read."""
    body = b""
    for name, target in refs.items():
        line = f"{NONE} {target.id} ".encode() + (name if isinstance(name, bytes) else name.encode())
        line += b"" if body else b"\0report-status"
        body += b"%04x" % (len(line) + 4) + line
    pack = b"PACK" + struct.pack(">II", 2, len(objects)) + b"".join(o.entry() for o in objects)
    body += b"0000" + pack + hashlib.sha1(pack).digest()
    r = server.post(f"/{repo}.git/git-receive-pack", body, token, headers={"Content-Type": "application/x-git-receive-pack-request"})
    assert r.status == 200, r
    return r.body
