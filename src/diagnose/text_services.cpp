// What services, models, clouds and networks print when they fail.
#include "diagnose/tables.hpp"

namespace darn::tables {
namespace {

constexpr Kind kLimited{Category::rate_limit, Cause::service, Severity::low};
constexpr Kind kQuota{Category::rate_limit, Cause::quota, Severity::medium};
constexpr Kind kBilling{Category::permanent, Cause::quota, Severity::critical};
constexpr Kind kContext{Category::permanent, Cause::context_length, Severity::medium};
constexpr Kind kTaskLimit{Category::permanent, Cause::task_limit, Severity::medium};
constexpr Kind kAuth{Category::permanent, Cause::authentication, Severity::critical};
constexpr Kind kConf{Category::permanent, Cause::configuration, Severity::high};
constexpr Kind kData{Category::permanent, Cause::data, Severity::medium};
constexpr Kind kNet{Category::network, Cause::network, Severity::medium};
constexpr Kind kDown{Category::transient, Cause::service, Severity::medium};
constexpr Kind kTime{Category::timeout, Cause::timeout, Severity::medium};
constexpr Kind kByCode{};  // the code decides

constexpr std::string_view kKeyAdvice = "set or renew the API key (a key's variable, or log in)re";

constexpr TextRule kRules[] = {
    // Models' APIs.
    {"llm.context",
     R"re(context_length_exceeded|maximum context length|prompt is too long|context window (?:is )?)re"
     R"re((?:exceeded|full)|(?:exceeds?|exceeded|larger than) (?:the |your )?(?:model.?s? )?(?:maximum )?context)re"
     R"re(|input is too long for|exceeds the maximum number of tokens|input token count .*exceeds)re"
     R"re(|ContextWindowExceeded|request_too_large)re",
     kContext, 5},
    {"llm.billing",
     R"re(insufficient_quota|credit balance is too low|insufficient (?:credits|balance|funds))re"
     R"re(|billing_not_active|billing hard limit|check your plan and billing|payment required)re"
     R"re(|out of credits)re",
     kBilling, 5, "top up the account or raise its limit, then run again"},
    {"llm.quota",
     R"re(usage limit (?:has been |was )?reached|hit your (?:\S+ )?limit|usage_limit_reached)re"
     R"re(|exhausted your (?:\w+ )?quota|daily (?:quota|limit).*(?:reached|exceeded|exhausted))re"
     R"re(|exceeded your current quota|out of (?:extra )?usage|(?:5-hour|session|weekly|usage|opus) limit reached)re"
     R"re(|quota exceeded|quotaExceeded|exceeded (?:your|the) (?:\w+ )?quota)re",
     kQuota, 5},
    {"llm.rate",
     R"re(rate_limit_error|rate_limit_exceeded|RateLimitError|rateLimitExceeded|too many requests)re"
     R"re(|too ?many ?requests|(?:exceed(?:ed|s)?|reached|hit|over) (?:the |your |a |our )?(?:\w+ ){0,3}rate limit)re"
     R"re(|rate limit(?:s|ed)?\W.*(?:exceed|reached|wait|retry|try again)|rate limit (?:exceeded|reached|hit))re"
     R"re(|(?:being|been|are|is|was) rate.?limited|reached your pull rate limit|secondary rate limit)re"
     R"re(|requests? (?:was |were |is |are )?(?:being )?throttled|please reduce your request rate|please slow down)re"
     R"re(|too many tokens, please wait)re",
     kLimited, 5},
    {"llm.overloaded",
     R"re(overloaded_error|server_is_overloaded|(?:model|server|engine|service|api) (?:is |was )?(?:currently |temporarily )*overloaded)re"
     R"re(|"overloaded"|overloaded[.,;:!]? (?:please )?(?:try|retry)|model is (?:currently )?(?:at capacity|busy))re"
     R"re(|selected model is at capacity|experiencing high (?:demand|load))re",
     kLimited, 5},
    {"llm.turns",
     R"re(max(?:imum)? (?:number of )?turns (?:\(\d+\) )?(?:was |were )?(?:reached|exceeded)|reached max(?:imum)? (?:number of )?(?:session )?turns|error_max_turns)re"
     R"re(|error_max_budget|max(?:imum)? budget (?:reached|exceeded)|MaxTurnsExceeded)re",
     kTaskLimit, 5},
    {"llm.key",
     R"re(invalid x-api-key|(?:invalid|incorrect|wrong|missing|no|bad) api[ _-]?key|api[ _-]?key (?:is |was )?(?:not valid|invalid|expired|missing|not found|not set|required))re"
     R"re(|api_key_invalid|invalid_api_key|authentication_error|invalid bearer token|oauth token .*expired)re"
     R"re(|please run /login|not logged in|must be set to .*api|_API_KEY\b.*(?:not set|missing|required|must be set|not found)|permission_error)re",
     kAuth, 5, kKeyAdvice},
    {"llm.model",
     R"re(model_not_found|(?:unknown|unsupported|invalid) model\b|the model .*(?:does not exist|not found|is not supported|not available))re"
     R"re(|not_found_error.*model|model:? .* (?:does not exist|not found)|issue with the selected model)re",
     kConf, 5, "name a model that this account can use"},
    {"llm.refused",
     R"re(content_policy_violation|content_filter\b|blocked by .*safety|prompt was blocked)re",
     kData, 4, "reword the task: the model's safety filter refused it"},
    {"llm.request", R"re(invalid_request_error)re", kData, 3},

    // What agents' programs say of how they were started (tests/recorded/agents).
    {"agent.denied", R"re(/permission_denials (?:!=|exists))re", kConf, 5,
     "allow the tool in the agent's command (docs/agents.md), or ask for less in the task"},
    {"agent.root", R"re(cannot be used with root(?:/sudo)? privileges)re", kConf, 5,
     "run darn as a user that is not root, or set IS_SANDBOX=1 where root can do no harm"},
    {"agent.untrusted", R"re(not inside a trusted directory)re", kConf, 5,
     "add --skip-git-repo-check to the agent's command, or work in a git repository"},

    // Codes: the table of the code decides.
    {"http.status",
     R"re((?:\bHTTP(?:/[0-9.]+)? ?:? ?|\bHTTP (?:status|error|code|response)(?: code)?[ :=]+)re"
     R"re(|\b(?:status|status[ _-]?code|response code|error code|api_error_status|err\.code)"?[ :=]+|"code" ?: ?)re"
     R"re(|\bAPI error:? \(?|returned error: |server (?:returned|responded with)(?: an?)?(?: HTTP)?(?: status)?(?: code)?(?: of)?:? )re"
     R"re(|failed with (?:status |HTTP )(?:code )?|error: unexpected status |last status: |response status is )\(?([45][0-9][0-9])\b)re",
     kByCode,
     4,
     {},
     Codes::http},
    {"http.reason",
     R"re(\b([45][0-9][0-9])[)\]"':,-]{0,2} \(?(?:Too Many Requests|Service (?:Temporarily )?Unavailable|Bad Gateway|Gateway Time-?out|Internal Server Error)re"
     R"re(|Unauthorized|Forbidden|Not Found|Bad Request|Payment Required|Request Time-?out|Conflict|Gone\b|Unprocessable|Overloaded|Client Error|Server Error|Method Not Allowed|Precondition))re",
     kByCode,
     4,
     {},
     Codes::http},
    {"grpc.status",
     R"re((?:rpc error: code = |StatusCode\.|grpc[-_ ]?status"?[ :=]+"?|StatusRuntimeException: |"status" ?: ?"|gRPC error:? )([A-Za-z_]+)\b)re",
     kByCode,
     4,
     {},
     Codes::grpc},
    {"grpc.name",
     R"re(\b((?-i:RESOURCE_EXHAUSTED|DEADLINE_EXCEEDED|UNAUTHENTICATED|FAILED_PRECONDITION)))re",
     kByCode,
     4,
     {},
     Codes::grpc},
    {"aws.code",
     R"re((?:An error occurred \(|error code: |"?errorCode"?[ :=]+"?|<Code>|api error |"__type" ?: ?"(?:[a-z0-9.]+#)?|"code" ?: ?")([A-Za-z][A-Za-z0-9]+)\b)re",
     kByCode,
     4,
     {},
     Codes::aws},
    {"aws.name",
     R"re(\b((?-i:Throttling|Throttl(?:ing|ed|edRequest)Exception|RequestThrottled(?:Exception)?|TooManyRequestsException)re"
     R"re(|ProvisionedThroughputExceededException|RequestLimitExceeded|BandwidthLimitExceeded|EC2ThrottledException)re"
     R"re(|SlowDown|PriorRequestNotComplete|ServiceUnavailableException|InternalServerException|ExpiredToken(?:Exception)?)re"
     R"re(|AccessDeniedException|UnrecognizedClientException|SignatureDoesNotMatch|ServiceQuotaExceededException))\b)re",
     kByCode,
     4,
     {},
     Codes::aws},

    // The network. Certificates are settings, not weather.
    {"net.certificate",
     R"re(certificate verif(?:y|ication) failed|certificate (?:has expired|is not (?:yet valid|trusted)|signed by unknown)|CERTIFICATE_VERIFY_FAILED)re"
     R"re(|self[- ]signed certificate|unable to (?:get|verify) .*certificate|\bx509: |CERT_HAS_EXPIRED|PKIX path building failed|SSL certificate problem)re",
     kConf, 5, "correct the certificate, its authorities or this machine's clock"},
    {"net.proxy",
     R"re(proxy authentication required|tunnel connection failed|CONNECT tunnel failed|proxy error)re",
     {Category::network, Cause::network, Severity::medium},
     4,
     "check the proxy's settings"},
    {"net.retrying",
     R"re(Retrying \(Retry\(total=\d|spurious network error|npm (?:ERR!|error) network)re", kNet,
     5},
    {"net.get", R"re((?:Get|Head|Post|Put) "https?://[^"]*": )re", kNet, 5},
    {"net.dns",
     R"re(could(?: not|n.t) resolve (?:host|proxy|hostname|.*name)|temporary failure (?:in name resolution|resolving)|name or service not known)re"
     R"re(|nodename nor servname|EAI_AGAIN|\bENOTFOUND\b|getaddrinfo (?:failed|error)|no such host|NXDOMAIN|UnknownHostException|unknown host)re"
     R"re(|dns error|failed to lookup address|NameResolutionError|name does not resolve|unable to resolve host|server can't find)re",
     kNet, 4, "check the host's name and the DNS"},
    {"net.refused",
     R"re(connection refused|ECONNREFUSED|actively refused|(?:couldn.t|could not) connect to (?:server|host)|NewConnectionError|ConnectionRefusedError)re",
     kNet, 3, "check the address and that the other side is up"},
    {"net.reset",
     R"re(connection (?:was |is |has been )?(?:reset|aborted|broken|lost|dropped|terminated)|connection (?:was )?closed (?:by|before|prematurely|unexpectedly)|ECONNRESET|ECONNABORTED)re"
     R"re(|socket hang up|remote end closed|hung up unexpectedly|server closed the connection|connection unexpectedly closed|empty reply from server|: unexpected EOF["')\]]*\s*$|\bearly EOF\b)re"
     R"re(|RPC failed; |\bGOAWAY\b|IncompleteRead|ChunkedEncodingError|transfer closed with|non-properly terminated|premature(?:ly)? (?:close|end of)|RemoteProtocolError)re"
     R"re(|stream (?:was reset|not closed cleanly|disconnected)|lost connection to|kex_exchange_identification|ssh_exchange_identification)re",
     kNet, 3},
    {"net.timeout",
     R"re(connect(?:ion|ing)?(?: to .*)? timed? ?out|ETIMEDOUT|ESOCKETTIMEDOUT|ERR_SOCKET_TIMEOUT|(?:Connect|Read|Socket)Timeout|read timed out|i/o timeout|TLS handshake timeout)re"
     R"re(|net/http: request canceled|timeout was reached|(?:network|request|response|http)[ -](?:has )?time(?:d ?|-)?out|operation timed out|connection attempt timed out)re",
     kNet, 3},
    {"net.unreachable",
     R"re(network is (?:unreachable|down)|no route to host|host (?:is )?(?:down|unreachable)|ENETUNREACH|EHOSTUNREACH|ENETDOWN|EHOSTDOWN)re",
     kNet, 4},
    {"net.tls",
     R"re(TLS handshake (?:failed|error)|SSL_ERROR_SYSCALL|gnutls_handshake|SSL: UNEXPECTED_EOF|SSL(?:Error|HandshakeException)|SSL connection (?:error|timeout)|ssl handshake)re",
     kNet, 3},
    {"net.other",
     R"re(NetworkError|network (?:error|failure)|TypeError: fetch failed|APIConnectionError|connection error\b|error sending request for url|failed to establish a new connection)re"
     R"re(|unable to connect to|failed to connect to|(?:could not|cannot) connect to|unable to access 'https?:|failed to open stream: HTTP|remote: fatal: .*early EOF)re",
     kNet, 3},
    {"net.download",
     R"re(failed to (?:fetch|download) |unable to fetch some archives|failed to download|error fetching|download failed|could not download)re",
     kNet, 2},

    // Services that are down or busy for now.
    {"svc.down",
     R"re(service (?:is )?(?:temporarily |currently )*unavailable|bad gateway|gateway time-?out|internal server error|upstream (?:connect error|request timeout|prematurely closed))re"
     R"re(|no healthy upstream|server (?:is )?(?:too )?busy|server_error|backend unavailable|the server had an error|internal error encountered|"api_error")re"
     R"re(|database system is (?:starting up|shutting down|in recovery)|too many connections|remaining connection slots|try again later|temporarily out of service|temporarily unavailable|temporary failure)re",
     kDown, 3},
    {"svc.registry", R"re(httpReadSeeker: failed|failed to copy: .*https?|error pulling image)re",
     kDown, 4},
    {"svc.mirror", R"re(hash sum mismatch|mirror sync in progress|file has unexpected size)re",
     kDown, 4, "nothing to do: the mirror was being updated"},
    {"time.text",
     R"re(timed out|TimeoutE(?:rror|xpired|xception)|timeout (?:exceeded|expired|error|reached|waiting)|exceeded (?:the )?(?:\w+ )?(?:time ?limit|timeout)|deadline exceeded|DUE TO TIME LIMIT|timeout of \d+)re",
     kTime, 3},
};

}  // namespace

std::span<const TextRule> service_rules() { return kRules; }

}  // namespace darn::tables
