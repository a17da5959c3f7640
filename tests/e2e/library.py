"""The library as strangers have it: built by itself and installed, once for each kind in a run of the
tests, however many workers pytest has."""

import contextlib
import fcntl
import os
import shutil
import subprocess

from conftest import ROOT

CLANG = "clang++-16"


def run(*args, status=0, timeout=180, **more):
    """Output of both kinds; `status` is what it has to end with, None: anything but 0."""
    env = {k: v for k, v in os.environ.items() if not k.startswith(("DARN", "CMAKE", "LD_"))}
    done = subprocess.run([str(a) for a in args], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=timeout, env=env, **more)
    good = done.returncode == status if status is not None else done.returncode != 0
    assert good, f"{' '.join(map(str, args))}\nstatus {done.returncode}\n{done.stdout[-8000:]}"
    return done.stdout


def configure(source, build, *settings, compiler="g++", **more):
    launcher = ["CMAKE_CXX_COMPILER_LAUNCHER=ccache"] if shutil.which("ccache") else []
    flags = [f"-D{s}" for s in (f"CMAKE_CXX_COMPILER={compiler}", *launcher, *settings)]
    return run("cmake", "-G", "Ninja", "-S", source, "-B", build, *flags, **more)


def build(folder):
    run("cmake", "--build", folder, "--parallel", "2")


@contextlib.contextmanager
def locked(path):
    with open(path, "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def shared_folder(tmp_path_factory):
    """One for all workers of this run."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base) / "library"
    folder.mkdir(exist_ok=True)
    return folder


def installed(tmp_path_factory, compiler="g++", shared=False):
    """Where it is installed: not where it was installed to, so that it has to bear being moved."""
    folder = shared_folder(tmp_path_factory)
    name = compiler + ("-shared" if shared else "")
    prefix = folder / f"{name}-prefix"
    with locked(folder / f"{name}.lock"):
        if not prefix.exists():
            made, first = folder / f"{name}-build", folder / f"{name}-first-prefix"
            configure(ROOT, made, "DARN_LIBRARY_ONLY=ON", "CMAKE_UNITY_BUILD=ON",
                      f"BUILD_SHARED_LIBS={'ON' if shared else 'OFF'}", compiler=compiler)
            build(made)
            run("cmake", "--install", made, "--prefix", first)
            first.rename(prefix)
    return prefix
