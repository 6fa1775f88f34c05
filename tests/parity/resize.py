# SPDX-License-Identifier: Apache-2.0
"""Pillow's resizing, for resize_parity_test.cpp: resize.py IN.png WIDTH HEIGHT bilinear|bicubic OUT.png"""
import sys

from PIL import Image

source, width, height, kernel, out = sys.argv[1:]
resampling = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}[kernel]
Image.open(source).resize((int(width), int(height)), resampling).save(out)
