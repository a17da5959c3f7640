// JUnit XML and Markdown.
#include <doctest/doctest.h>

#include "cli/junit.hpp"
#include "cli/markdown.hpp"
#include "cli/story_fixture.hpp"

namespace darn::cli {

using namespace test;

TEST_CASE("JUnit: flaky as Surefire has it, failures with their reruns, the rest skipped") {
  Story story;
  tell(story);
  story.now += std::chrono::seconds{1};
  const std::string xml = MUST(junit_xml(*story.store, story.record()));
  CHECK(contains(xml, "tests=\"6\" failures=\"2\" errors=\"0\" skipped=\"1\" flakes=\"2\""));
  CHECK(contains(xml, "<testcase name=\"good\" classname=\"darn.tasks.csv\" time=\"2.000\"/>"));
  CHECK(contains(xml, "<flakyFailure message=\"connection refused\" type=\"network\">"));
  CHECK(contains(xml, "<failure message=\"no such file\" type=\"permanent\">"));
  CHECK(contains(xml, "and its &lt;end&gt; &amp;  more"));
  CHECK(contains(xml, "<skipped message=\"skipped"));
  CHECK_FALSE(contains(xml, "\x01"));
}

TEST_CASE("JUnit: a task that failed more than once has one failure and rerunFailures") {
  Story story;
  story.begin({spec("a")});
  story.fail("a", retry_in(std::chrono::seconds{1}));
  story.fail("a", retry_in(std::chrono::seconds{1}));
  story.fail("a", give_up());
  const std::string text =
      junit_case(story.record(), story.task("a"), MUST(story.store->attempts(story.run.key, "a")));
  CHECK(text.find("<failure ") != std::string::npos);
  CHECK(text.find("<failure ") == text.rfind("<failure "));
  CHECK(text.find("<rerunFailure ") != text.rfind("<rerunFailure "));
  CHECK_FALSE(contains(text, "flakyFailure"));
}

TEST_CASE("XML text: markup escaped, what XML cannot hold removed") {
  CHECK(xml_escape("a<b>&\"c\"") == "a&lt;b&gt;&amp;&quot;c&quot;");
  CHECK(xml_escape(std::string_view("a\0b\x1b[1m\x08\x7f", 9)) == "ab[1m\x7f");
  CHECK(xml_escape("]]>") == "]]&gt;");
  CHECK(xml_escape("a\nb\tc") == "a&#10;b&#9;c");
  CHECK(xml_escape("\xff") == "\xef\xbf\xbd");
  CHECK(xml_escape("\xef\xbf\xbf") == "\xef\xbf\xbd");
}

TEST_CASE("Markdown: a table, with nothing of a task's taking effect in it") {
  Story story;
  story.begin({spec("a|b")});
  story.fail("a|b", give_up(), Category::permanent, "<img src=x> `code` | [link](x)");
  story.end(RunState::failed);
  const std::string text =
      markdown(MUST(summarise(*story.store, story.paths, story.record())), story.now);
  CHECK(contains(text, "| 0 | 0 | 1 | 0 | 0 | 0 |"));
  CHECK(contains(text, "a\\|b"));
  CHECK(contains(text, "&lt;img src=x> \\`code\\` \\| \\[link\\](x)"));
}

}  // namespace darn::cli
