// What services, models, clouds, networks and machines print, as their tools print it.
#include "diagnose/texts_table.hpp"

namespace {

using darn::Category;
using darn::Cause;
using darn::test::check_texts;
using darn::test::Text;

constexpr auto kLimit = Category::rate_limit;
constexpr auto kNet = Category::network;
constexpr auto kPermanent = Category::permanent;
constexpr auto kTransient = Category::transient;
constexpr auto kResource = Category::resource;

constexpr Text kModels[] = {
    {R"({"type":"error","error":{"type":"rate_limit_error","message":"This request would exceed your organization's rate limit of 40,000 input tokens per minute."}})",
     kLimit, Cause::service},
    {R"(API Error: 429 {"type":"error","error":{"type":"rate_limit_error","message":"Number of requests has exceeded your rate limit"}})",
     kLimit, Cause::service},
    {R"({"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}})", kLimit,
     Cause::service},
    {R"(API Error: 529 {"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}})",
     kLimit, Cause::service},
    {"API Error: Repeated 529 Overloaded errors", kLimit, Cause::service},
    {"openai.RateLimitError: Error code: 429 - {'error': {'message': 'Rate limit reached for "
     "gpt-4o in organization org-x on tokens per min (TPM): Limit 30000, Used 29500. Please try "
     "again in 1.2s.', 'code': 'rate_limit_exceeded'}}",
     kLimit, Cause::service},
    {"openai.RateLimitError: Error code: 429 - {'error': {'message': 'You exceeded your current "
     "quota, please check your plan and billing details.', 'type': 'insufficient_quota', 'code': "
     "'insufficient_quota'}}",
     kPermanent, Cause::quota},
    {"Quota exceeded. Check your plan and billing details.", kPermanent, Cause::quota},
    {R"({"type":"error","error":{"type":"invalid_request_error","message":"Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing."}})",
     kPermanent, Cause::quota},
    {"You've hit your usage limit. Upgrade to Pro or try again at Nov 23rd, 2023 2:13 AM.", kLimit,
     Cause::quota},
    {"Claude AI usage limit reached|1700003600", kLimit, Cause::quota},
    {"You've hit your limit \xc2\xb7 resets 3am (Europe/Berlin)", kLimit, Cause::quota},
    {"5-hour limit reached \xe2\x88\x99 resets 7pm", kLimit, Cause::quota},
    {"You have exhausted your daily quota on this model.", kLimit, Cause::quota},
    {"[429] You exceeded your current quota, please check your plan and billing details. * Quota "
     "exceeded for metric: generate_content_free_tier_requests, limit: 10. Please retry in 34.07s.",
     kLimit, Cause::quota},
    {R"("status": "RESOURCE_EXHAUSTED", "message": "Resource has been exhausted (e.g. check quota).")",
     kLimit, Cause::service},
    {"exceeded retry limit, last status: 429 Too Many Requests", kLimit, Cause::service},
    {"stream error: unexpected status 503 Service Unavailable: upstream connect error; retrying "
     "5/5",
     kTransient, Cause::service},
    {"stream disconnected before completion: Transport error", kNet, Cause::network},
    {R"({"error":{"message":"This model's maximum context length is 128000 tokens. However, your messages resulted in 130912 tokens.","code":"context_length_exceeded"}})",
     kPermanent, Cause::context_length},
    {R"({"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 210034 tokens > 200000 maximum"}})",
     kPermanent, Cause::context_length},
    {"The input token count (1200021) exceeds the maximum number of tokens allowed (1048576).",
     kPermanent, Cause::context_length},
    {"litellm.ContextWindowExceededError: AnthropicException", kPermanent, Cause::context_length},
    {R"({"type":"error","error":{"type":"authentication_error","message":"invalid x-api-key"}})",
     kPermanent, Cause::authentication},
    {"openai.AuthenticationError: Error code: 401 - {'error': {'message': 'Incorrect API key "
     "provided: sk-abc***xyz.'}}",
     kPermanent, Cause::authentication},
    {"API key not valid. Please pass a valid API key.", kPermanent, Cause::authentication},
    {"Invalid API key \xc2\xb7 Please run /login", kPermanent, Cause::authentication},
    {"OAuth token has expired. Please obtain a new token or refresh your existing token.",
     kPermanent, Cause::authentication},
    {"Error: OPENAI_API_KEY environment variable is not set", kPermanent, Cause::authentication},
    {R"({"type":"error","error":{"type":"not_found_error","message":"model: claude-9-opus"}})",
     kPermanent, Cause::configuration},
    {"The model `gpt-9` does not exist or you do not have access to it.", kPermanent,
     Cause::configuration},
    {"litellm.RateLimitError: AnthropicException - rate_limit_error", kLimit, Cause::service},
    {"Error: Reached max turns (10)", kPermanent, Cause::task_limit},
    {R"({"type":"result","subtype":"error_max_turns","is_error":true})", kPermanent,
     Cause::task_limit},
    {R"({"type":"error","error":{"type":"api_error","message":"Internal server error"}})",
     kTransient, Cause::service},
    {"APIConnectionError: Connection error.", kNet, Cause::network},
    {"Your request was rejected as a result of our safety system. code: content_policy_violation",
     kPermanent, Cause::data},
};

constexpr Text kHttp[] = {
    {"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 5\r\n", kLimit, Cause::service},
    {"requests.exceptions.HTTPError: 429 Client Error: Too Many Requests for url: "
     "https://api.example.com/v1",
     kLimit, Cause::service},
    {"urllib.error.HTTPError: HTTP Error 503: Service Unavailable", kTransient, Cause::service},
    {"curl: (22) The requested URL returned error: 502", kTransient, Cause::service},
    {"curl: (22) The requested URL returned error: 404", kPermanent, Cause::configuration},
    {"curl: (22) The requested URL returned error: 401", kPermanent, Cause::authentication},
    {"2026-01-02 10:00:00 ERROR 403: Forbidden.", kPermanent, Cause::authentication},
    {"AxiosError: Request failed with status code 500", kTransient, Cause::service},
    {"Error: Request failed with status code 422", kPermanent, Cause::data},
    {"fatal: unable to access 'https://github.com/a/b.git/': The requested URL returned error: 403",
     kPermanent, Cause::authentication},
    {"error: RPC failed; HTTP 504 curl 22 The requested URL returned error: 504 Gateway Time-out",
     kTransient, Cause::service},
    {"<html><head><title>502 Bad Gateway</title></head>", kTransient, Cause::service},
    {"upstream connect error or disconnect/reset before headers", kTransient, Cause::service},
    {"GitHub API: You have exceeded a secondary rate limit. Please wait a few minutes before you "
     "try again.",
     kLimit, Cause::service},
    {"toomanyrequests: You have reached your pull rate limit. You may increase the limit by "
     "authenticating",
     kLimit, Cause::service},
    {"rpc error: code = Unavailable desc = connection closed", kTransient, Cause::service},
    {"rpc error: code = ResourceExhausted desc = too many calls", kLimit, Cause::service},
    {"grpc._channel._InactiveRpcError: status = StatusCode.DEADLINE_EXCEEDED", Category::timeout,
     Cause::timeout},
    {"io.grpc.StatusRuntimeException: PERMISSION_DENIED: no", kPermanent, Cause::authentication},
    {"rpc error: code = FailedPrecondition desc = not now", kPermanent, Cause::data},
    {"rpc error: code = Aborted desc = transaction", kTransient, Cause::service},
    {"botocore.exceptions.ClientError: An error occurred (ThrottlingException) when calling the "
     "InvokeModel operation: Too many requests",
     kLimit, Cause::service},
    {"An error occurred (ProvisionedThroughputExceededException) when calling the PutItem "
     "operation",
     kLimit, Cause::service},
    {"An error occurred (SlowDown) when calling the PutObject operation: Please reduce your "
     "request rate.",
     kLimit, Cause::service},
    {"An error occurred (InternalServerException) when calling the InvokeModel operation",
     kTransient, Cause::service},
    {"An error occurred (AccessDenied) when calling the ListBuckets operation: Access Denied",
     kPermanent, Cause::authentication},
    {"An error occurred (ExpiredToken) when calling the PutObject operation", kPermanent,
     Cause::authentication},
    {"An error occurred (NoSuchBucket) when calling the ListObjects operation: The specified "
     "bucket does not exist",
     kPermanent, Cause::configuration},
    {"An error occurred (ValidationException) when calling the UpdateItem operation: bad "
     "expression",
     kPermanent, Cause::data},
    {"api error RequestLimitExceeded: Request limit exceeded.", kLimit, Cause::service},
    {"<Error><Code>RequestTimeout</Code><Message>idle</Message></Error>", kTransient,
     Cause::service},
    {"Unable to locate credentials. You can configure credentials by running \"aws configure\".",
     kPermanent, Cause::authentication},
};

constexpr Text kNetwork[] = {
    {"curl: (6) Could not resolve host: example.invalid", kNet, Cause::network},
    {"curl: (7) Failed to connect to localhost port 9 after 0 ms: Couldn't connect to server", kNet,
     Cause::network},
    {"curl: (28) Operation timed out after 5001 milliseconds with 0 bytes received", kNet,
     Cause::network},
    {"curl: (35) OpenSSL SSL_connect: SSL_ERROR_SYSCALL in connection to example.com:443", kNet,
     Cause::network},
    {"curl: (52) Empty reply from server", kNet, Cause::network},
    {"curl: (56) Recv failure: Connection reset by peer", kNet, Cause::network},
    {"curl: (60) SSL certificate problem: unable to get local issuer certificate", kPermanent,
     Cause::configuration},
    {"wget: unable to resolve host address 'example.invalid'", kNet, Cause::network},
    {"ssh: connect to host example.com port 22: Connection timed out", kNet, Cause::network},
    {"ssh: connect to host 10.0.0.9 port 22: No route to host", kNet, Cause::network},
    {"kex_exchange_identification: Connection closed by remote host", kNet, Cause::network},
    {"fatal: unable to access 'https://github.com/a/b.git/': Could not resolve host: github.com",
     kNet, Cause::network},
    {"error: RPC failed; curl 92 HTTP/2 stream 5 was not closed cleanly\nfatal: early EOF\nfatal: "
     "fetch-pack: invalid index-pack output",
     kNet, Cause::network},
    {"fatal: the remote end hung up unexpectedly", kNet, Cause::network},
    {"npm ERR! code ECONNRESET\nnpm ERR! network aborted\nnpm ERR! A complete log of this run can "
     "be found in: /root/.npm/_logs/x.log",
     kNet, Cause::network},
    {"npm error code EAI_AGAIN\nnpm error syscall getaddrinfo\nnpm error request to "
     "https://registry.npmjs.org/x failed",
     kNet, Cause::network},
    {"WARNING: Retrying (Retry(total=0, connect=None, read=None)) after connection broken by "
     "'NewConnectionError': [Errno -3] Temporary failure in name resolution\nERROR: Could not find "
     "a version that satisfies the requirement flask (from versions: none)\nERROR: No matching "
     "distribution found for flask",
     kNet, Cause::network},
    {"Err:1 http://deb.debian.org/debian bookworm InRelease\n  Temporary failure resolving "
     "'deb.debian.org'\nE: Unable to fetch some archives, maybe run apt-get update",
     kNet, Cause::network},
    {"E: Failed to fetch http://deb.debian.org/x.deb  Hash Sum mismatch", kTransient,
     Cause::service},
    {"warning: spurious network error (3 tries remaining): [28] Timeout was reached\nerror: failed "
     "to download from `https://crates.io/x`",
     kNet, Cause::network},
    {"dial tcp 127.0.0.1:5432: connect: connection refused", kNet, Cause::network},
    {"Get \"https://proxy.golang.org/x\": net/http: TLS handshake timeout", kNet, Cause::network},
    {"Error: connect ECONNREFUSED 127.0.0.1:8080", kNet, Cause::network},
    {"Error: socket hang up", kNet, Cause::network},
    {"ConnectionRefusedError: [Errno 111] Connection refused", kNet, Cause::network},
    {"requests.exceptions.ReadTimeout: HTTPSConnectionPool(host='x', port=443): Read timed out. "
     "(read timeout=5)",
     kNet, Cause::network},
    {"java.net.UnknownHostException: repo.maven.apache.org", kNet, Cause::network},
    {"ssl.SSLCertVerificationError: [SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: "
     "self signed certificate",
     kPermanent, Cause::configuration},
    {"x509: certificate signed by unknown authority", kPermanent, Cause::configuration},
    {"psql: error: connection to server at \"db\" (10.0.0.2), port 5432 failed: FATAL:  the "
     "database system is starting up",
     kTransient, Cause::service},
    {"FATAL: sorry, too many connections for role \"x\"", kTransient, Cause::service},
    {"TimeoutError: page.goto: Timeout 30000ms exceeded.", Category::timeout, Cause::timeout},
    {"slurmstepd: error: *** JOB 12 ON n1 CANCELLED AT 2026-01-01T00:00:00 DUE TO TIME LIMIT ***",
     Category::timeout, Cause::timeout},
};

constexpr Text kMachine[] = {
    {"OSError: [Errno 28] No space left on device", kResource, Cause::environment},
    {"cp: error writing 'x': Disk quota exceeded", kResource, Cause::environment},
    {"OSError: [Errno 24] Too many open files: 'x'", kResource, Cause::resource},
    {"bash: fork: retry: Resource temporarily unavailable", kResource, Cause::resource},
    {"RuntimeError: can't start new thread", kResource, Cause::resource},
    {"MemoryError", kResource, Cause::resource},
    {"terminate called after throwing an instance of 'std::bad_alloc'", kResource, Cause::resource},
    {"FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory", kResource,
     Cause::resource},
    {"java.lang.OutOfMemoryError: Java heap space", kResource, Cause::resource},
    {"torch.cuda.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB", kResource,
     Cause::resource},
    {"fork: Cannot allocate memory", kResource, Cause::resource},
    {"g++: fatal error: Killed signal terminated program cc1plus", kResource, Cause::resource},
    {"./run.sh: line 3: 12345 Killed                  ./train", kResource, Cause::resource},
    {"E: Could not get lock /var/lib/dpkg/lock-frontend. It is held by process 123 (apt-get)",
     kTransient, Cause::environment},
    {"sqlite3.OperationalError: database is locked", kTransient, Cause::environment},
    {"fatal: Unable to create '/w/.git/index.lock': File exists.", kTransient, Cause::environment},
    {"OSError: [Errno 98] Address already in use", kTransient, Cause::environment},
    {"cp: cannot create regular file 'x': Text file busy", kTransient, Cause::environment},
    {"ERROR: deadlock detected", kTransient, Cause::environment},
    {"mkdir: cannot create directory '/x': Permission denied", kPermanent, Cause::environment},
    {"touch: cannot touch '/etc/x': Read-only file system", kPermanent, Cause::environment},
    {"cat: nofile.txt: No such file or directory", kPermanent, Cause::environment},
    {"FileNotFoundError: [Errno 2] No such file or directory: 'data/in.csv'", kPermanent,
     Cause::environment},
    {"bash: line 1: frobnicate: command not found", kPermanent, Cause::dependency},
    {"/bin/sh: 1: frobnicate: not found", kPermanent, Cause::dependency},
    {"FileNotFoundError: [Errno 2] No such file or directory: 'gradle'", kPermanent,
     Cause::dependency},
    {"exec: \"kubectl\": executable file not found in $PATH", kPermanent, Cause::dependency},
    {"./x: error while loading shared libraries: libfoo.so.1: cannot open shared object file: No "
     "such file or directory",
     kPermanent, Cause::dependency},
    {"bash: ./x: cannot execute binary file: Exec format error", kPermanent, Cause::environment},
    {"git@github.com: Permission denied (publickey).\nfatal: Could not read from remote "
     "repository.",
     kPermanent, Cause::authentication},
    {"Host key verification failed.", kPermanent, Cause::authentication},
    {"fatal: Authentication failed for 'https://github.com/a/b.git/'", kPermanent,
     Cause::authentication},
    {"fatal: could not read Username for 'https://github.com': terminal prompts disabled",
     kPermanent, Cause::authentication},
    {"denied: requested access to the resource is denied", kPermanent, Cause::authentication},
    {"Segmentation fault (core dumped)", Category::unknown, Cause::crash},
    {"cat: /dev/sda: Input/output error", Category::unknown, Cause::environment},
    {"Error: ENOSPC: System limit for number of file watchers reached, watch '/w'", kResource,
     Cause::environment},
};

}  // namespace

TEST_CASE("models' APIs and agents") { check_texts(kModels); }
TEST_CASE("HTTP, gRPC and AWS") { check_texts(kHttp); }
TEST_CASE("networks") { check_texts(kNetwork); }
TEST_CASE("machines") { check_texts(kMachine); }
