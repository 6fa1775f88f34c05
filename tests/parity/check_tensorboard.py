# SPDX-License-Identifier: Apache-2.0
"""The Python side of tensorboard_parity_test.cpp: what TensorBoard's own readers find in the event files of a folder.

check_tensorboard.py FOLDER OUT: writes a line "tag step seconds bits" for each scalar, bits being those of a big-endian f32.
Both readers must say the same: the one for scripts (event_accumulator) and the one behind TensorBoard's pages, which keeps
scalars as tensors and forgets the steps after a resume by a rule of its own (plugin_event_accumulator).
"""
import struct
import sys

from tensorboard.backend.event_processing import event_accumulator, plugin_event_accumulator
from tensorboard.util import tensor_util

EVERYTHING = {"scalars": 0, "tensors": 0}  # 0: no event is left out to save memory


def line(tag, event, value):
    return f"{tag} {event.step} {event.wall_time:.6f} {struct.pack('>f', value).hex()}\n"


def script_lines(folder):
    reader = event_accumulator.EventAccumulator(folder, size_guidance=EVERYTHING).Reload()
    tags = reader.Tags()
    assert not tags["tensors"] and not tags["images"] and not tags["graph"], tags
    return [line(tag, event, event.value) for tag in sorted(tags["scalars"]) for event in reader.Scalars(tag)]


def page_lines(folder):
    reader = plugin_event_accumulator.EventAccumulator(folder, size_guidance=EVERYTHING).Reload()
    lines = []
    for tag in sorted(reader.Tags()["tensors"]):
        assert reader.SummaryMetadata(tag).plugin_data.plugin_name == "scalars", tag
        for event in reader.Tensors(tag):
            value = tensor_util.make_ndarray(event.tensor_proto)
            assert value.dtype == "float32" and value.shape == (), (tag, value)
            lines.append(line(tag, event, value.item()))
    return lines


def main(folder, out):
    lines, others = script_lines(folder), page_lines(folder)
    for first, second in zip(lines, others):
        assert first == second, f"the reader for scripts says {first}the one for pages {second}"
    assert len(lines) == len(others), (len(lines), len(others), (lines + others)[-1])
    with open(out, "w", encoding="utf-8") as file:
        file.writelines(lines)


if __name__ == "__main__":
    main(*sys.argv[1:])
