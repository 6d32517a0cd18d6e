"""The Hugging Face Hub as far as huggingface_hub calls it here, on 127.0.0.1 and in memory."""

import base64
import hashlib
import json
import os
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
import yaml
from huggingface_hub import constants, file_download

TOKEN = "hf_of_the_owner"
API = re.compile(r"/api/(?:models|spaces)/(?P<name>[^/]+/[^/]+)(?:/(?P<what>\w+)/(?P<rest>.+))?")
RESOLVE = re.compile(r"/(?P<name>[^/]+/[^/]+)/resolve/(?P<revision>[^/]+)/(?P<path>.+)")

Files = dict[str, bytes]


@dataclass
class Repository:
    name: str
    private: bool = False
    gated: bool = False
    commits: dict[str, Files] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)
    messages: list[str] = field(default_factory=list)

    def commit(self, files: Files, branch: str = "main") -> str:
        """Make these the files of a branch; return the commit."""
        sha = hashlib.sha1(f"{len(self.commits)} {branch}".encode()).hexdigest()
        self.commits[sha] = files
        self.branches[branch] = sha
        return sha

    def files(self, revision: str) -> Files:
        return self.commits[self.branches.get(revision, revision)]


@dataclass
class FakeHub:
    url: str
    home: Path  # what HF_HOME is: the cache and the token
    patch: pytest.MonkeyPatch
    repositories: dict[str, Repository] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)  # "GET /owner/repo/resolve/main/card.json"
    status: int | None = None  # answer everything with this
    silent: threading.Event | None = None  # answer nothing before this is set

    def add(self, name: str, files: Files | Path, **options: bool) -> Repository:
        """Make a repository with the files, or with those of a folder."""
        if isinstance(files, Path):
            files = {path.name: path.read_bytes() for path in files.iterdir()}
        self.repositories[name] = repository = Repository(name, **options)
        repository.commit(files)
        return repository

    def use(self, url: str) -> None:
        """Let huggingface_hub in this process take this for the Hub."""
        self.patch.setattr(constants, "ENDPOINT", url)
        for module in (constants, file_download):  # before 1.0, both have it
            template = url + "/{repo_id}/resolve/{revision}/{filename}"
            self.patch.setattr(module, "HUGGINGFACE_CO_URL_TEMPLATE", template, raising=False)

    def log_in(self, token: str = TOKEN) -> None:
        """Leave a token where `hf auth login` does."""
        self.home.mkdir(exist_ok=True)
        (self.home / "token").write_text(token)

    def downloads(self) -> set[str]:
        """The files that have been sent."""
        return {
            match["path"]
            for request in self.requests
            if request.startswith("GET") and (match := RESOLVE.search(request))
        }

    def environment(self, **more: str) -> dict[str, str]:
        """The environment of a process that has this Hub and no other."""
        mine = {
            "HF_ENDPOINT": self.url,
            "HF_HOME": str(self.home),
            "HF_HUB_DISABLE_TELEMETRY": "1",
        }
        others = {key: value for key, value in os.environ.items() if not key.startswith("HF_")}
        return others | mine | more


@contextmanager
def serve(home: Path, patch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    """Serve a Hub that huggingface_hub takes for the real one: empty, as is the cache in `home`."""
    patch.setattr(constants, "HF_HOME", str(home))
    patch.setattr(constants, "HF_HUB_CACHE", str(home / "hub"))
    patch.setattr(constants, "HF_TOKEN_PATH", str(home / "token"))
    patch.setattr(constants, "HF_HUB_OFFLINE", False)
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"):
        patch.delenv(name, raising=False)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.hub = FakeHub(f"http://127.0.0.1:{server.server_port}", home, patch)
    server.hub.use(server.hub.url)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server.hub
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class RefusedError(Exception):
    def __init__(
        self, status: int, code: str = "", message: str = "", headers: Mapping[str, str] = {}
    ) -> None:
        self.status = status
        self.headers = {"X-Error-Code": code, "X-Error-Message": message, **headers}


class Handler(BaseHTTPRequestHandler):
    """Answers as the Hub does, with its headers and its codes of errors."""

    def do_HEAD(self) -> None:
        self.answer()

    def do_GET(self) -> None:
        self.answer()

    def do_POST(self) -> None:
        self.answer()

    def log_message(self, *_: object) -> None:
        pass

    @property
    def hub(self) -> FakeHub:
        return self.server.hub

    def answer(self) -> None:
        path = urlsplit(self.path).path
        self.hub.requests.append(f"{self.command} {path}")
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.hub.silent:
            self.hub.silent.wait()
        try:
            if self.hub.status:
                raise RefusedError(self.hub.status)
            if found := RESOLVE.fullmatch(path):
                self.resolve(**{key: unquote(value) for key, value in found.groupdict().items()})
            elif path == "/api/repos/create":
                self.create(json.loads(body))
            elif path == "/api/validate-yaml":
                yaml.safe_load(json.loads(body)["content"].split("---\n")[1])
                self.reply_json({"errors": [], "warnings": []})
            elif found := API.fullmatch(path):
                handler = getattr(self, found["what"] or "revision")
                handler(self.repository(found["name"]), unquote(found["rest"] or "main"), body)
            else:
                raise RefusedError(404)
        except RefusedError as refused:
            self.reply(b'{"error": "no"}', refused.status, refused.headers)

    def reply(self, content: bytes, status: int = 200, headers: dict[str, str] | None = None):
        self.send_response(status)
        for key, value in ({"Content-Length": str(len(content))} | (headers or {})).items():
            if value:
                self.send_header(key, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def reply_json(self, value: object, status: int = 200) -> None:
        self.reply(json.dumps(value).encode(), status, {"Content-Type": "application/json"})

    @property
    def known(self) -> bool:
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if token not in ("", TOKEN):
            raise RefusedError(401, message="Invalid credentials in Authorization header")
        return token == TOKEN

    def repository(self, name: str) -> Repository:
        repository = self.hub.repositories.get(name)
        if repository is None or (repository.private and not self.known):
            raise RefusedError(404 if self.known else 401, "RepoNotFound")
        return repository

    def files(self, repository: Repository, revision: str) -> Files:
        try:
            return repository.files(revision)
        except KeyError:
            raise RefusedError(404, "RevisionNotFound") from None

    # What is read

    def revision(self, repository: Repository, revision: str, _: bytes) -> None:
        files = self.files(repository, revision)
        self.reply_json(
            {
                "id": repository.name,
                "modelId": repository.name,
                "private": repository.private,
                "gated": "manual" if repository.gated else False,
                "sha": repository.branches.get(revision, revision),
                "siblings": [{"rfilename": path} for path in files],
                "tags": [],
                "downloads": 0,
                "likes": 0,
            }
        )

    def tree(self, repository: Repository, revision: str, _: bytes) -> None:
        files = self.files(repository, revision)
        self.reply_json(
            [
                {"type": "file", "path": path, "size": len(content), "oid": oid(content)}
                for path, content in files.items()
            ]
        )

    def resolve(self, name: str, revision: str, path: str) -> None:
        repository = self.repository(name)
        if repository.gated:
            raise RefusedError(403 if self.known else 401, "GatedRepo")
        files = self.files(repository, revision)
        headers = {"X-Repo-Commit": repository.branches.get(revision, revision)}
        if path not in files:
            raise RefusedError(404, "EntryNotFound", headers=headers)
        self.reply(files[path], headers=headers | {"ETag": f'"{oid(files[path])}"'})

    # What is written

    def create(self, wanted: dict[str, object]) -> None:
        name = f"{wanted['organization']}/{wanted['name']}"
        if not self.known:
            raise RefusedError(401)
        exists = name in self.hub.repositories
        if not exists:
            private = wanted.get("private", wanted.get("visibility") == "private")
            self.hub.add(name, {".gitattributes": b""}, private=bool(private))
        self.reply_json({"url": f"{self.hub.url}/{name}"}, 409 if exists else 200)

    def branch(self, repository: Repository, name: str, _: bytes) -> None:
        self.may_write()
        exists = name in repository.branches
        repository.branches.setdefault(name, repository.branches["main"])
        self.reply_json({}, 409 if exists else 200)

    def preupload(self, repository: Repository, revision: str, body: bytes) -> None:
        self.may_write()
        self.files(repository, revision)
        files = [
            {"path": file["path"], "uploadMode": "regular", "shouldIgnore": False, "oid": None}
            for file in json.loads(body)["files"]
        ]
        self.reply_json({"files": files})

    def commit(self, repository: Repository, branch: str, body: bytes) -> None:
        self.may_write()
        files = dict(self.files(repository, branch))
        for line in body.splitlines():
            entry = json.loads(line)
            if entry["key"] == "header":
                repository.messages.append(entry["value"]["summary"])
            elif entry["key"] == "file":
                files[entry["value"]["path"]] = base64.b64decode(entry["value"]["content"])
            elif entry["key"] == "deletedFile":
                del files[entry["value"]["path"]]
        sha = repository.commit(files, branch)
        self.reply_json(
            {"commitUrl": f"{self.hub.url}/{repository.name}/commit/{sha}", "commitOid": sha}
        )

    def may_write(self) -> None:
        if not self.known:
            raise RefusedError(403)


def oid(content: bytes) -> str:
    """Git's name of a file."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
