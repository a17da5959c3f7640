#!/usr/bin/env python3
"""Holds darn's account of the night against what the server saw and what lies on the disk.

    darn status --json | check.py
"""

import json
import os
import sys
import urllib.request
from pathlib import Path


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def main():
    status = json.load(sys.stdin)
    with urllib.request.urlopen(os.environ["NIGHT_API"] + "/report") as response:
        night = json.load(response)
    wrong = []

    def expect(what, holds):
        print(("  yes  " if holds else "  NO   ") + what)
        if not holds:
            wrong.append(what)

    counts, tasks = status["counts"], {t["id"]: t for t in status["tasks"]}
    missing = [t for t in tasks if not list(Path(".darn").rglob(f"workspace/{t}.md"))]
    docs = "".join(p.read_text() for p in Path(".darn").rglob("workspace/docs.md"))
    expect("all 12 tasks succeeded", counts["succeeded"] == 12 and status["state"] == "succeeded")
    expect("each left the file that it promised" + (f"; not: {missing}" if missing else ""),
           len(tasks) == 12 and not missing)
    expect("the one with a context has heeded it", "Heeded: House style: short" in docs)
    expect(f"those healed are counted as healed ({counts['healed']})", counts["healed"] >= 6)
    expect("the server has played all its tricks", not night["unplayed"])
    expect("nobody came back earlier than the server allowed" +
           "".join("; " + t for t in night["too_early"]), not night["too_early"])
    expect("one process ran away, and is gone",
           len(night["runaways"]) == 1 and not alive(night["runaways"][0]))
    expect(f"the cost was added up (${status['cost_usd']:.4f})", status["cost_usd"] >= 12 * 0.0123)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
