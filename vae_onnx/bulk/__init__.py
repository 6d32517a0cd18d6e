"""Many images, on one machine or a cluster: `embed`, `decode` and the class `Embed` for Ray Data.

It needs `pip install 'vae-onnx[bulk]'`. Read `bulk` first, which says what comes of what; `sources`
read the input, `embedding` and `decoding` are the work on a block, `job` and `shards` what is on
the disk, `local` and `ray` two ways to do it. `neighbours` finds the nearest among what has been
embedded.
"""

from vae_onnx.errors import PackageMissingError

try:
    import pyarrow  # noqa: F401
except ModuleNotFoundError as _error:
    raise PackageMissingError(
        "vae_onnx.bulk needs pyarrow: pip install 'vae-onnx[bulk]'"
    ) from _error

from vae_onnx.bulk.bulk import Cluster, Report, decode, embed
from vae_onnx.bulk.pipeline import Embed

__all__ = ["Cluster", "Embed", "Report", "decode", "embed"]
