// What compilers, package managers, test runners and languages print, and texts that only look like
// something else.
#include "diagnose/texts_table.hpp"

namespace {

using darn::Category;
using darn::Cause;
using darn::test::check_texts;
using darn::test::diagnose_output;
using darn::test::Text;

constexpr auto kPermanent = Category::permanent;
constexpr auto kUnknown = Category::unknown;

constexpr Text kBuilds[] = {
    {"src/main.c:12:5: error: 'x' undeclared (first use in this function)\nmake: *** [Makefile:3: "
     "main.o] Error 1",
     kPermanent, Cause::code},
    {"/w/a.cpp:3:10: fatal error: foo.h: No such file or directory\n    3 | #include "
     "\"foo.h\"\ncompilation terminated.",
     kPermanent, Cause::dependency},
    {"a.cpp:3:10: fatal error: 'foo.h' file not found", kPermanent, Cause::dependency},
    {"/usr/bin/ld: main.o: in function `main':\nmain.c:(.text+0x5): undefined reference to "
     "`foo'\ncollect2: error: ld returned 1 exit status",
     kPermanent, Cause::code},
    {"/usr/bin/ld: cannot find -lfoo: No such file or directory", kPermanent, Cause::dependency},
    {"a.cc:9:3: error: call of overloaded 'f(int)' is ambiguous", kPermanent, Cause::code},
    {"error[E0425]: cannot find value `x` in this scope\n --> src/main.rs:2:5\nerror: could not "
     "compile `demo` due to previous error",
     kPermanent, Cause::code},
    {"error[E0463]: can't find crate for `serde`", kPermanent, Cause::dependency},
    {"error: failed to select a version for `openssl-sys`.", kPermanent, Cause::dependency},
    {"src/app.ts(3,5): error TS2304: Cannot find name 'foo'.", kPermanent, Cause::code},
    {"Main.java:5: error: cannot find symbol", kPermanent, Cause::code},
    {"[ERROR] COMPILATION ERROR : \n[ERROR] /w/src/main/java/A.java:[23,29] cannot find "
     "symbol\n[ERROR] -> [Help 1]",
     kPermanent, Cause::code},
    {"./main.go:7:2: undefined: fooo", kPermanent, Cause::code},
    {"main.go:4:2: no required module provides package github.com/x/y; to add it:", kPermanent,
     Cause::dependency},
    {"Program.cs(3,9): error CS0103: The name 'x' does not exist in the current context",
     kPermanent, Cause::code},
    {"CMake Error at CMakeLists.txt:5 (find_package):\n  Could not find a package configuration "
     "file provided by \"Foo\"",
     kPermanent, Cause::dependency},
    {"make: *** No rule to make target 'all'.  Stop.", kPermanent, Cause::configuration},
    {"Makefile:2: *** missing separator.  Stop.", kPermanent, Cause::configuration},
    {"[ERROR] Failed to execute goal on project x: Could not resolve dependencies for project "
     "a:b:jar:1",
     kPermanent, Cause::dependency},
    {"error: Your local changes to the following files would be overwritten by merge:", kPermanent,
     Cause::configuration},
    {"CONFLICT (content): Merge conflict in a.txt\nAutomatic merge failed; fix conflicts and then "
     "commit the result.",
     kPermanent, Cause::configuration},
    {"fatal: not a git repository (or any of the parent directories): .git", kPermanent,
     Cause::configuration},
    {" ! [rejected]        main -> main (non-fast-forward)", kPermanent, Cause::configuration},
    {"error: pathspec 'nope' did not match any file(s) known to git", kPermanent,
     Cause::configuration},
    {"npm ERR! missing script: build", kPermanent, Cause::configuration},
    {"npm ERR! code E404\nnpm ERR! 404 Not Found - GET https://registry.npmjs.org/nope-x - Not "
     "found",
     kPermanent, Cause::dependency},
    {"npm ERR! code ERESOLVE\nnpm ERR! ERESOLVE unable to resolve dependency tree", kPermanent,
     Cause::dependency},
    {"ERROR: Could not find a version that satisfies the requirement nopkg==9 (from versions: 1.0, "
     "1.1)\nERROR: No matching distribution found for nopkg==9",
     kPermanent, Cause::dependency},
    {"E: Unable to locate package nopkg", kPermanent, Cause::dependency},
    {"docker: Error response from daemon: pull access denied for nope, repository does not exist "
     "or may require 'docker login'",
     kPermanent, Cause::dependency},
    {"manifest unknown: manifest unknown", kPermanent, Cause::dependency},
    {"Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon "
     "running?",
     kUnknown, Cause::environment},
    {"==1==ERROR: AddressSanitizer: heap-use-after-free on address 0x60200 at pc 0x55", kPermanent,
     Cause::code},
};

constexpr Text kPrograms[] = {
    {"Traceback (most recent call last):\n  File \"/w/a.py\", line 1, in <module>\n    import "
     "nope\nModuleNotFoundError: No module named 'nope'",
     kPermanent, Cause::dependency},
    {"  File \"a.py\", line 3\n    def f(:\n          ^\nSyntaxError: invalid syntax", kPermanent,
     Cause::code},
    {"IndentationError: unexpected indent", kPermanent, Cause::code},
    {"Traceback (most recent call last):\n  File \"a.py\", line 2, in f\nKeyError: 'name'",
     kPermanent, Cause::code},
    {"TypeError: unsupported operand type(s) for +: 'int' and 'str'", kPermanent, Cause::code},
    {"ZeroDivisionError: division by zero", kPermanent, Cause::code},
    {"json.decoder.JSONDecodeError: Expecting value: line 1 column 1 (char 0)", kPermanent,
     Cause::data},
    {"SyntaxError: Unexpected token < in JSON at position 0", kPermanent, Cause::data},
    {"UnicodeDecodeError: 'utf-8' codec can't decode byte 0xff in position 0", kPermanent,
     Cause::data},
    {"ValueError: could not convert string to float: 'abc'", kPermanent, Cause::data},
    {"yaml.scanner.ScannerError: mapping values are not allowed here", kPermanent, Cause::data},
    {"pandas.errors.ParserError: Error tokenizing data. C error: Expected 3 fields in line 4, saw "
     "5",
     kPermanent, Cause::data},
    {"Error: Cannot find module 'express'\nRequire stack:\n- /w/a.js", kPermanent,
     Cause::dependency},
    {"ReferenceError: foo is not defined", kPermanent, Cause::code},
    {"TypeError: x.map is not a function", kPermanent, Cause::code},
    {"Exception in thread \"main\" java.lang.NullPointerException: Cannot invoke "
     "\"String.length()\"",
     kPermanent, Cause::code},
    {"java.lang.ClassNotFoundException: com.example.Main", kPermanent, Cause::dependency},
    {"thread 'main' panicked at 'index out of bounds: the len is 3 but the index is 5', "
     "src/main.rs:4:5",
     kPermanent, Cause::code},
    {"panic: runtime error: invalid memory address or nil pointer dereference\n[signal SIGSEGV: "
     "segmentation violation code=0x1 addr=0x18 pc=0xff12b9]",
     kPermanent, Cause::code},
    {"a.sh: line 3: syntax error near unexpected token `done'", kPermanent, Cause::code},
    {"a.sh: line 9: unexpected EOF while looking for matching `\"'", kPermanent, Cause::code},
    {"a.sh: line 2: FOO: unbound variable", kPermanent, Cause::configuration},
    {"usage: a.py [-h] --in IN\na.py: error: the following arguments are required: --in",
     kPermanent, Cause::configuration},
    {"error: unrecognized arguments: --frob", kPermanent, Cause::configuration},
    {"error: unexpected argument '--frob' found", kPermanent, Cause::configuration},
    {"psycopg2.errors.UndefinedTable: relation \"users\" does not exist", kPermanent, Cause::data},
    {"sqlite3.IntegrityError: UNIQUE constraint failed: t.id", kPermanent, Cause::data},
    {"npm ERR! code EINTEGRITY\nnpm ERR! sha512-x integrity checksum failed when using sha512",
     kUnknown, Cause::data},
    {"gzip: x.gz: not in gzip format", kUnknown, Cause::data},
};

constexpr Text kTests[] = {
    {"AssertionError: assert 1 == 2", kPermanent, Cause::logic},
    {"a.out: a.c:3: main: Assertion `x == 1' failed.\nAborted (core dumped)", kPermanent,
     Cause::logic},
    {"FAILED tests/test_a.py::test_x - assert 3 == 4\n=========== 1 failed, 3 passed in 0.12s "
     "===========",
     kPermanent, Cause::logic},
    {"--- FAIL: TestFoo (0.00s)\n    foo_test.go:9: want 3, got "
     "4\nFAIL\nFAIL\texample.com/x\t0.002s",
     kPermanent, Cause::logic},
    {"test tests::it_works ... FAILED\ntest result: FAILED. 3 passed; 1 failed; 0 ignored",
     kPermanent, Cause::logic},
    {"Tests:       1 failed, 8 passed, 9 total", kPermanent, Cause::logic},
    {"[  FAILED  ] Foo.Bar (0 ms)\n 1 FAILED TEST", kPermanent, Cause::logic},
    {"[ERROR] Tests run: 12, Failures: 1, Errors: 0, Skipped: 0", kPermanent, Cause::logic},
    {"The following tests FAILED:\n\t  3 - store (Failed)\nErrors while running CTest", kPermanent,
     Cause::logic},
    {"not ok 3 - adds numbers", kPermanent, Cause::logic},
    {"Ran 3 tests in 0.001s\n\nFAILED (failures=1)", kPermanent, Cause::logic},
    {"org.opentest4j.AssertionFailedError: expected: <1> but was: <2>", kPermanent, Cause::logic},
};

// Nothing known: numbers, words and names that must not be taken for something they are not.
constexpr Text kNothing[] = {
    {"error on line 429 of the input", kUnknown, Cause::unknown},
    {"line 503: giving up", kUnknown, Cause::unknown},
    {"processed 404 rows, then stopped", kUnknown, Cause::unknown},
    {"the result is 500", kUnknown, Cause::unknown},
    {"something odd happened", kUnknown, Cause::unknown},
    {"Error: flaky", kUnknown, Cause::unknown},
    {"timeout = 30\nretries = 5\nfailed: see above", kUnknown, Cause::unknown},
    {"0 errors, 0 failed", kUnknown, Cause::unknown},
    {"fatal: oops", kUnknown, Cause::unknown},
};

}  // namespace

TEST_CASE("builds, packages and repositories") { check_texts(kBuilds); }
TEST_CASE("programs") { check_texts(kPrograms); }
TEST_CASE("tests") { check_texts(kTests); }
TEST_CASE("what is not known stays unknown") { check_texts(kNothing); }

TEST_CASE("the summary is the decisive line, without noise, colours and prefixes") {
  CHECK(diagnose_output("\x1b[31m2026-11-22T17:30:05.123Z ##[error]a.c:1:2: error: boom\x1b[0m\n"
                        "make: *** [x] Error 1\n")
            .summary == "a.c:1:2: error: boom");
  CHECK(diagnose_output("step 1\nfatal: oops\nmake: *** [x] Error 1\n").summary == "fatal: oops");
  CHECK(diagnose_output("all fine\nbye\n").summary == "bye");
  CHECK(diagnose_output("", 3).summary == "exit status 3, no output");
  CHECK(diagnose_output(R"(API Error: 400 {"error":{"message":"no \"such\" thing","x":1}})")
            .summary == "HTTP 400: no \"such\" thing");
  CHECK(diagnose_output("Downloading 10%\rDownloading 90%\rfatal: oops\r\n").summary ==
        "fatal: oops");
  const auto longest =
      diagnose_output(std::string(5000, 'x') + " Connection refused " + std::string(5000, 'y'));
  CHECK(longest.summary.size() <= 200);
  CHECK(longest.summary.find("Connection refused") != std::string::npos);
}

TEST_CASE("a warning weighs less than the failure that follows") {
  CHECK(diagnose_output("warning: connection reset, retrying\na.c:1:2: error: boom").cause ==
        Cause::code);
  CHECK(diagnose_output("ERROR: connection refused\nerror: giving up").category ==
        Category::network);
  // of equals the last
  CHECK(diagnose_output("Connection refused\nKeyError: 'x'\n").cause == Cause::code);
}

TEST_CASE("secrets do not get into a summary") {
  const auto d = diagnose_output(
      "error: request with Authorization: Bearer abcdefghijklmnop1234 and "
      "sk-ant-api03-AAAAbbbbCCCC1111 failed for https://me:hunter2@example.com/x");
  CHECK(d.summary.find("abcdefghijklmnop") == std::string::npos);
  CHECK(d.summary.find("sk-ant-api03") == std::string::npos);
  CHECK(d.summary.find("hunter2") == std::string::npos);
}
