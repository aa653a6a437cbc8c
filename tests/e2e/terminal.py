"""A program of Hearth's on a terminal."""
import os
import pty
import re
import select
import time

import hearth


class Terminal:
    def __init__(self, *args, env=None, term="dumb"):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            env = {**{k: v for k, v in os.environ.items() if not k.startswith(("HF_", "HEARTH_"))}, "TERM": term, **(env or {})}
            os.execve(str(hearth.BIN), [str(hearth.BIN), *map(str, args)], env)
        self.seen = ""

    def until(self, what, seconds=60):
        """What came up to `what`, which must come; without what switches bracketed paste on and off."""
        end = time.monotonic() + seconds
        while what not in self.seen:
            ready, _, _ = select.select([self.fd], [], [], max(0, end - time.monotonic()))
            assert ready, f"{what!r} did not come; there is {self.seen!r}"
            self.seen = re.sub(r"\x1b\[\?2004[hl]", "", self.seen + os.read(self.fd, 65536).decode(errors="replace"))
        before, self.seen = self.seen.split(what, 1)
        return before

    def type(self, text):
        os.write(self.fd, text.encode())

    def say(self, line):
        self.type(line + "\n")
        self.until(line.splitlines()[-1] + "\r\n")  # the echo

    def end(self):
        self.type("\x04")
        _, status = os.waitpid(self.pid, 0)
        os.close(self.fd)
        return os.waitstatus_to_exitcode(status)
