"""See run.sh, which starts this in a network namespace of its own."""

import fcntl
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import tomllib
from pathlib import Path

from server import CASES, Server

HERE = Path(__file__).resolve().parent
PACKS = HERE.parent.parent / "packs" / "agents"
TIMEOUT_S = 300


def loopback_alone():
    """Brings lo up; True when there is no other device."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        request = struct.pack("16sh14x", b"lo", 0x49)  # IFF_UP | IFF_LOOPBACK | IFF_RUNNING
        fcntl.ioctl(sock.fileno(), 0x8914, request)  # SIOCSIFFLAGS
    return [name for _, name in socket.if_nameindex()] == ["lo"]


def expand(words, values):
    done = []
    for word in words:
        if word == "{options}":
            continue
        for name, value in values.items():
            word = word.replace("{" + name + "}", value)
        done.append(word)
    return done


def environment(cli, preset, home, bin_dir, url):
    env = {"PATH": f"{bin_dir}:/usr/local/bin:/usr/bin:/bin", "HOME": str(home), "LANG": "C.UTF-8",
           "TZ": "UTC", "NO_COLOR": "1", "CI": "1"}
    if cli == "claude":
        env |= {"ANTHROPIC_BASE_URL": url, "ANTHROPIC_API_KEY": "made-up",
                "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1"}
    if cli == "codex":
        codex_home = home / ".codex"
        codex_home.mkdir(exist_ok=True)
        # A provider of one's own, as docs/agents.md has it, but on loopback.
        (codex_home / "config.toml").write_text(
            'model = "gpt-5"\nmodel_provider = "loopback"\ncheck_for_update_on_startup = false\n'
            f'[model_providers.loopback]\nname = "loopback"\nbase_url = "{url}/v1"\n'
            'env_key = "CODEX_API_KEY"\nwire_api = "responses"\n'
            "request_max_retries = 1\nstream_max_retries = 0\n")
        env |= {"CODEX_API_KEY": "made-up", "CODEX_HOME": str(codex_home)}
    if cli == "gemini":
        (home / ".gemini").mkdir(exist_ok=True)
        (home / ".gemini" / "settings.json").write_text(json.dumps({
            "general": {"maxAttempts": 1, "enableAutoUpdate": False},
            "security": {"auth": {"selectedType": "gemini-api-key"}}}))
        env |= {"GEMINI_API_KEY": "made-up", "GOOGLE_GEMINI_BASE_URL": url,
                "GEMINI_TELEMETRY_ENABLED": "false"}
    for name, value in preset.get("env", {}).items():
        value = value.replace("{root}", "1" if os.geteuid() == 0 else "")
        if value:
            env[name] = value
    return env


def run_case(cli, case, preset, root, bin_dir, server, out_dir):
    home, work = root / f"{cli}-{case}-home", root / f"{cli}-{case}"
    home.mkdir()
    work.mkdir()
    server.answer = CASES[cli][case]
    server.requests.clear()
    argv = expand(preset["command"], {"task": "Say that all is done."})
    began = time.monotonic()
    with subprocess.Popen(argv, cwd=work, env=environment(cli, preset, home, bin_dir, server.url),
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          start_new_session=True) as process:
        try:
            out, err = process.communicate(b"Say that all is done.", timeout=TIMEOUT_S)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            out, err = process.communicate()
    seconds = time.monotonic() - began
    for ext, data in (("out", out), ("err", err), ("exit", f"{process.returncode}\n".encode())):
        (out_dir / cli).mkdir(parents=True, exist_ok=True)
        (out_dir / cli / f"{case}.{ext}").write_bytes(data)
    print(f"{cli:7} {case:20} exit {process.returncode:4}  requests {len(server.requests):3}"
          f"  {seconds:6.1f} s", flush=True)


def main():
    if not loopback_alone():
        sys.exit("run.py: another network than loopback can be reached; nothing was started")
    bin_dir = Path(sys.argv[1]).resolve() / "node_modules" / ".bin"
    wanted = sys.argv[2:]
    out_dir = Path(tempfile.mkdtemp(prefix="real-agents-"))
    server = Server()
    with tempfile.TemporaryDirectory(prefix="real-agents-work-", dir="/var/tmp") as root:
        for cli, cases in CASES.items():
            if not (bin_dir / cli).exists() and not shutil.which(cli, path=str(bin_dir)):
                print(f"{cli:7} is not installed in {bin_dir}")
                continue
            preset = tomllib.loads((PACKS / f"{cli}.toml").read_text())["agents"][cli]
            for case in cases:
                if wanted and cli not in wanted and f"{cli}/{case}" not in wanted:
                    continue
                run_case(cli, case, preset, Path(root), bin_dir, server, out_dir)
    print(f"what they printed: {out_dir}")


if __name__ == "__main__":
    main()
