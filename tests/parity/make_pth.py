# SPDX-License-Identifier: Apache-2.0
"""Makes the .pth fixtures beside it (folder pth) with Python's own torch. Run by hand, never by a test:

    python3 tests/parity/make_pth.py            # all of them
    python3 tests/parity/make_pth.py NAME.pth   # one, for example with another torch

The committed ones were made by torch 1.13.0a0 (Debian's python3-torch), new_torch.pth by torch 2.13.0.
"""
import argparse
import collections
import operator
import os
import pickle
import random
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy
import torch

FOLDER = Path(__file__).resolve().parent / "pth"


def plain():
    """Every type and layout that src/clew/nn/pth_test.cpp checks by hand-computed values."""
    base = torch.arange(8, dtype=torch.float32)
    return collections.OrderedDict([
        ("f32", torch.arange(6, dtype=torch.float32).view(2, 3) / 4 - 0.5),
        ("f64", torch.tensor([1e-300, -2.5], dtype=torch.float64)),
        ("f16", torch.tensor([0.5, -1.5, 65504.0], dtype=torch.float16)),
        ("bf16", torch.tensor([1.0, -3.0, 1e30], dtype=torch.bfloat16)),
        ("i64", torch.tensor(-(2 ** 40), dtype=torch.int64)),
        ("i32", torch.tensor([7, -8], dtype=torch.int32)),
        ("i16", torch.tensor([-300], dtype=torch.int16)),
        ("i8", torch.tensor([-1, 127], dtype=torch.int8)),
        ("u8", torch.tensor([0, 255], dtype=torch.uint8)),
        ("bool", torch.tensor([True, False, True])),
        ("turned", torch.arange(6, dtype=torch.float32).view(2, 3).t()),
        ("base", base),
        ("part", base[2:7:2]),
        ("empty", torch.empty(0, 3)),
        ("spread", torch.tensor([4.0]).expand(3)),
        ("parameter", torch.nn.Parameter(torch.tensor([1.0, 2.0]))),
    ])


def nested():
    """A training checkpoint: a module with buffers, an optimiser that has taken a step, plain values."""
    torch.manual_seed(1)
    model = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.BatchNorm2d(2))
    with torch.no_grad():
        for index, parameter in enumerate(model.parameters()):
            parameter.copy_(torch.arange(parameter.numel(), dtype=torch.float32).view_as(parameter) + index)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.25, momentum=0.5)
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter)
    state = model.state_dict()
    state = collections.OrderedDict((key, value.clone()) for key, value in state.items())
    state._metadata = model.state_dict()._metadata
    optimizer.step()
    return {"model": state, "optimizer": optimizer.state_dict(), "epoch": 3, "best": 0.75, "name": "tiny",
            "note": None, "is_done": False, "sizes": [torch.Size([2, 3]), (4,)], "dtype": torch.float16,
            "device": torch.device("cpu"), "large": 2 ** 70, "negative": -5}


def with_plain_values():
    """What torch.load with weights_only=True reads beside tensors."""
    return {"w": torch.tensor([1.0, 2.0]), "milestones": collections.Counter([30, 30, 60]), "seen": {3},
            "none_seen": set(), "fixed": frozenset(["a"]), "key": b"\x00\xff", "empty": b"",
            "buffer": bytearray(b"\xff"), "root": 1j, "last": torch.tensor([3])}


def mixed():
    """A checkpoint as training scripts save it: weights beside objects of many types."""
    random.seed(1)
    numpy.random.seed(1)
    return {"model": collections.OrderedDict(w=torch.tensor([1.0, 2.0]), scale=torch.tensor(3)),
            "args": argparse.Namespace(lr=0.1, out=Path("/tmp/run"), sizes=[1, 2]), "best": numpy.float64(0.5),
            "path": Path("runs/1"), "torch_state": torch.tensor([1, 2], dtype=torch.uint8),
            "numpy_state": numpy.random.get_state(), "python_state": random.getstate(),
            "by_class": collections.defaultdict(list, a=[1]), "linear": torch.nn.Linear(1, 1),
            "sparse": torch.eye(2).to_sparse(), "complex": torch.tensor([1j]), "sum": operator.add, 7: {Path("a"): 1}}


class Call:
    """Pickles as a call of anything."""

    def __init__(self, function, *arguments):
        self.made = (function, arguments)

    def __reduce__(self):
        return self.made


def with_attributes():
    """Tensors that carry Python attributes, as torch 2 saves them; 1.13 drops the attributes itself."""
    def carrying(tensor, **attributes):
        return Call(torch._tensor._rebuild_from_type_v2, tensor._reduce_ex_internal(2)[0], type(tensor),
                    tensor._reduce_ex_internal(2)[1], attributes)
    return {"plain": carrying(torch.tensor([1.0, 2.0]), rows=["a"], args=argparse.Namespace(lr=1)),
            "turned": carrying(torch.tensor([[3], [4]]).t(), note="x"),
            "parameter": carrying(torch.nn.Parameter(torch.tensor([5.0])), note="y")}


def save_pickle(path, pickled):
    """A zip as torch.save writes it around any pickle."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", pickled)
        archive.writestr("archive/version", "3\n")


def save_compressed(path):
    with tempfile.TemporaryDirectory() as folder:
        whole = Path(folder) / "whole.pth"
        torch.save(plain(), whole)
        with zipfile.ZipFile(whole) as source, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name in source.namelist():
                archive.writestr(name, source.read(name))


def save_torchscript(path):
    example = torch.ones(1, 2)
    torch.jit.save(torch.jit.trace(torch.nn.Linear(2, 1), example), str(path))


FIXTURES = {
    "zip.pth": lambda path: torch.save(plain(), path),
    "new_torch.pth": lambda path: torch.save(plain(), path),
    "protocol_4.pth": lambda path: torch.save(plain(), path, pickle_protocol=4),
    "legacy.pth": lambda path: torch.save(plain(), path, _use_new_zipfile_serialization=False),
    "legacy_protocol_3.pth": lambda path: torch.save(plain(), path, pickle_protocol=3,
                                                     _use_new_zipfile_serialization=False),
    "legacy_protocol_5.pth": lambda path: torch.save(plain(), path, pickle_protocol=5,
                                                     _use_new_zipfile_serialization=False),
    "plain_values.pth": lambda path: torch.save(with_plain_values(), path),
    "plain_values_4.pth": lambda path: torch.save(with_plain_values(), path, pickle_protocol=4),
    "namespace.pth": lambda path: torch.save({"model": {"w": torch.ones(1)}, "args": argparse.Namespace(lr=1)}, path),
    "nested.pth": lambda path: torch.save(nested(), path),
    "nested_legacy.pth": lambda path: torch.save(nested(), path, _use_new_zipfile_serialization=False),
    "mixed.pth": lambda path: torch.save(mixed(), path),
    "mixed_4.pth": lambda path: torch.save(mixed(), path, pickle_protocol=4),
    "mixed_legacy.pth": lambda path: torch.save({**mixed(), "complex": 0}, path, _use_new_zipfile_serialization=False),
    "attributes.pth": lambda path: torch.save(with_attributes(), path),
    "empty.pth": lambda path: torch.save({"a": torch.empty(0, 300), "b": torch.empty(3, 0, 2)[1:]}, path),
    "lone.pth": lambda path: torch.save(torch.tensor([3.0]), path),
    "list.pth": lambda path: torch.save([torch.tensor([3.0]), {"a": torch.tensor([4])}], path),
    "compressed.pth": save_compressed,
    "torchscript.pt": save_torchscript,
    "os_system.pth": lambda path: torch.save({"weight": Call(os.system, "echo ran > ran.txt")}, path),
    "legacy_os_system.pth": lambda path: torch.save({"weight": Call(os.system, "echo ran > ran.txt")}, path,
                                                    _use_new_zipfile_serialization=False),
    "eval.pth": lambda path: save_pickle(path, pickle.dumps(Call(eval, "1 + 1"), protocol=4)),
    "nested_call.pth": lambda path: save_pickle(path, pickle.dumps(
        collections.OrderedDict(a=[Call(getattr, Call(__import__, "os"), "system")]), protocol=2)),
    "own_class.pth": lambda path: torch.save(torch.nn.Linear(1, 1), path),
}

if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for wanted in sys.argv[1:] or FIXTURES:
        FIXTURES[wanted](FOLDER / wanted)
