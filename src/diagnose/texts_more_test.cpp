// More texts, from a wider choice of tools.
// written.
#include "diagnose/texts_table.hpp"

namespace {

using darn::Category;
using darn::Cause;
using darn::test::Text;

constexpr auto kNet = Category::network;
constexpr auto kPermanent = Category::permanent;
constexpr auto kTransient = Category::transient;
constexpr auto kResource = Category::resource;

constexpr Text kMore[] = {
    {"openai.APITimeoutError: Request timed out.", kNet, Cause::network},
    {"anthropic.InternalServerError: Error code: 500 - {'type': 'error'}", kTransient,
     Cause::service},
    {"anthropic.OverloadedError: Error code: 529", Category::rate_limit, Cause::service},
    {"google.api_core.exceptions.ResourceExhausted: 429 Quota exceeded for quota metric 'Requests'",
     Category::rate_limit, Cause::quota},
    {"Error 400: API key expired. Please renew the API key.", kPermanent, Cause::authentication},
    {"mistralai.models.sdkerror.SDKError: API error occurred: Status 429", Category::rate_limit,
     Cause::service},
    {"botocore.exceptions.EndpointConnectionError: Could not connect to the endpoint URL", kNet,
     Cause::network},
    {"Unable to connect to the server: dial tcp: lookup k8s.x on 10.0.0.1:53: no such host", kNet,
     Cause::network},
    {"Error from server (Forbidden): pods is forbidden: User \"x\" cannot list", kPermanent,
     Cause::authentication},
    {"error: You must be logged in to the server (Unauthorized)", kPermanent,
     Cause::authentication},
    {"FATAL:  password authentication failed for user \"x\"", kPermanent, Cause::authentication},
    {"redis.exceptions.ConnectionError: Error 111 connecting to localhost:6379. Connection "
     "refused.",
     kNet, Cause::network},
    {"pymysql.err.OperationalError: (2013, 'Lost connection to MySQL server during query')", kNet,
     Cause::network},
    {"pymysql.err.OperationalError: (1205, 'Lock wait timeout exceeded; try restarting "
     "transaction')",
     kTransient, Cause::environment},
    {"rsync: connection unexpectedly closed (0 bytes received so far) [sender]", kNet,
     Cause::network},
    {"dpkg: error: dpkg frontend lock was locked by another process with pid 12", kTransient,
     Cause::environment},
    {"error: could not lock config file .git/config: File exists", kTransient, Cause::environment},
    {"Error: Error acquiring the state lock", kTransient, Cause::environment},
    {"error An unexpected error occurred: \"https://registry.yarnpkg.com/x: ESOCKETTIMEDOUT\".",
     kNet, Cause::network},
    {"ERR_PNPM_FETCH_404  GET https://registry.npmjs.org/nope: Not Found - 404", kPermanent,
     Cause::dependency},
    {"> Could not GET 'https://repo.maven.org/x.pom'. Received status code 502 from server: Bad "
     "Gateway",
     kTransient, Cause::service},
    {"> Could not resolve all files for configuration ':compileClasspath'.", kPermanent,
     Cause::dependency},
    {"Could not open requirements file: [Errno 2] No such file or directory: 'requirements.txt'",
     kPermanent, Cause::environment},
    {"error: externally-managed-environment", kPermanent, Cause::dependency},
    {"ld: symbol(s) not found for architecture arm64", kPermanent, Cause::code},
    {"src/a.js\n  3:5  error  'x' is not defined  no-undef\n\n\xe2\x9c\x96 1 problem (1 error, 0 "
     "warnings)",
     kPermanent, Cause::code},
    {"E   assert 200 == 404", kPermanent, Cause::logic},
    {"FAIL src/a.test.js\n  adds\n    expect(received).toBe(expected)", kPermanent, Cause::logic},
    {"1) Foo#bar adds\n   Failure/Error: expect(x).to eq(3)\n2 examples, 1 failure", kPermanent,
     Cause::logic},
    {"PHP Fatal error:  Uncaught Error: Call to undefined function foo()", kPermanent, Cause::code},
    {"Can't locate Foo/Bar.pm in @INC", kPermanent, Cause::dependency},
    {"Error in library(dplyr) : there is no package called 'dplyr'", kPermanent, Cause::dependency},
    {"ERROR: LoadError: UndefVarError: x not defined", kPermanent, Cause::code},
    {"System.NullReferenceException: Object reference not set to an instance of an object.",
     kPermanent, Cause::code},
    {"fatal: destination path 'x' already exists and is not an empty directory.", kPermanent,
     Cause::configuration},
    {"slurmstepd: error: Detected 1 oom_kill event in StepId=1.0.", kResource, Cause::resource},
    {"sudo: a terminal is required to read the password", kPermanent, Cause::environment},
    {"mount: only root can do that", kPermanent, Cause::environment},
    {"browserType.launch: Executable doesn't exist at /x", kPermanent, Cause::dependency},
    {"subprocess.TimeoutExpired: Command 'x' timed out after 10 seconds", Category::timeout,
     Cause::timeout},
    {"Killed", kResource, Cause::resource},
};

}  // namespace

TEST_CASE("more tools") { darn::test::check_texts(kMore); }
