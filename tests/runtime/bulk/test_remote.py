"""Collections behind an address: what fsspec's file systems hold, and results written there."""

import io
import sys
import tarfile

import fsspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

import vae_onnx
from vae_onnx import bulk

from . import results


@pytest.fixture
def memory():
    """A file system in memory, which forgets all at the end."""
    files = fsspec.filesystem("memory")
    yield files
    files.store.clear()
    files.pseudo_dirs[:] = [""]


def parquet(files, path, digits, **columns) -> None:
    images = pa.array([each.tobytes() for each in digits])
    with files.open(path, "wb") as file:
        pq.write_table(pa.table({"image": images, **columns}), file, row_group_size=30)


def local(files, folder, to):
    """Bring a folder to this machine."""
    for path in files.find(folder):
        target = to / path.removeprefix(folder).lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(files.cat(path))
    return to


def test_parquet(memory, digits, tmp_path, embedded):
    parquet(memory, "/bucket/x/a.parquet", digits[:60], id=list(range(60)))
    parquet(memory, "/bucket/x/sub/b.parquet", digits[60:], id=list(range(60, 100)))
    parquet(memory, "/bucket/x/_job/errors.parquet", digits)
    parquet(memory, "/bucket/x/.hidden/c.parquet", digits)
    model = vae_onnx.load("mnist-vae")
    results.check(embedded("memory://bucket/x"), model, digits)
    results.check(embedded("memory://bucket/x/a.parquet"), model, digits[:60])
    results.check(embedded("memory://bucket/*/a.parquet"), model, digits[:60])
    found = embedded("memory://bucket/x/sub/*")
    results.check(found, model, digits[60:], list(range(60, 100)))


def test_tar_files(memory, digits, embedded):
    for at in range(2):
        content = io.BytesIO()
        with tarfile.open(fileobj=content, mode="w") as archive:
            for key in range(10 * at, 10 * at + 10):
                picture = io.BytesIO()
                Image.fromarray(digits[key]).save(picture, "PNG")
                told = tarfile.TarInfo(f"{key:03}.png")
                told.size = picture.tell()
                picture.seek(0)
                archive.addfile(told, picture)
        memory.pipe(f"/bucket/{at}.tar", content.getvalue())
    found = embedded("memory://bucket/*.tar", rows=7)
    keys = [f"{key:03}" for key in range(20)]
    results.check(found, vae_onnx.load("mnist-vae"), digits[:20], keys)


def test_a_result_elsewhere_has_the_bytes_of_one_here(memory, digits, tmp_path):
    parquet(memory, "/bucket/x.parquet", digits)
    for out in (str(tmp_path / "here"), "memory://bucket/out"):
        report = bulk.embed("memory://bucket/x.parquet", out, "mnist-vae", rows=30)
        assert (report.done, report.shards) == (4, 4)
    whole = results.content(tmp_path / "here")
    assert results.content(local(memory, "/bucket/out", tmp_path / "there")) == whole

    with pytest.raises(vae_onnx.InputError, match="is not empty"):
        bulk.embed("memory://bucket/x.parquet", "memory://bucket/out", "mnist-vae", rows=30)
    memory.rm("/bucket/out/part-00001.parquet")
    memory.pipe("/bucket/out/part-00002.parquet", b"half of it")
    again = bulk.embed(
        "memory://bucket/x.parquet", "memory://bucket/out", "mnist-vae", rows=30, resume=True
    )
    assert again.done == 2
    assert list(again.again) == ["part-00002.parquet"]
    assert results.content(local(memory, "/bucket/out", tmp_path / "again")) == whole

    report = bulk.decode("memory://bucket/out", "memory://bucket/back", "mnist-vae")
    assert report.images == 100
    assert len(memory.ls("/bucket/back")) == 2

    parquet(memory, "/bucket/x.parquet", digits)
    with pytest.raises(vae_onnx.InputError, match="its input sha256 of names, sizes and times was"):
        bulk.embed(
            "memory://bucket/x.parquet", "memory://bucket/out", "mnist-vae", rows=30, resume=True
        )


def test_a_write_that_fails_leaves_nothing(memory, digits, tmp_path, monkeypatch):
    np.save(tmp_path / "x.npy", digits)

    class Full(io.BytesIO):
        def write(self, _):
            raise OSError(28, "No space left on device")

        def commit(self):
            raise AssertionError

        def discard(self):
            pass

    opened = type(memory)._open

    def full(self, path, mode="rb", **options):
        if mode == "wb" and "part-" in path:
            made = Full()
            self.transaction.files.append(made)
            return made
        return opened(self, path, mode, **options)

    monkeypatch.setattr(type(memory), "_open", full)
    with pytest.raises(vae_onnx.FileAccessError, match=r"part-00000.*No space left on device"):
        bulk.embed(tmp_path / "x.npy", "memory://out", "mnist-vae")
    monkeypatch.undo()
    assert memory.find("/out") == ["/out/_job/job.json"]
    report = bulk.embed(tmp_path / "x.npy", "memory://out", "mnist-vae", resume=True)
    assert report.done == 1


def test_what_is_read_on_this_machine_alone(memory, digits):
    content = io.BytesIO()
    np.save(content, digits)
    memory.pipe("/bucket/x.npy", content.getvalue())
    Image.fromarray(digits[0]).save(picture := io.BytesIO(), "PNG")
    memory.pipe("/bucket/pictures/0.png", picture.getvalue())
    for place in ("memory://bucket/x.npy", "memory://bucket/pictures"):
        with pytest.raises(vae_onnx.InputError, match="read on this machine alone; copy it here"):
            bulk.embed(place, "memory://out", "mnist-vae")
    with pytest.raises(vae_onnx.FileMissingError, match="no file or folder memory://bucket/none"):
        bulk.embed("memory://bucket/none", "memory://out", "mnist-vae")


def test_an_address_that_cannot_be_had(digits, tmp_path, monkeypatch):
    with pytest.raises(vae_onnx.InputError, match="is no address that fsspec knows"):
        bulk.embed("nonsense://bucket", tmp_path / "out", "mnist-vae")
    monkeypatch.setitem(sys.modules, "s3fs", None)
    with pytest.raises(vae_onnx.PackageMissingError, match="s3fs for s3://"):
        bulk.embed("s3://bucket/x", tmp_path / "out", "mnist-vae")
    for name in [name for name in sys.modules if name.partition(".")[0] == "fsspec"]:
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(vae_onnx.PackageMissingError, match=r"pip install 'vae-onnx\[bulk\]'"):
        bulk.embed("memory://bucket/x", tmp_path / "out", "mnist-vae")


def test_folders_are_made_where_a_file_system_has_them(digits, tmp_path):
    """As those of clusters, unlike stores of objects."""
    np.save(tmp_path / "x.npy", digits)
    out = f"local://{tmp_path}/new/out"
    report = bulk.embed(tmp_path / "x.npy", out, "mnist-vae", rows=60)
    assert report.done == 2
    results.check(results.table(tmp_path / "new" / "out"), vae_onnx.load("mnist-vae"), digits)
