"""https with a certificate of a test CA."""
import os
import re
import socket
import ssl
import subprocess
import uuid

import pytest

import clients
import hearth


@pytest.fixture(scope="module")
def secure(tmp_path_factory):
    d = tmp_path_factory.mktemp("tls")

    def openssl(*args):
        subprocess.run(["openssl", *args], cwd=d, check=True, capture_output=True)
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-out", "ca.pem", "-days", "2", "-subj", "/CN=Hearth test CA",
            "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign,cRLSign")
    openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", "key.pem", "-out", "csr.pem", "-subj", "/CN=localhost")
    (d / "ext").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\nbasicConstraints=CA:FALSE\nextendedKeyUsage=serverAuth\n")
    openssl("x509", "-req", "-in", "csr.pem", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-out", "cert.pem", "-days", "2", "-extfile", "ext")
    s = hearth.Server(d / "home", args=["--tls-cert", str(d / "cert.pem"), "--tls-key", str(d / "key.pem")], tls={"ca": str(d / "ca.pem")})
    s.alice = s.add_user("alice")
    with s:
        yield s


@pytest.mark.parametrize("version", ["2.4.0", "0.36.2", "0.24.7"])
def test_huggingface_hub(secure, tmp_path, version):
    d = clients.Driver(f"hub-{version}", secure, tmp_path / "client", secure.alice)
    name = f"alice/s-{uuid.uuid4().hex[:8]}"
    try:
        out = d("""
            url = str(api.create_repo(name))
            api.upload_file(path_or_fileobj=b"\\0" * 100000, path_in_repo="w.bin", repo_id=name)
            path = hf_hub_download(name, "w.bin", cache_dir=folder)
            out = [url, os.path.getsize(path), api.repo_exists("alice/none")]
            refused('RepositoryNotFoundError', HfApi(token=False).model_info, "alice/none")
            """, name=name, folder=str(tmp_path))
    finally:
        d.close()
    assert out == [f"{secure.base}/{name}", 100000, False] and out[0].startswith("https://localhost")


def test_git_and_lfs(secure, tmp_path):
    env = clients.client_environment(secure, tmp_path)
    env.update(GIT_AUTHOR_NAME="A", GIT_AUTHOR_EMAIL="a@b", GIT_COMMITTER_NAME="A", GIT_COMMITTER_EMAIL="a@b", GIT_CONFIG_GLOBAL=str(tmp_path / "gc"))
    run = lambda *a, cwd=tmp_path: subprocess.run(a, cwd=cwd, env=env, check=True, capture_output=True)
    run("git", "lfs", "install", "--skip-repo")
    secure.create("alice/git", secure.alice)
    run("git", "clone", secure.base.replace("://", f"://alice:{secure.alice}@") + "/alice/git", "c")
    data = os.urandom(100_000)
    (tmp_path / "c/w.bin").write_bytes(data)
    run("git", "add", ".", cwd=tmp_path / "c")
    run("git", "commit", "-m", "x", cwd=tmp_path / "c")
    run("git", "push", cwd=tmp_path / "c")
    assert secure.resolve("alice/git", "w.bin").body == data
    run("git", "clone", secure.base + "/alice/git", "d")
    assert (tmp_path / "d/w.bin").read_bytes() == data


def test_a_body_that_grows_too_large_is_answered(secure):
    context = ssl.create_default_context(cafile=secure.tls["ca"])
    with socket.create_connection(("127.0.0.1", secure.port)) as raw, context.wrap_socket(raw, server_hostname="localhost") as s:
        s.settimeout(60)
        s.sendall(f"POST /api/repos/create HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {secure.alice}\r\n"
                  f"Transfer-Encoding: chunked\r\n\r\n{32 << 20:x}\r\n".encode())
        for _ in range(32):  # all of it, before it listens
            s.sendall(b"x" * (1 << 20))
        said = b""
        while b"\r\n\r\n" not in said:
            piece = s.recv(4096)
            assert piece, said
            said += piece
    assert said.startswith(b"HTTP/1.1 413 ") and b"connection: close" in said.lower()


def test_an_unknown_authority_is_refused_by_the_client(secure):
    r = subprocess.run(["curl", "-s", f"{secure.base}/health"], capture_output=True)
    assert r.returncode == 60
    assert secure.get("/health").status == 200


def test_the_end_of_the_certificate_is_told(secure):
    (ends,) = [int(line.split()[1]) for line in secure.get("/metrics").body.decode().splitlines() if line.startswith("hearth_tls_certificate_ends")]
    with open(secure.args[1], "rb") as f:
        told = subprocess.run(["openssl", "x509", "-noout", "-enddate"], stdin=f, capture_output=True, text=True, check=True).stdout
    assert ends == ssl.cert_time_to_seconds(told.strip().removeprefix("notAfter="))
    assert re.search(r"http\.certificate .*days_left=[12]\b", secure.log.read_text())  # 2 within the second in which it was made
