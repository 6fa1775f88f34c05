# SPDX-License-Identifier: Apache-2.0
"""pycocotools on boxes in memory: coco_pycocotools.py BOXES

Lines "truth IMAGE CATEGORY X Y W H AREA CROWD" and "box IMAGE CATEGORY X Y W H SCORE" -> {"seconds", "average_precision"};
the time is that of evaluate() and accumulate().
"""
import contextlib
import io
import json
import sys
import time

from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval


def main():
    truths, boxes, categories, images = [], [], set(), set()
    with open(sys.argv[1]) as file:
        for line in file:
            kind, image, category, *numbers = line.split()
            numbers = list(map(float, numbers))
            one = {"image_id": int(image), "category_id": int(category), "bbox": numbers[:4]}
            images.add(one["image_id"])
            categories.add(one["category_id"])
            if kind == "truth":
                truths.append({**one, "id": len(truths) + 1, "area": numbers[4], "iscrowd": int(numbers[5])})
            else:
                boxes.append({**one, "score": numbers[4]})
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO()
        truth.dataset = {"images": [{"id": i} for i in sorted(images)], "annotations": truths,
                         "categories": [{"id": i} for i in sorted(categories)]}
        truth.createIndex()
        evaluation = COCOeval(truth, truth.loadRes(boxes), "bbox")
        start = time.perf_counter()
        evaluation.evaluate()
        evaluation.accumulate()
        seconds = time.perf_counter() - start
        evaluation.summarize()
    print(json.dumps({"seconds": seconds, "average_precision": evaluation.stats[0]}))


if __name__ == "__main__":
    main()
