#!/usr/bin/env python3
"""A model's API on the loopback interface that has a bad night, always the same one.

What it answers depends on the task and on how often that task has asked; SCRIPT below is the whole
night. It also watches its clients: one that comes back before it was allowed to is noted, and told
to wait again. GET /report says what happened.

    server.py PORTFILE      listens on a free port of 127.0.0.1 and writes its number to PORTFILE
"""

import json
import os
import socket
import struct
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

COST_USD = 0.0123  # of one turn


def error(status, kind, text, seconds=0):
    """An HTTP error; with `seconds`, the client has to stay away for that long."""
    return {"status": status, "kind": kind, "text": text, "seconds": seconds}


def say(action):
    return {"action": action}


OVERLOADED = error(529, "overloaded_error", "Overloaded")
UNAVAILABLE = error(503, "api_error", "Service Unavailable")
BROKEN = error(400, "invalid_request_error",
               "messages.3: tool_use ids were found without tool_result blocks")

# For each task what its first requests get; after that, "write": the answer that it came for.
SCRIPT = {
    "parser": [],
    "docs": [],
    "api": [error(429, "rate_limit_error", "Too many requests", seconds=2)],
    "cache": [error(429, "quota", "You've hit your usage limit; it resets in 5 s", seconds=5)],
    "search": [OVERLOADED, OVERLOADED],
    "mail": [UNAVAILABLE],
    "upload": [say("reset"), say("reset")],
    "report": [say("nothing")],          # ends well, and has done nothing
    "metrics": [say("runaway")],         # works, but leaves a process behind
    "render": [say("crash"), say("crash")],
    "billing": [BROKEN, BROKEN],         # nothing that waiting would cure, until it does
    "refactor": [say("think")] * 4,      # its row allows three turns
}


class Night:
    """What has happened so far. Shared by the server's threads."""

    def __init__(self):
        self.lock = threading.Lock()
        self.requests = dict.fromkeys(SCRIPT, 0)
        self.not_before = {}
        self.too_early = []
        self.runaways = []

    def next(self, task):
        with self.lock:
            now = time.monotonic()
            step = self.requests[task]
            if now < self.not_before.get(task, 0):
                early = self.not_before[task] - now
                self.too_early.append(f"{task} came back {early:.2f} s too early")
                return SCRIPT[task][step - 1]
            self.requests[task] = step + 1
            answer = SCRIPT[task][step] if step < len(SCRIPT[task]) else say("write")
            if answer.get("seconds"):
                self.not_before[task] = now + answer["seconds"]
            return answer

    def report(self):
        with self.lock:
            unplayed = [t for t, steps in SCRIPT.items() if self.requests[t] < len(steps)]
            return {"requests": self.requests, "too_early": self.too_early,
                    "runaways": self.runaways, "unplayed": unplayed}


NIGHT = Night()


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.reply(200, NIGHT.report())

    def do_POST(self):
        length = int(self.headers.get("Content-Length", 0))
        request = json.loads(self.rfile.read(length))
        if self.path == "/runaway":
            with NIGHT.lock:
                NIGHT.runaways.append(request["pid"])
            self.reply(200, {})
            return
        if request.get("task") not in SCRIPT:
            self.reply(404, {"error": {"type": "not_found_error", "message": "no such task"}})
            return
        answer = NIGHT.next(request["task"])
        if answer.get("action") == "reset":
            self.reset()
        elif "status" in answer:
            headers = {}
            if answer["kind"] == "rate_limit_error":
                headers["Retry-After"] = str(answer["seconds"])
            body = {"error": {"type": answer["kind"], "message": answer["text"]}}
            self.reply(answer["status"], body, headers)
        else:
            self.reply(200, {"action": answer["action"], "cost_usd": COST_USD})

    def reply(self, status, body, headers=()):
        data = json.dumps(body).encode()
        self.send_response(status)
        for name, value in dict(headers).items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def reset(self):
        """Hangs up with a TCP reset: lingering for zero seconds throws away what is unsent."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.close_connection = True
        self.rfile = self.wfile = open(os.devnull, "r+b")

    def log_message(self, *_):
        pass


def main():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    partial = sys.argv[1] + ".part"
    with open(partial, "w") as out:
        out.write(str(server.server_address[1]))
    os.rename(partial, sys.argv[1])  # whoever sees it sees all of it
    server.serve_forever()


if __name__ == "__main__":
    main()
