"""A weaker language model made out of the packaged one: its weights, more crudely quantised.

Per block of 32 weights of a layer's matrices only 11 values are left, from minus to plus the
largest: 3.5 bits a weight, where the packaged file has 4 to 8. The
token embeddings, which are most of the file, and the norms stay as they are. The file is
written with the `gguf` package, into the cache folder of the packaged one.
"""

import os
import tempfile
from pathlib import Path

import gguf
import numpy as np
from gguf import GGMLQuantizationType, GGUFReader, GGUFValueType, GGUFWriter
from numpy.typing import NDArray

from smile_trace.models.packaged import completion_model_path

BLOCK = 32
LEVELS = 5
"""Of weights on each side of 0."""


def weaker_model_path() -> Path:
    """The weaker model's GGUF file; the first call makes it, in some fifteen seconds."""
    packaged = completion_model_path()
    target = packaged.with_name(f"{packaged.stem}-{LEVELS}-levels.gguf")
    if not target.is_file():
        with tempfile.TemporaryDirectory(dir=target.parent) as folder:
            made = Path(folder, target.name)
            _write(GGUFReader(packaged), made)
            os.replace(made, target)
    return target


def _write(packaged: GGUFReader, path: Path) -> None:
    writer = GGUFWriter(path, "gemma3")
    for name, field in packaged.fields.items():
        if name.startswith("GGUF.") or name == "general.architecture":
            continue  # the writer's own
        kind = field.types[0]
        of = field.types[-1] if kind == GGUFValueType.ARRAY else None
        writer.add_key_value(name, field.contents(), kind, of)
    for tensor in packaged.tensors:
        data, quantised = tensor.data, GGMLQuantizationType(tensor.tensor_type)
        if tensor.name.startswith("blk.") and len(tensor.shape) == 2:
            crude = _crude(gguf.dequantize(data, quantised))
            quantised = GGMLQuantizationType.Q8_0
            data = gguf.quantize(crude, quantised)
        writer.add_tensor(tensor.name, data, raw_dtype=quantised)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _crude(weights: NDArray[np.float32]) -> NDArray[np.float32]:
    """The weights on 2 · LEVELS + 1 values per block, evenly from minus to plus the largest."""
    blocks = weights.reshape(-1, BLOCK)
    step = np.abs(blocks).max(axis=1, keepdims=True) / LEVELS
    crude: NDArray[np.float32] = np.rint(blocks / np.where(step > 0, step, 1)) * step
    return crude.reshape(weights.shape)
