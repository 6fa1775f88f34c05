# SPDX-License-Identifier: Apache-2.0
"""The Python side of onnx_parity_test.cpp: ONNX's own checker, then ONNX Runtime on inputs from a safetensors file.

check_onnx.py NAME...: reads NAME.onnx and NAME.in.safetensors, writes NAME.out.safetensors. Links to one file are one model.
"""
import functools
import json
import os
import struct
import sys

import numpy
import onnx
import onnxruntime

TYPES = {"F32": numpy.float32, "F64": numpy.float64, "I64": numpy.int64}


def read(path):
    with open(path, "rb") as file:
        header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
        data = file.read()
    header.pop("__metadata__", None)
    return {name: numpy.frombuffer(data[slice(*entry["data_offsets"])], TYPES[entry["dtype"]]).reshape(entry["shape"])
            for name, entry in header.items()}


def write(path, arrays):
    header, data = {}, b""
    for name, array in arrays.items():
        dtype = next(key for key, value in TYPES.items() if value == array.dtype)
        raw = numpy.ascontiguousarray(array).tobytes()
        header[name] = {"dtype": dtype, "shape": array.shape, "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + data)


@functools.lru_cache(maxsize=1)
def session_of(model):
    onnx.checker.check_model(onnx.load(model), full_check=True)
    return onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])


def main(model, inputs, outputs):
    session = session_of(os.path.realpath(model))
    names = [value.name for value in session.get_outputs()]
    results = session.run(names, read(inputs))
    for value, result in zip(session.get_outputs(), results):
        wanted = [side for side in value.shape]
        assert len(wanted) == result.ndim, (value.name, wanted, result.shape)
        for side, got in zip(wanted, result.shape):
            assert not isinstance(side, int) or side == got, (value.name, wanted, result.shape)
    write(outputs, dict(zip(names, results)))


if __name__ == "__main__":
    for name in sys.argv[1:]:
        main(name + ".onnx", name + ".in.safetensors", name + ".out.safetensors")
