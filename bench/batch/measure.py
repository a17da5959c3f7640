"""Shared by this folder's scripts: run darn in a scratch directory, watch its clock and memory."""

import os
import pathlib
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
DARN = str(pathlib.Path(os.environ.get("DARN", ROOT / "build/release/darn")).resolve())


def tasks(path, count, first="/bin/true"):
    """A CSV of `count` commands; the first one may be another than /bin/true."""
    with open(path, "w") as file:
        file.write(f"id,command\nt1,{first}\n")
        file.writelines(f"t{n},/bin/true\n" for n in range(2, count + 1))


class Run:
    """darn in the background; seconds since its start, and its own peak memory."""

    def __init__(self, directory, *arguments):
        self.began = time.time()
        self.process = subprocess.Popen([DARN, *arguments], cwd=directory,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def end(self, signal=None):
        """Waits for its end. (seconds, peak MiB)"""
        if signal:
            self.process.send_signal(signal)
        _, _, usage = os.wait4(self.process.pid, 0)
        self.process.returncode = 0
        return time.time() - self.began, usage.ru_maxrss / 1024

    def until(self, path):
        """Seconds from its start to what a task wrote there (date +%s.%N)."""
        while not (path.exists() and path.read_text().endswith("\n")):
            if self.process.poll() is not None:
                raise RuntimeError("darn ended before its first task")
            time.sleep(0.002)
        return float(path.read_text()) - self.began
