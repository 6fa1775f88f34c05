# SPDX-License-Identifier: Apache-2.0
"""The Python side of torchscript_parity_test.cpp: torch.jit.load, the names of the state, and the results.

check_torchscript.py MODULE.pt STATE.pth INPUT.pth OUTPUT.pth
"""
import sys

import torch


def main(module, state, inputs, outputs):
    script = torch.jit.load(module).eval()
    wanted = torch.load(state, weights_only=True)
    got = script.state_dict()
    assert sorted(got) == sorted(wanted), (sorted(got), sorted(wanted))
    assert all(torch.equal(got[name], wanted[name]) for name in wanted)
    with torch.no_grad():
        torch.save({"output": script(torch.load(inputs, weights_only=True)["input"])}, outputs)


if __name__ == "__main__":
    main(*sys.argv[1:])
