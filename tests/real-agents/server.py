"""A scripted model API on 127.0.0.1: every request of a case gets the same answer. Counts them."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def sse(events, named=True):
    lines = []
    for event in events:
        if named:
            lines.append(f"event: {event['type']}\n")
        lines.append(f"data: {json.dumps(event)}\n\n")
    return "".join(lines).encode()


def anthropic_ok():
    message = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": [],
               "stop_reason": None, "stop_sequence": None,
               "usage": {"input_tokens": 10, "output_tokens": 1}}
    return sse([
        {"type": "message_start", "message": message},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0,
         "delta": {"type": "text_delta", "text": "All done."}},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": None},
         "usage": {"output_tokens": 5}},
        {"type": "message_stop"}])


def responses_ok():
    item = {"type": "message", "id": "item_1", "role": "assistant", "status": "completed",
            "content": [{"type": "output_text", "text": "All done.", "annotations": []}]}
    usage = {"input_tokens": 100, "input_tokens_details": {"cached_tokens": 40},
             "output_tokens": 5, "output_tokens_details": {"reasoning_tokens": 0},
             "total_tokens": 105}
    return sse([
        {"type": "response.created", "response": {"id": "resp_1"}},
        {"type": "response.output_item.done", "output_index": 0, "item": item},
        {"type": "response.completed",
         "response": {"id": "resp_1", "output": [item], "usage": usage}}])


def gemini_ok():
    answer = {"candidates": [{"content": {"role": "model", "parts": [{"text": "All done."}]},
                              "finishReason": "STOP", "index": 0}],
              "usageMetadata": {"promptTokenCount": 100, "candidatesTokenCount": 5,
                                "cachedContentTokenCount": 40, "totalTokenCount": 105}}
    return answer


def google_error(code, status, message, details=()):
    return {"error": {"code": code, "message": message, "status": status,
                      "details": list(details)}}


def google_quota(quota_id, delay):
    violation = {"quotaMetric": "generativelanguage.googleapis.com/generate_content_requests",
                 "quotaId": quota_id, "quotaValue": "10"}
    return google_error(
        429, "RESOURCE_EXHAUSTED",
        f"You exceeded your current quota, please check your plan and billing details. "
        f"Please retry in {delay}.",
        [{"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [violation]},
         {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay}])


def anthropic_error(kind, message):
    return {"type": "error", "error": {"type": kind, "message": message}}


def openai_error(kind, message, **more):
    return {"error": {"type": kind, "message": message, "code": kind, "param": None, **more}}


# (status, headers, body): body a dict for JSON, bytes for a stream.
CASES = {
    "claude": {
        "success": (200, {}, anthropic_ok()),
        "http_429": (429, {"retry-after": "1"}, anthropic_error(
            "rate_limit_error", "This request would exceed your organization's rate limit.")),
        "http_529": (529, {}, anthropic_error("overloaded_error", "Overloaded")),
        "http_401": (401, {}, anthropic_error("authentication_error", "invalid x-api-key")),
        "http_400_context": (400, {}, anthropic_error(
            "invalid_request_error", "prompt is too long: 214032 tokens > 200000 maximum")),
    },
    "codex": {
        "success": (200, {}, responses_ok()),
        "http_429": (429, {"retry-after": "1"}, openai_error(
            "rate_limit_exceeded", "Rate limit reached for requests")),
        "http_503": (503, {}, openai_error("server_error", "Service Unavailable")),
        "http_401": (401, {}, openai_error(
            "invalid_api_key", "Incorrect API key provided: sk-test0123456789abcdefghijklmnop.")),
        "usage_limit": (429, {}, openai_error(
            "usage_limit_reached", "The usage limit has been reached", plan_type="plus",
            resets_at=1795399980)),
        "insufficient_quota": (429, {}, openai_error(
            "insufficient_quota", "You exceeded your current quota.")),
    },
    "gemini": {
        "success": (200, {}, gemini_ok()),
        "http_429": (429, {}, google_quota(
            "GenerateRequestsPerMinutePerProjectPerModel-FreeTier", "2s")),
        "daily_quota": (429, {}, google_quota(
            "GenerateRequestsPerDayPerProjectPerModel-FreeTier", "2s")),
        "bad_key": (400, {}, google_error(
            400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key.")),
    },
}


class Server(ThreadingHTTPServer):
    """Give `answer` before each case; `requests` counts the calls of the model."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.answer = (500, {}, {})
        self.requests = []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.rfile.read(int(self.headers.get("content-length") or 0))
        self.server.requests.append(self.path)
        if "count_tokens" in self.path.lower() or "counttokens" in self.path.lower():
            return self.reply(200, {}, {"input_tokens": 10, "totalTokens": 10})
        status, headers, body = self.server.answer
        if status == 200 and "streamGenerateContent" in self.path:
            body = sse([body], named=False)
        return self.reply(status, headers, body)

    def do_GET(self):
        self.reply(404, {}, {"error": {"message": "not found"}})

    do_HEAD = do_GET

    def reply(self, status, headers, body):
        stream = isinstance(body, bytes)
        data = body if stream else json.dumps(body).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("content-type", "text/event-stream" if stream else "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def log_message(self, *_):
        pass
