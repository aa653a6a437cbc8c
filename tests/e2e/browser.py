"""What a browser without scripts does: keeps the session's cookie, sends forms, follows nothing."""
import re
import urllib.parse

from hearth import PASSWORD


class Browser:
    def __init__(self, server):
        self.server, self.cookie = server, None

    def ask(self, method, path, form=None, **headers):
        h = {k.replace("_", "-"): v for k, v in headers.items()}
        if self.cookie:
            h["Cookie"] = f"theme=dark; hearth_session={self.cookie}; other=1"
        body = None
        if form is not None:
            h["Content-Type"] = "application/x-www-form-urlencoded"
            h.setdefault("Origin", self.server.base)
            body = urllib.parse.urlencode(form).encode()
        a = self.server.request(method, path, body, None, headers=h)
        set_cookie = a.headers.get("set-cookie") or ""
        if set_cookie.startswith("hearth_session="):
            self.cookie = set_cookie.split("=", 1)[1].split(";")[0] or None
        return a

    def get(self, path, **headers):
        return self.ask("GET", path, **headers)

    def form_token(self, path="/"):
        return re.search(r'name="csrf" value="(\w+)"', self.get(path).body.decode()).group(1)

    def sign_in(self, name, password=PASSWORD):
        return self.ask("POST", "/login", {"name": name, "password": password, "next": "/models"})


def signed_in(server, name):
    b = Browser(server)
    assert b.sign_in(name).status == 303
    return b


def multipart(fields, files):
    """A form with files, and its type."""
    boundary = "----test0123456789"
    body = b""
    for k, v in fields.items():
        body += f'--{boundary}\r\nContent-Disposition: form-data; name="{k}"\r\n\r\n{v}\r\n'.encode()
    for name, content in files:
        escaped = name.replace('"', "%22")
        body += f'--{boundary}\r\nContent-Disposition: form-data; name="files"; filename="{escaped}"\r\nContent-Type: application/octet-stream\r\n\r\n'.encode()
        body += content + b"\r\n"
    return body + f"--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}"
