#!/usr/bin/env python3
"""scale.py [SVG]: N times /bin/true, two at a time, for N from 100 to 1,000,000: seconds, seconds per
thousand tasks beside those of the bare loop (floor.cpp), and darn's own peak memory. Draws both
against N when given a file. DARN_SCALE_MAX stops earlier. The largest takes some six minutes."""

import functools
import math
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from measure import ROOT, Run, tasks


@functools.cache
def bare_loop(floor, count):
    return float(subprocess.check_output([floor, str(count), "2"]))


def point(count, floor, work):
    directory = Path(work) / str(count)
    directory.mkdir()
    tasks(directory / "tasks.csv", count)
    bare = bare_loop(floor, min(count, 100_000)) * count / min(count, 100_000)
    seconds, memory = Run(directory, "run", "tasks.csv", "-j", "2", "--progress", "quiet").end()
    print(f"{count:>9,} tasks  {seconds:8.2f} s  {1000 * seconds / count:6.3f} s/1000"
          f"  ratio to the bare loop {seconds / bare:5.2f}  {memory:6.1f} MiB", flush=True)
    return count, 1000 * seconds / count, 1000 * bare / count, memory


def curve(points, column, top, left, width, height):
    """Points of one column in a box: x logarithmic from the first count to the last."""
    first, last = math.log10(points[0][0]), math.log10(points[-1][0])
    largest = max(p[column] for p in points) if top is None else top
    return [(left + width * (math.log10(p[0]) - first) / max(last - first, 1),
             height * (1 - p[column] / largest)) for p in points]


def draw(points, path):
    width, height, left = 300, 180, 60
    def chart(x, title, columns, unit, top):
        out = [f'<g transform="translate({x},40)">',
               f'<text x="{left}" y="-16" font-weight="bold">{title}</text>',
               f'<path d="M{left} 0V{height}H{left + width}" fill="none" stroke="#888"/>']
        for part in (0, 0.5, 1):
            y = height * (1 - part)
            out.append(f'<text x="{left - 6}" y="{y + 4}" text-anchor="end">{top * part:g} {unit}</text>')
            out.append(f'<path d="M{left} {y}h{width}" stroke="#ddd"/>')
        for count, (px, _) in zip((p[0] for p in points), curve(points, 1, top, left, width, height)):
            out.append(f'<text x="{px}" y="{height + 18}" text-anchor="middle">1e{round(math.log10(count))}</text>')
        for column, colour, name in columns:
            places = curve(points, column, top, left, width, height)
            line = " ".join(f"{px:.1f},{py:.1f}" for px, py in places)
            out.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
            out.append(f'<text x="{places[-1][0] - 4}" y="{places[-1][1] - 8}" text-anchor="end" '
                       f'fill="{colour}">{name}</text>')
        return out + ["</g>"]

    time_top = math.ceil(10 * max(max(p[1], p[2]) for p in points)) / 10
    memory_top = 50 * math.ceil(max(p[3] for p in points) / 50)
    body = chart(0, "seconds per 1,000 tasks", [(2, "#999", "bare loop"), (1, "#1f6feb", "darn")], "s", time_top)
    body += chart(400, "darn's peak memory", [(3, "#cf222e", "darn")], "MiB", memory_top)
    Path(path).write_text('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 800 260" width="800" '
                          'font-family="sans-serif" font-size="11"><rect width="800" height="260" '
                          'fill="white"/>' + "".join(body) + "</svg>\n")


def main():
    largest = int(os.environ.get("DARN_SCALE_MAX", 1_000_000))
    with tempfile.TemporaryDirectory() as work:
        floor = f"{work}/floor"
        subprocess.check_call(["g++", "-O2", "-std=c++20", "-o", floor, f"{ROOT}/bench/batch/floor.cpp"])
        points = [point(10**e, floor, work) for e in range(2, 7) if 10**e <= largest]
    if len(sys.argv) > 1:
        draw(points, sys.argv[1])


main()
