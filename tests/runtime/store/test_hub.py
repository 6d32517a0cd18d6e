"""Models of the Hugging Face Hub, here a small one on this machine (tests/fake_hub.py)."""

import contextlib
import errno
import functools
import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import types

import huggingface_hub
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import vae_onnx
from vae_onnx.__main__ import main
from vae_onnx.store import hub as runtime

NEEDED = {"encoder.onnx", "decoder.onnx", "card.json"}


@pytest.fixture
def files(graphs):
    """The files of a small model, with a card."""
    content = {path.name: path.read_bytes() for path in (graphs / "vae").iterdir()}
    sums = {name: hashlib.sha256(data).hexdigest() for name, data in content.items()}
    return content | {"card.json": json.dumps({"name": "tiny", "sha256": sums}).encode()}


@pytest.fixture
def refused(hub, files):
    """What is said of a repository with other files in the place of some."""

    def refused(kind, **changed):
        given = {**files, **{name.replace("_", "."): data for name, data in changed.items()}}
        hub.add("me/tiny", {name: data for name, data in given.items() if data is not None})
        with pytest.raises(kind) as raised:
            vae_onnx.load("hf://me/tiny")
        return str(raised.value)

    return refused


# What is downloaded


def test_a_model_is_downloaded_and_runs(hub, files, tiny_vae):
    hub.add("me/tiny", files)
    model = vae_onnx.load("hf://me/tiny")
    z = np.array([[0.25, 0.5]], np.float32)
    np.testing.assert_array_equal(model.decode(z), tiny_vae.decode(z))
    assert model.folder.is_relative_to(hub.home / "hub" / "models--me--tiny")


def test_nothing_but_the_files_of_a_model_is_downloaded(hub, files):
    mine = {
        "latents.npz": b"z",
        "README.md": b"#",
        "model.pkl": b"\x80",
        "a.py": b"1",
        "x.onnx": b"x",
    }
    hub.add("me/tiny", files | mine | {"sub/encoder.onnx": b"another"})
    folder = runtime.fetch("hf://me/tiny")
    assert {path.name for path in folder.iterdir()} == NEEDED | {"latents.npz"} == hub.downloads()


def test_variants_come_along_and_are_checked(hub, files):
    card = json.loads(files["card.json"])
    card["sha256"]["decoder.int8.onnx"] = hashlib.sha256(b"int8").hexdigest()
    files |= {"card.json": json.dumps(card).encode(), "decoder.int8.onnx": b"int8"}
    hub.add("me/tiny", files)
    assert (runtime.fetch("hf://me/tiny") / "decoder.int8.onnx").read_bytes() == b"int8"
    hub.add("me/other", files | {"decoder.int8.onnx": b"int9"})
    with pytest.raises(vae_onnx.FileError, match=r"decoder.int8.onnx is not the file"):
        runtime.fetch("hf://me/other")


def test_the_second_load_downloads_nothing(hub, files):
    commit = hub.add("me/tiny", files).branches["main"]
    vae_onnx.load("hf://me/tiny")
    assert hub.downloads() == NEEDED
    hub.requests.clear()
    vae_onnx.load("hf://me/tiny")
    assert hub.requests == ["HEAD /me/tiny/resolve/main/card.json"]  # is there a new commit?
    hub.requests.clear()
    vae_onnx.load(f"hf://me/tiny@{commit}")
    assert hub.requests == []


def test_a_new_commit_is_found(hub, files):
    repository = hub.add("me/tiny", files)
    before = runtime.fetch("hf://me/tiny")
    repository.commit(files | {"latents.npz": b"new"})
    after = runtime.fetch("hf://me/tiny")
    assert before != after
    assert (after / "latents.npz").read_bytes() == b"new"


def test_revisions_and_folders(hub, files):
    repository = hub.add("me/tiny", {f"small/int/{name}": data for name, data in files.items()})
    old = repository.branches["main"]
    for branch in ("v1.0", "feature/x", "refs/pr/7"):
        repository.commit(files, branch)
    repository.commit({})
    for reference in (
        f"hf://me/tiny@{old}/small/int",
        f"hf://me/tiny@{old}/small/int/",
        "hf://me/tiny@v1.0",
        "hf://me/tiny@feature%2Fx",
        "hf://me/tiny@refs/pr/7",
        "hf://me/tiny@refs/pr/7/",
    ):
        assert vae_onnx.load(reference).kind == "vae"
    with pytest.raises(vae_onnx.FileMissingError, match="hf://me/tiny lacks one of"):
        vae_onnx.load("hf://me/tiny")


@pytest.mark.parametrize(
    "reference",
    [
        "hf://",
        "hf://me",
        "hf://me/",
        "hf:///tiny",
        "hf://me/tiny@",
        "hf://me/tiny@/folder",
        "hf://me/tiny@..",
        "hf://me/tiny@a%2F..%2F..%2Fb",
        "hf://me/tiny@%00",
        "hf://me/tiny/../../etc",
        "hf://me/tiny//folder",
        "hf://me/tiny/[ab]*",
        "hf://me/ti ny",
        "hf://me/tiny\n",
        "hf://../tiny",
        "hf://me/ti--ny",
        "hf://me/tiny.git",
        "hf://me/" + 100 * "x",
        "hf://datasets/me/tiny",
    ],
)
def test_what_is_no_reference_is_refused_before_any_request(hub, reference):
    with pytest.raises(vae_onnx.InputError, match="hf://"):
        vae_onnx.load(reference)
    assert hub.requests == []


@given(st.text(max_size=40) | st.from_regex(r"[-a.@/%2F]{1,30}", fullmatch=True))
def test_whatever_comes_is_read_or_refused(text):
    with contextlib.suppress(vae_onnx.InputError):
        place = runtime.parse(f"hf://{text}")
        parts = (place.repository, place.revision or "main", place.folder)
        assert not any(part in (".", "..") for part in "/".join(parts).split("/"))


def test_a_reference_is_a_string():
    with pytest.raises(vae_onnx.InputTypeError, match="must be a string, got int"):
        runtime.fetch(3)


# Offline


def test_offline_takes_the_cache_and_asks_nobody(hub, files):
    hub.add("me/tiny", files)
    folder = runtime.fetch("hf://me/tiny")
    hub.requests.clear()
    assert vae_onnx.load("hf://me/tiny", offline=True).folder == folder
    assert hub.requests == []


def test_offline_and_not_in_the_cache(hub, files):
    repository = hub.add("me/tiny", files)
    repository.commit(files, "other")
    runtime.fetch("hf://me/tiny")
    hub.requests.clear()
    for reference in ("hf://me/none", "hf://me/tiny@other", "hf://me/tiny/folder"):
        with pytest.raises(vae_onnx.FileMissingError, match=f"{reference} is not in the cache"):
            vae_onnx.load(reference, offline=True)
    assert hub.requests == []


def test_a_model_of_which_a_part_is_in_the_cache_is_not_there_offline(hub, files):
    hub.add("me/tiny", files)
    (runtime.fetch("hf://me/tiny") / "decoder.onnx").unlink()
    with pytest.raises(vae_onnx.FileMissingError, match="is not in the cache"):
        vae_onnx.load("hf://me/tiny", offline=True)
    assert vae_onnx.load("hf://me/tiny").kind == "vae"


def test_offline_changes_nothing_for_names_and_folders(hub, graphs):
    assert vae_onnx.load("mnist-ae", offline=True).kind == "ae"
    assert vae_onnx.load(graphs / "vae", offline=True).kind == "vae"
    assert hub.requests == []


def test_in_processes_of_their_own_with_the_environment_of_the_hub(hub, files):
    """Nothing is patched here: HF_ENDPOINT, HF_HOME and HF_HUB_OFFLINE do as they say."""
    hub.add("me/tiny", files)
    code = "import vae_onnx; vae_onnx.load('hf://me/tiny')"

    def run(**environment):
        return subprocess.run(
            [sys.executable, "-c", code],
            env=hub.environment(**environment),
            capture_output=True,
            text=True,
        )

    missing = run(HF_HUB_OFFLINE="1")
    assert missing.returncode == 1
    assert "vae_onnx.errors.FileMissingError: hf://me/tiny is not in the cache" in missing.stderr
    assert hub.requests == []

    assert run().returncode == 0
    assert hub.downloads() == NEEDED

    hub.requests.clear()
    cached = run(HF_HUB_OFFLINE="1")
    assert (cached.returncode, cached.stdout) == (0, "")
    assert hub.requests == []


def test_without_the_hub_the_cache_serves(hub, files):
    hub.add("me/tiny", files)
    folder = runtime.fetch("hf://me/tiny")
    hub.requests.clear()
    hub.status = 503
    assert runtime.fetch("hf://me/tiny") == folder
    assert len(hub.requests) == 1


# Checksums


def test_a_graph_that_is_not_that_of_the_card(refused, files):
    other = files["encoder.onnx"][:-1] + b"!"
    expected = hashlib.sha256(files["encoder.onnx"]).hexdigest()
    found = hashlib.sha256(other).hexdigest()
    told = refused(vae_onnx.FileError, encoder_onnx=other)
    assert (
        f"encoder.onnx is not the file that card.json tells of: expected sha256 {expected}, "
        in told
    )
    assert f"found {found}; " in told
    assert "models--me--tiny and load it again, else tell the owner of me/tiny" in told


def test_a_graph_that_was_damaged_in_the_cache(hub, files):
    hub.add("me/tiny", files)
    folder = runtime.fetch("hf://me/tiny")
    (folder / "decoder.onnx").resolve().write_bytes(b"damaged")
    for offline in (False, True):
        with pytest.raises(vae_onnx.FileError, match=r"decoder.onnx is not the file"):
            vae_onnx.load("hf://me/tiny", offline=offline)
    shutil.rmtree(hub.home / "hub" / "models--me--tiny")  # as the message says
    assert vae_onnx.load("hf://me/tiny").kind == "vae"


@pytest.mark.parametrize("card", [b"{}", b'{"sha256": []}', b'{"sha256": {"decoder.onnx": "0"}}'])
def test_a_card_without_checksums(refused, card):
    assert "lists no sha256 of encoder.onnx" in refused(vae_onnx.FileError, card_json=card)


@pytest.mark.parametrize("card", [b"", b"\xff", b"[]", b"[" * 100_000, b"{"])
def test_a_card_that_is_none(refused, card):
    told = refused(vae_onnx.FileError, card_json=card)
    assert "card.json " in told
    assert "models--me--tiny and load it again" in told


@pytest.mark.parametrize("name", sorted(NEEDED))
def test_a_repository_without_one_of_the_files(refused, name):
    told = refused(vae_onnx.FileMissingError, **{name.replace(".", "_"): None})
    assert "hf://me/tiny lacks one of encoder.onnx, decoder.onnx, card.json" in told


# Who may not, and what does not answer


def test_an_unknown_repository(hub):
    with pytest.raises(vae_onnx.FileMissingError, match="shows no model me/none: check the name"):
        vae_onnx.load("hf://me/none")


def test_an_unknown_revision(hub, files):
    hub.add("me/tiny", files)
    with pytest.raises(vae_onnx.FileMissingError, match="me/tiny has no branch, tag or commit v2"):
        vae_onnx.load("hf://me/tiny@v2")


def test_a_private_repository(hub, files):
    hub.add("me/tiny", files, private=True)
    with pytest.raises(vae_onnx.FileMissingError, match="if it is private, `hf auth login`, or"):
        vae_onnx.load("hf://me/tiny")
    hub.log_in("hf_revoked")
    with pytest.raises(vae_onnx.FileAccessError, match=r"\(status 401\): `hf auth login`, or set"):
        vae_onnx.load("hf://me/tiny")
    hub.log_in()
    assert vae_onnx.load("hf://me/tiny").kind == "vae"


def test_a_gated_repository(hub, files):
    hub.add("me/tiny", files, gated=True)
    with pytest.raises(vae_onnx.FileAccessError, match=f"ask for it on {hub.url}/me/tiny, then"):
        vae_onnx.load("hf://me/tiny")


@pytest.mark.parametrize("status", [403, 500, 503])
def test_a_hub_that_fails(hub, files, status):
    hub.add("me/tiny", files)
    hub.status = status
    with pytest.raises(vae_onnx.FileAccessError, match=str(status)) as raised:
        vae_onnx.load("hf://me/tiny")
    assert len(str(raised.value).splitlines()) == 1


def test_no_network(hub):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    hub.use(f"http://127.0.0.1:{port}")
    with pytest.raises(vae_onnx.FileAccessError, match="refused; check the connection and try"):
        vae_onnx.load("hf://me/tiny")


def test_a_hub_that_does_not_answer(hub, monkeypatch):
    hub.silent = threading.Event()
    ask = huggingface_hub.get_hf_file_metadata
    monkeypatch.setattr(
        huggingface_hub, "get_hf_file_metadata", functools.partial(ask, timeout=0.2)
    )
    try:
        with pytest.raises(vae_onnx.FileAccessError, match="timed out; check the connection"):
            vae_onnx.load("hf://me/tiny")
    finally:
        hub.silent.set()


def test_a_full_disk(hub, files, monkeypatch):
    hub.add("me/tiny", files)

    def full(*_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", full)
    with pytest.raises(vae_onnx.FileAccessError, match=r"No space left on device; make room, or"):
        vae_onnx.load("hf://me/tiny")


def test_a_cache_that_cannot_be_written(hub, files):
    hub.add("me/tiny", files)
    hub.home.write_text("a file where the folder should be")
    with pytest.raises(vae_onnx.FileAccessError, match=r"Not a directory.*; make room, or"):
        vae_onnx.load("hf://me/tiny")


def test_a_hub_elsewhere_is_out_of_reach_of_the_tests(hub, only_this_machine):
    hub.use("http://hub.invalid")
    with pytest.raises(vae_onnx.FileAccessError, match="the test may not connect to"):
        vae_onnx.load("hf://me/tiny")
    assert set(only_this_machine) == {"hub.invalid"}
    only_this_machine.clear()


def test_without_huggingface_hub_the_remedy_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(vae_onnx.PackageMissingError, match="install --upgrade huggingface_hub"):
        vae_onnx.load("hf://me/tiny")
    monkeypatch.setitem(sys.modules, "huggingface_hub", types.ModuleType("huggingface_hub"))
    with pytest.raises(vae_onnx.PackageMissingError, match="cannot import name"):
        vae_onnx.load("hf://me/tiny")
    assert vae_onnx.load("mnist-vae").kind == "vae"


# The command


def test_the_command_takes_references(hub, files, capsys, tmp_path):
    hub.add("me/tiny", files)
    assert main(["info", "hf://me/tiny"]) == 0
    told = capsys.readouterr().out
    assert "encoder.onnx: (x: float" in told
    assert main(["decode", "hf://me/tiny", str(tmp_path / "none.npy"), "-o", "z.npy"]) == 1
    assert "none.npy is missing" in capsys.readouterr().err
    assert main(["save", "hf://me/tiny", str(tmp_path / "mine")]) == 0
    assert capsys.readouterr().out == ""
    assert {path.name for path in (tmp_path / "mine").iterdir()} == NEEDED


def test_errors_of_the_command_are_one_line(hub, capsys):
    for reference in ("hf://me", "hf://me/none", "hf://me/tiny@v1"):
        assert main(["info", reference]) == 1
        captured = capsys.readouterr()
        assert (captured.out, captured.err.count("\n")) == ("", 1)
        assert captured.err.startswith("vae-onnx: error: ")
