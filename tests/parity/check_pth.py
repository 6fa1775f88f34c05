# SPDX-License-Identifier: Apache-2.0
"""The Python side of pth_parity_test.cpp: opens .pth files of ours as a user of Python's torch would."""
import collections
import sys
import zipfile

import torch


def load(path):
    state = torch.load(path, weights_only=True)
    assert isinstance(state, collections.OrderedDict), type(state)
    assert zipfile.ZipFile(path).testzip() is None
    return state


def module(weights, inputs, outputs):
    nn = torch.nn
    network = nn.Sequential(nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(36, 3))
    network.load_state_dict(load(weights), strict=True)
    with torch.no_grad():
        torch.save({"output": network.eval()(load(inputs)["input"])}, outputs)


def again(path, zip_form, legacy_form):
    state = load(path)
    torch.save(state, zip_form)
    torch.save(state, legacy_form, _use_new_zipfile_serialization=False)


if __name__ == "__main__":
    {"module": module, "again": again}[sys.argv[1]](*sys.argv[2:])
