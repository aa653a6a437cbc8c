"""Runs inside a client's environment: reads one JSON line per snippet, answers one JSON line."""
import json
import os
import sys
import textwrap
import traceback

answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)  # what a client prints must not mix with the answers

import warnings  # noqa: E402

warnings.simplefilter("ignore")
base = {}
exec("import base64, io, json, os, hashlib, pathlib, time", base)
try:
    # By name: a star would import optional parts with dependencies of their own.
    exec("import huggingface_hub as hub\n"
         "from huggingface_hub import HfApi, CommitOperationAdd, CommitOperationDelete, CommitOperationCopy, hf_hub_download, snapshot_download\n"
         "from huggingface_hub.utils import HfHubHTTPError, RepositoryNotFoundError, RevisionNotFoundError, EntryNotFoundError\n"
         "api = HfApi()", base)
except ImportError:
    traceback.print_exc()


def refused(kind, call, *args, **kw):
    """Calls and expects the named exception; hands back its text and status."""
    try:
        call(*args, **kw)
    except Exception as e:
        names = [c.__name__ for c in type(e).__mro__]
        if kind not in names:
            raise AssertionError(f"expected {kind}, got {names[0]}: {e}") from e
        response = getattr(e, "response", None)
        return {"type": names[0], "text": str(e), "status": getattr(response, "status_code", None),
                "server": getattr(e, "server_message", None)}
    raise AssertionError(f"expected {kind}, but it went through")


base["refused"] = refused
for line in sys.stdin:
    order = json.loads(line)
    names = dict(base, **order["args"])
    try:
        exec(compile(textwrap.dedent(order["code"]), "<snippet>", "exec"), names)
        text = json.dumps({"out": names.get("out")}, default=str)
    except BaseException:
        text = json.dumps({"trace": traceback.format_exc(limit=-6)})
    answers.write(text + "\n")
    answers.flush()
