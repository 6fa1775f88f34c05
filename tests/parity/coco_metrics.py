# SPDX-License-Identifier: Apache-2.0
"""pycocotools on what box_metrics_parity_test.cpp writes: coco_metrics.py IN OUT, or coco_metrics.py TRUTH.json RESULTS.json OUT

The second judges masks. IN holds lines "truth IMAGE CATEGORY X Y W H AREA CROWD" and "box IMAGE CATEGORY X Y W H SCORE", and OUT gets all precisions, all
recalls and the twelve numbers of the summary, a line each.
"""
import contextlib
import io
import sys

from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

truths, boxes, categories, images = [], [], set(), set()
has_files = len(sys.argv) == 4
if not has_files:
    with open(sys.argv[1]) as file:
        for line in file:
            kind, image, category, *numbers = line.split()
            image, category, numbers = int(image), int(category), list(map(float, numbers))
            images.add(image)
            categories.add(category)
            one = {"image_id": image, "category_id": category, "bbox": numbers[:4]}
            if kind == "truth":
                truths.append({**one, "id": len(truths) + 1, "area": numbers[4], "iscrowd": int(numbers[5])})
            else:
                boxes.append({**one, "score": numbers[4]})
with contextlib.redirect_stdout(io.StringIO()):
    truth = COCO(sys.argv[1] if has_files else None)
    if not has_files:
        truth.dataset = {"images": [{"id": i, "width": 1000, "height": 1000} for i in sorted(images)], "annotations": truths,
                         "categories": [{"id": i, "name": str(i)} for i in sorted(categories)]}
        truth.createIndex()
    evaluation = COCOeval(truth, truth.loadRes(sys.argv[2] if has_files else boxes), "segm" if has_files else "bbox")
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
with open(sys.argv[-1], "w") as file:
    for values in (evaluation.eval["precision"], evaluation.eval["recall"], evaluation.stats):
        print(*(repr(float(value)) for value in values.reshape(-1)), file=file)
