// What compilers, package managers, test runners and languages print.
#include "diagnose/tables.hpp"

namespace darn::tables {
namespace {

constexpr Kind kCode{Category::permanent, Cause::code, Severity::medium};
constexpr Kind kData{Category::permanent, Cause::data, Severity::medium};
constexpr Kind kLogic{Category::permanent, Cause::logic, Severity::medium};
constexpr Kind kDep{Category::permanent, Cause::dependency, Severity::high};
constexpr Kind kConf{Category::permanent, Cause::configuration, Severity::medium};
constexpr Kind kDaemon{Category::unknown, Cause::environment, Severity::high};
constexpr Kind kBroken{Category::unknown, Cause::data, Severity::medium};
constexpr Kind kUnknownCode{Category::unknown, Cause::code, Severity::medium};
constexpr Kind kUnknown{};

constexpr TextRule kRules[] =
    {
        // What is not installed.
        {"dep.header", R"re(fatal error: .*(?:: no such file or directory|file not found))re", kDep,
         5, "install the library's development files, or correct the include path"},
        {"dep.python", R"re(ModuleNotFoundError|no module named |ImportError: )re", kDep, 5,
         "install the module, or use the environment that has it"},
        {"dep.node",
         R"re(cannot find (?:module|package) '|ERR_MODULE_NOT_FOUND|can.t resolve '|npm (?:ERR!|error) code (?:E404|ERESOLVE|ETARGET)|npm (?:ERR!|error) 404|no matching version found|ERR_PNPM_FETCH_404)re",
         kDep, 5},
        {"dep.pip",
         R"re(no matching distribution found|could not find a version that satisfies|ResolutionImpossible|conflicting dependencies)re",
         kDep, 2},
        {"dep.rust",
         R"re(can.t find crate|unresolved import|no matching package named|failed to select a version|cannot find crate)re",
         kDep, 5},
        {"dep.go",
         R"re(cannot find package|no required module provides|missing go\.sum entry|go\.sum .*not up-to-date|updates to go\.(?:mod|sum) needed)re",
         kDep, 5, "run go mod tidy and commit the result"},
        {"dep.apt",
         R"re(unable to locate package|no installation candidate|unmet dependencies|held broken packages)re",
         kDep, 4},
        {"dep.java",
         R"re(could not resolve (?:dependencies|all (?:files|dependencies|artifacts))|could not find artifact|error: package \S+ does not exist|ClassNotFoundException|NoClassDefFoundError|UnsupportedClassVersionError|class file has wrong version|invalid target release|release version \d+ not supported|source option \d+ is no longer)re",
         kDep, 4},
        {"dep.cmake",
         R"re(could not find a package configuration file|no package '[^']+' found|configure: error: .*(?:not found|missing|required)|CMake Error.*could not find|(?-i:Could NOT find) \w)re",
         kDep, 4},
        {"dep.link_library", R"re(cannot find -l|library not found for -l)re", kDep, 5},
        {"dep.docker",
         R"re(pull access denied|manifest (?:for .* )?(?:unknown|not found)|no such image)re", kDep,
         5},
        {"dep.other",
         R"re(could not find gem|GemNotFound|unsupported engine|EBADENGINE|requires (?:a different )?(?:python|node|java|rustc|go|ruby)\b.*\d|requires rustc|no package called|can.t locate \S+\.pm|executable doesn.t exist|externally-managed-environment|package .* not found|you must install|is not installed)re",
         kDep, 4},
        {"env.docker", R"re(cannot connect to the docker daemon|is the docker daemon running)re",
         kDaemon, 5, "start the docker daemon"},

        // Code that does not compile or link.
        {"code.sanitizer",
         R"re(ERROR: (?:Address|Thread|Memory|Leak|UndefinedBehavior)Sanitizer|runtime error: .*(?:overflow|null pointer|out of bounds|misaligned))re",
         {Category::permanent, Cause::code, Severity::high},
         5},
        {"code.link",
         R"re(undefined reference to|undefined symbols? for|symbol\(s\) not found|multiple definition of|unresolved external symbol|symbol lookup error|undefined symbol:|duplicate symbol)re",
         kCode, 5},
        {"code.compile",
         R"re(:\d+:\d+: (?:fatal )?error: |\berror\[E\d+\]|error TS\d+|error C[S]?\d{4}\b|\.java:\d+: error: |\.java:\[\d+,\d+\]|\.kt:\d+:\d+.* error|\be: (?:file://)?\S+\.kts?\b|COMPILATION ERROR|\.rs:\d+:\d+: error|\.go:\d+:\d+: |\.(?:c|cc|cpp|cxx|h|hpp):\d+: error|\.swift:\d+:\d+: error)re",
         kCode, 5},
        {"code.compile_summary",
         R"re(compilation (?:failure|failed|terminated|aborted)|could not compile|compileJava FAILED|type ?check(?:ing)? failed|\[build failed\])re",
         kCode, 3},
        {"data.parse",
         R"re(JSONDecodeError|in JSON at position|is not valid JSON|invalid JSON|JSON parse error|yaml\.(?:scanner|parser)|YAMLException|error parsing (?:yaml|json|toml|xml|csv)|UnicodeDecodeError|invalid byte sequence|XMLSyntaxError|malformed|tokenizing data|expected \d+ fields|toml parse error|invalid literal for int|could not convert string)re",
         kData, 5},
        {"code.syntax",
         R"re(SyntaxError|syntax error|IndentationError|TabError|parse error|unexpected token|unterminated (?:string|quoted)|unexpected end of (?:input|file)|unexpected EOF while)re",
         kCode, 5},

        // Failing checks and tests.
        {"logic.assert",
         R"re(AssertionError|AssertionFailedError|assertion .*failed|assertion failed|assert(?:ion)? fail|assertion `|^E +assert )re",
         kLogic, 4},
        {"logic.test",
         R"re(^FAILED \S+|^FAILED? +\S+::|--- FAIL: |^not ok \d|\[  FAILED  \] \w|^FAIL:? +\S|^  \d+\) \S|<<< (?:FAILURE|ERROR)!|test \S+ \.\.\. FAILED|^\d+: .*\*\*\*Failed|There are test failures|[0-9]+ - \S+ \(Failed\))re",
         kLogic, 3},
        {"logic.summary",
         R"re(\b[1-9]\d* (?:\w+ )?(?:failed|failing|failures?)\b|Failures: [1-9]|Errors: [1-9]|test result: FAILED|tests? failed\b|the following tests failed|FAILURES!|FAILED \((?:failures|errors)|Failed Tests? \()re",
         kLogic, 2},

        // Programs that fail.
        {"code.panic",
         R"re(panicked at|\bpanic: |nil pointer dereference|all goroutines are asleep|fatal runtime error)re",
         {Category::permanent, Cause::code, Severity::high},
         5},
        {"code.exception",
         R"re(\b(?:TypeError|NameError|UndefVarError|AttributeError|ReferenceError|RangeError|NullPointerException|ClassCastException|NoSuchMethodError|NoMethodError|UnboundLocalError|ZeroDivisionError|IndexError|KeyError|RecursionError|StackOverflowError|NotImplementedError|NullReferenceException|IllegalArgumentException|IllegalStateException|\w*IndexOutOfBounds\w*)\b)re"
         R"re(|is not a function|undefined method|unhandled (?:exception|promise|rejection)|terminate called after|cannot read propert|call to undefined|undefined variable|maximum recursion depth)re",
         kCode, 4},
        {"data.value",
         R"re(\bValueError\b|NumberFormatException|InvalidInput|bad input|invalid input)re", kData,
         3},
        {"data.corrupt", R"re(checksum (?:mismatch|does not match)|integrity check(?:sum)? failed|EINTEGRITY|hash mismatch|crc (?:error|failed)|unexpected end of (?:archive|data)|not in gzip format|corrupt(?:ed)? (?:file|archive|data|download|object))re",
         kBroken, 4, "fetch the file again"},
        {"data.schema",
         R"re((?:relation|table|column) .*does not exist|no such (?:table|column)|violates .*constraint|duplicate (?:key|entry)|IntegrityError|UNIQUE constraint)re",
         kData, 4},

        // Settings, arguments, repositories.
        {"conf.arguments",
         R"re(unrecogni[sz]ed (?:arguments?|option|command)|unknown (?:option|flag|command|argument|switch|subcommand)|invalid (?:option|choice|argument)|illegal option|no such (?:option|command)|missing required (?:argument|option|parameter)|arguments? (?:is|are) required|unexpected argument|flag provided but not defined|requires an argument|too (?:few|many) arguments)re",
         kConf, 4, "check the command's arguments"},
        {"conf.variable",
         R"re(environment variable .*(?:not set|required|undefined|missing)|unbound variable|missing (?:required )?(?:config|configuration|setting|environment)|is not set in the environment)re",
         kConf, 4, "set the variable or setting it asks for"},
        {"conf.make",
         R"re(no rule to make target|missing separator|no targets specified|missing script:|target .* does not exist|no configuration file provided|could not find .*(?:package\.json|Cargo\.toml|pyproject\.toml))re",
         kConf, 5},
        {"conf.git",
         R"re(not a git repository|already exists and is not an empty directory|failed to push some refs|did not match any file|unknown revision|CONFLICT \(|merge conflict|\(non-fast-forward\)|\[rejected\]|would be overwritten by|patch (?:failed|does not apply)|dubious ownership|couldn.t find remote ref|unrelated histories)re",
         kConf, 4, "bring the repository into the state the command needs"},
        {"conf.file",
         R"re(invalid configuration|configuration error|config(?:uration)? file .*(?:not found|invalid|missing)|error (?:in|reading|loading) config)re",
         kConf, 4},
        {"code.style",
         R"re(would reformat|files? would be reformatted|code style issues|✖ \d+ problems?|checkstyle|lint(?:er|ing)? (?:error|failed))re",
         kCode, 2},

        {"code.named",
         R"re((?:^|caused by: |exception in thread .*)[a-z_][\w.$]*(?:Error|Exception|Failure)(?::|\s*$))re",
         kUnknownCode, 2},
};

constexpr TextRule kGeneric[] = {
    {"text.error",
     R"re(\b(?:error|errors|fatal|fail|failed|failure|exception|critical|cannot|could not|couldn.t|can.t|unable to|denied|invalid|not found|missing|abort(?:ed|ing)?|refus(?:ed|ing)|unexpected|unsupported|problem|does not exist)\b|\bERR!|^E: |^E   )re",
     kUnknown, 1},
    // Lines that only repeat that something failed, or belong to no failure.
    {"text.noise",
     R"re(^(?:\w*make)(?:\[\d+\])?: \*\*\* |^ninja: build stopped|process completed with exit code|finished: failure|a complete log of this run|^(?:npm (?:ERR!|error)) *$|errno? \d+$|\bexit(?:ed)?(?: with)?(?: status| code)? \d+\.?$|build step .* marked build|BUILD FAIL(?:ED|URE)|re-run maven|for more information about|\[help \d\]|full stack trace|to see the full|^\s*at \S+\(|traceback \(most recent)re",
     kUnknown, 0},
    {kDemote,
     R"re(^\W*(?:warn(?:ing)?|info|debug|trace|note|notice|deprecated|ok|pass(?:ed)?)\b|\[\W*(?:\w+m)?(?:warn(?:ing)?|info|debug)\b|\bwarning: |--- PASS|\b0 (?:errors?|failed|failures?)\b|no errors?\b|without errors?\b|errors?: 0\b|failures?: 0\b|retrying|will retry|(?-i:\b(?:DEBUG|INFO|WARN)\b))re",
     kUnknown, 0},
};

}  // namespace

std::span<const TextRule> tool_rules() { return kRules; }
std::span<const TextRule> generic_rules() { return kGeneric; }

}  // namespace darn::tables
