#!/usr/bin/env python3
"""A coding agent as a script: it does what the server at $NIGHT_API tells it, and reports as the
command-line agents do, one JSON object a line, the last with "type": "result".

    agent.py --task ID [--output FILE] [--max-turns N] [--add-dir PATH]… [--resume SESSION]

The prompt comes on standard input. Exit status 1 when the API failed or the turns were used up.
"""

import argparse
import json
import os
import signal
import sys
import time
import urllib.error
import urllib.request
import uuid


def emit(**fields):
    print(json.dumps(fields), flush=True)


def post(path, body):
    request = urllib.request.Request(os.environ["NIGHT_API"] + path, json.dumps(body).encode())
    with urllib.request.urlopen(request, timeout=20) as response:
        return json.load(response)


class Agent:
    def __init__(self, args, prompt):
        self.args = args
        self.prompt = prompt
        self.session = args.resume or str(uuid.uuid4())
        self.cost = 0.0
        self.turns = 0

    def result(self, text, subtype="success", is_error=False, status=None):
        emit(type="result", subtype=subtype, is_error=is_error, result=text,
             api_error_status=status, session_id=self.session, num_turns=self.turns,
             total_cost_usd=round(self.cost, 6))
        return 1 if is_error else 0

    def run(self):
        if self.args.resume and not os.path.exists(self.memory(self.args.resume)):
            return self.result("No conversation found with session ID: " + self.args.resume,
                               subtype="error_during_execution", is_error=True)
        with open(self.memory(self.session), "a") as memory:
            memory.write(self.prompt + "\n")
        emit(type="system", subtype="init", session_id=self.session, cwd=os.getcwd())
        while self.turns < (self.args.max_turns or 20):
            try:
                answer = post("/v1/messages", {"task": self.args.task, "prompt": self.prompt})
            except urllib.error.HTTPError as e:
                return self.api_error(e)
            except OSError as e:
                reason = getattr(e, "reason", e)
                return self.result(f"API Error: Connection error: {reason}", is_error=True)
            self.turns += 1
            self.cost += answer["cost_usd"]
            emit(type="assistant", session_id=self.session, message=answer["action"])
            if answer["action"] != "think":
                getattr(self, answer["action"])()
                return self.result(f"Done: {self.args.task}")
        return self.result("Reached the maximum number of turns", subtype="error_max_turns",
                           is_error=True)

    def api_error(self, e):
        message = json.load(e)["error"]
        text = f"API Error: {e.code} {message['type']}: {message['message']}"
        if "Retry-After" in e.headers:
            text += f" (Retry-After: {e.headers['Retry-After']})"
        return self.result(text, is_error=True, status=e.code)

    @staticmethod
    def memory(session):
        """Sessions are kept where the agent was started, as the real ones do."""
        return f".session-{session}"

    # What a model may make it do.

    def write(self):
        lines = [f"# {self.args.task}", "", self.prompt.strip(), ""]
        for path in self.args.add_dir:
            with open(path) as context:
                lines.append("Heeded: " + context.readline().strip())
        with open(self.args.output, "w") as out:
            out.write("\n".join(lines) + "\n")

    def nothing(self):
        pass

    def crash(self):
        os.kill(os.getpid(), signal.SIGSEGV)

    def runaway(self):
        """Leaves a process behind that has cut all ties but this one's standard output."""
        reader, writer = os.pipe()
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                os.write(writer, str(os.getpid()).encode())
                os.close(writer)
                time.sleep(1000)
            os._exit(0)
        os.close(writer)
        post("/runaway", {"pid": int(os.read(reader, 32))})
        self.write()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--task", required=True)
    parser.add_argument("--output")
    parser.add_argument("--max-turns", type=int)
    parser.add_argument("--add-dir", action="append", default=[])
    parser.add_argument("--resume")
    return Agent(parser.parse_args(), sys.stdin.read()).run()


if __name__ == "__main__":
    sys.exit(main())
