"""kill -9 of the server while hf_xet uploads.  The client repeats what failed, against the server that was started again;
what it then calls done must be there byte for byte, what it gives up must not be there by half, and fsck has no
complaint."""
import random
import threading
import time

import clients
import xet
from hearth import LONG, Server, sha256

ROUNDS = 40 if LONG else 6


class Upload(threading.Thread):
    def __init__(self, driver, path, file):
        super().__init__(daemon=True)
        self.driver, self.path, self.file, self.problem = driver, path, file, None

    def run(self):
        try:
            xet.upload(self.driver, "alice/m", self.path, self.file)
        except AssertionError as e:
            self.problem = str(e)


def test_kill_while_clients_upload(tmp_path):
    rng = random.Random(int(time.time()))
    s = Server(tmp_path / "home")
    token = s.add_user("alice")
    s.start()
    s.create("alice/m", token)
    # Short delays: what is tested is that repeating works, not how long a client waits.
    made = [clients.Driver(f"xet-{v}", s, tmp_path / f"client{i}", token, HF_XET_CLIENT_RETRY_BASE_DELAY="200ms")
            for i, v in enumerate((clients.NEWEST, "1.12.2"))]
    done, attempts = {}, 0
    try:
        for n in range(ROUNDS):
            running = []
            for i, driver in enumerate(made):
                data = rng.randbytes(rng.choice((20_000, 3_000_000, 30_000_000)))
                if done and rng.random() < 0.5:  # half of it is known already
                    data += (tmp_path / rng.choice(sorted(done))).read_bytes()[:5_000_000]
                path = f"f-{n}-{i}.bin"
                (tmp_path / path).write_bytes(data)
                running.append(Upload(driver, path, tmp_path / path))
            for u in running:
                u.start()
            time.sleep(rng.uniform(0.02, 1.2))
            s.kill()
            s.start()
            for u in running:
                u.join(200)
                assert not u.is_alive(), "a client waits for ever"
                attempts += 1
                data = (tmp_path / u.path).read_bytes()
                got = s.resolve("alice/m", u.path, token)
                if u.problem is None:
                    done[u.path] = sha256(data)
                    assert got.status == 200, f"{u.path} was acknowledged: {got}"
                assert got.status == 404 or got.body == data, f"{u.path} has other bytes; the client said {u.problem}"
        for path, digest in done.items():
            assert sha256(s.resolve("alice/m", path, token).body) == digest
        path = rng.choice(sorted(done))
        assert xet.download(made[0], "alice/m", path) == done[path]
        assert len(done) >= attempts // 4, f"only {len(done)} of {attempts} uploads went through"
    finally:
        for d in made:
            d.close()
        s.stop()
    s.fsck()
