#include "plan/reader.hpp"

#include <doctest/doctest.h>

#include "base/text.hpp"
#include "plan/graph.hpp"
#include "support/property.hpp"

namespace darn {
namespace {

using namespace std::chrono_literals;
using Format = TaskSource::Format;
using Words = std::vector<std::string>;

RunSettings with_agents() {
  RunSettings settings;
  for (const char* name : {"claude", "codex"}) {
    settings.agents[name].name = name;
    settings.agents[name].command = {name};
  }
  return settings;
}

struct Read {
  RunSettings settings = with_agents();
  SourceHeader header;
  std::vector<TaskSpec> tasks;
  Words raw;
  std::vector<Location> places;
};

// The whole way that a file goes: settings, tasks, graph.
Status read(const TaskSource& source, Read& out) {
  DARN_TRY(read_settings(source, out.settings));
  TaskGraph graph;
  DARN_ASSIGN(out.header,
              read_tasks(
                  source, out.settings,
                  [&](const TaskSpec& task, std::string_view raw, const Location& where) -> Status {
                    out.tasks.push_back(task);
                    out.raw.emplace_back(raw);
                    out.places.push_back(where);
                    return {};
                  },
                  &graph));
  return graph.finish();
}

Read good(const std::string& text, Format format, RunSettings settings = with_agents()) {
  Read out;
  out.settings = std::move(settings);
  const Status status = read({format == Format::csv ? "t.csv" : "t.yaml", text, format}, out);
  REQUIRE_MESSAGE(status.has_value(), (status ? "" : status.error().text()));
  return out;
}
Read csv(const std::string& text) { return good(text, Format::csv); }
Read yaml(const std::string& text) { return good(text, Format::yaml); }

std::string refused(const std::string& text, Format format) {
  Read out;
  const Status status = read({format == Format::csv ? "t.csv" : "t.yaml", text, format}, out);
  if (status) {
    return "(accepted)";
  }
  CHECK(status.error().kind == ErrorKind::bad_input);
  CHECK(status.error().text().find('\n') == std::string::npos);
  return status.error().text();
}
std::string bad_csv(const std::string& text) { return refused(text, Format::csv); }
std::string bad_yaml(const std::string& text) { return refused(text, Format::yaml); }

TEST_CASE("a CSV of commands") {
  const Read in =
      csv("id,command,after,timeout,tags,env.LEVEL,colour\r\n"
          "a,\"echo \"\"x\"\"\",,5s,\"t;u\",3,red\r\n"
          "b,make,a,,,,\r\n");
  REQUIRE(in.tasks.size() == 2);
  CHECK(in.header.columns ==
        Words{"id", "command", "after", "timeout", "tags", "env.LEVEL", "colour"});
  CHECK(in.tasks[0].command == "echo \"x\"");
  CHECK(in.tasks[0].timeout == 5s);
  CHECK(in.tasks[0].tags == Words{"t", "u"});
  CHECK(in.tasks[0].env[0].second == "3");
  CHECK(in.tasks[0].params[0].first == "colour");
  CHECK(in.tasks[1].after == Words{"a"});
  CHECK(in.tasks[1].params.empty());
  CHECK_FALSE(in.tasks[1].timeout);
  CHECK(in.raw[1] == "b,make,a,,,,");
  CHECK(in.places[1].line == 3);
  CHECK(in.places[1].column == 1);
}

TEST_CASE("the seven columns of agent launchers run as they are") {
  const Read in =
      csv("id,agent,task,max_turns,context_path,output_file,tags\n"
          "1,claude,\"Write, then\nread\",30,docs/a b;src,out/x.md,\"x,y\"\n"
          "2,codex,Look,,,,\n");
  REQUIRE(in.tasks.size() == 2);
  CHECK(in.tasks[0].prompt == "Write, then\nread");
  CHECK(in.tasks[0].max_turns == 30);
  CHECK(in.tasks[0].context_path == Words{"docs/a b", "src"});
  CHECK(in.tasks[0].output_file == "out/x.md");
  CHECK(in.tasks[0].tags == Words{"x", "y"});
  TaskSpec second;
  second.id = "2";
  second.agent = "codex";
  second.prompt = "Look";
  CHECK(in.tasks[1] == second);
  CHECK(in.places[1].line == 4);
  CHECK(bad_csv("id,agent,task,max_turns,context_path,output_file,tags\n1,claude,,,,,\n") ==
        "t.csv:2:10: an agent without a task; say in 'task' what it shall do");
}

TEST_CASE("a byte order mark, blanks in the header, blank lines") {
  const Read in = csv("\xEF\xBB\xBFid, command\n\na,true\n\n\n");
  REQUIRE(in.tasks.size() == 1);
  CHECK(in.header.columns == Words{"id", "command"});
  CHECK(in.places[0].line == 3);
}

TEST_CASE("defaults are merged, a cell wins") {
  RunSettings settings = with_agents();
  settings.defaults.agent = "claude";
  settings.defaults.timeout = 5s;
  settings.defaults.idempotent = false;
  settings.defaults.priority = 7;
  const Read in =
      good("id,command,task,timeout,idempotent,priority\na,true,,1s,yes,0\nb,,do it,,,\n",
           Format::csv, settings);
  CHECK(in.tasks[0].agent.empty());
  CHECK(in.tasks[0].timeout == 1s);
  CHECK(in.tasks[0].idempotent);
  CHECK(in.tasks[0].priority == 0);
  CHECK(in.tasks[1].agent == "claude");
  CHECK(in.tasks[1].timeout == 5s);
  CHECK_FALSE(in.tasks[1].idempotent);
  CHECK(in.tasks[1].priority == 7);
}

TEST_CASE("what is wrong in a CSV is said with line, column and the mend") {
  const std::pair<std::string, std::string> cases[] = {
      // the header
      {"id,comand\na,x\n",
       "t.csv:1:4: unknown column 'comand'; did you mean 'command'? A parameter needs a name less "
       "like it"},
      {"id,command,id\na,x,b\n", "t.csv:1:12: column 'id' stands twice; keep one of the two"},
      {"id,agent,task,prompt\na,claude,x,y\n",
       "t.csv:1:15: columns 'task' and 'prompt' are the same field; keep one of the two"},
      {"id,command,x,x\na,b,1,2\n", "t.csv:1:14: column 'x' stands twice; keep one of the two"},
      {"id,,command\na,x,y\n", "t.csv:1:4: column 2 has no name; name it, or remove it"},
      {"id,command,\na,x,\n", "t.csv:1:12: column 3 has no name; name it, or remove it"},
      {"id,command,PATH\na,x,/x\n",
       "t.csv:1:12: column 'PATH' has the name of a variable that shells or loaders read; rename "
       "it, or write 'env.PATH' if that is what you mean"},
      {"id,command,gpus\na,x,1\n",
       "t.csv:1:12: column 'gpus' is reserved and has no meaning yet; rename it"},
      {"id,command,my col\na,x,1\n",
       "t.csv:1:12: column 'my col' cannot be the name of a variable, which a parameter becomes; "
       "rename it to 'my_col'"},
      {"command\ntrue\n",
       "t.csv:1:1: no column 'id'; begin the file with a header such as id,command"},
      {"ID,command\na,true\n", "t.csv:1:1: no column 'id'; rename the column 'ID' to 'id'"},
      {"id;command\na;x\n",
       "t.csv:1:1: column 'id;command' cannot be the name of a variable, which a parameter "
       "becomes; separate columns with ','"},
      {"id,command\n", "t.csv:1:1: a header without tasks; add a row for each task"},
      {"id,command", "t.csv:1:1: a header without tasks; add a row for each task"},
      {"\n\n",
       "t.csv:1:1: the file is empty; give it a header such as id,command and a row for "
       "each task"},
      // the shape
      {"id,command\na,x\nb,y,more\n",
       "t.csv:3:5: a row of 3 cells under a header of 2; put cells with commas into quotes"},
      {"id,command,tags\na,x,t\nb,y\n",
       "t.csv:3:4: a row of 2 cells under a header of 3; leave cells empty, but keep their commas"},
      {"id,command\na,x\nb\n",
       "t.csv:3:2: a row of 1 cell under a header of 2; leave cells empty, but keep their commas"},
      {"id,command\na,x\nb,\"echo\n",
       "t.csv:3:3: a quote that is never closed; close it with '\"', and double the quotes inside"},
      {"id,command\na,echo \"x\"\n",
       "t.csv:2:8: a quote inside of an unquoted cell; put the whole cell into quotes and double "
       "those inside"},
      // the cells
      {"id,command\n,x\n", "t.csv:2:1: empty id; give every task an id of its own"},
      {"id,command\n\"a\nb\",x\n", "t.csv:2:1: a control character in id 'a b'; remove it"},
      {"id,command\na,x\nb,\n", "t.csv:3:3: neither a command nor an agent; give one of the two"},
      {"id,agent,task\na,,x\n", "t.csv:2:3: neither a command nor an agent; give one of the two"},
      {"id,command,agent,task\na,x,claude,y\n",
       "t.csv:2:3: both a command and an agent; keep one of the two"},
      {"id,agent,task\na,cluade,x\n", "t.csv:2:3: unknown agent 'cluade'; did you mean 'claude'?"},
      {"id,agent\na,claude\n",
       "t.csv:2:3: an agent without a task; say in 'task' what it shall do"},
      {"id,command,retries\na,x,many\n",
       "t.csv:2:5: bad number 'many' in column 'retries'; give a whole number from 0 to 1000"},
      {"id,command,retries\na,x,-1\n",
       "t.csv:2:5: bad number '-1' in column 'retries'; give a whole number from 0 to 1000"},
      {"id,command,timeout\n\xC3\xA4,\xC3\xB6\xC3\xB6,5 parsecs\n",
       "t.csv:2:6: bad duration '5 parsecs' in column 'timeout'; give one such as 90 (seconds), "
       "250ms, 10m or 1h30m"},
      {"id,command,timeout\na,\"x\ny\",soon\n",
       "t.csv:3:4: bad duration 'soon' in column 'timeout'; give one such as 90 (seconds), 250ms, "
       "10m or 1h30m"},
      {"id,command,budget\na,x,5\n",
       "t.csv:2:5: bad budget '5' in column 'budget'; give an amount such as 5usd, $5, "
       "2000000tokens or 2Mtok"},
      {"id,command,output_file\na,x,../y\n",
       "t.csv:2:5: '../y' leaves the working directory; give a relative path inside of it"},
      {"id,agent,task,context_path\na,claude,x,/etc/passwd\n",
       "t.csv:2:12: '/etc/passwd' leaves the working directory; give a relative path inside of it"},
      // the graph
      {"id,command\na,x\nb,y\na,z\n",
       "t.csv:4:1: duplicate id 'a'; line 2 has it already: give each task its own"},
      {"id,command,after\na,x,\nb,y,nobody\n",
       "t.csv:3:5: unknown dependency 'nobody'; add a task with that id, or remove it from "
       "'after'"},
      {"id,command,after\nbuild,x,\nb,y,bulid\n",
       "t.csv:3:5: unknown dependency 'bulid'; did you mean 'build'?"},
      {"id,command,after\nx,y,\na,y,c\nb,y,a\nc,y,b\n",
       "t.csv:3:5: cycle of dependencies: a -> c -> b -> a; remove one of them from 'after'"},
      {"id,command,after\na,y,a\n",
       "t.csv:2:5: cycle of dependencies: a -> a; remove one of them from 'after'"},
  };
  for (const auto& [text, error] : cases) {
    CAPTURE(text);
    CHECK(bad_csv(text) == error);
  }
}

TEST_CASE("YAML tasks as a list, with settings beside them") {
  const Read in = yaml(R"(
version: 1
x-common: &common {timeout: 5s, tags: [night]}
run: {jobs: 2, fail_on_healed: true}
defaults: {retries: 2, env.GREETING: hello}
policy: {network: {retries: 1}}
pools: {db: {limit: 1}}
agents:
  scribe: {command: [sh, scribe.sh], stdin: "{task}"}
tasks:
  - id: 007
    command: echo $place
    place: a parameter
    env: {LEVEL: 3}
    <<: *common
  - id: story
    agent: scribe
    task: Tell it
    after: ["007"]
    context_path: [a dir, notes]
    budget: {usd: 1}
    score: {regex: '(\d+)/(\d+)', pass_score: 0.8}
    failed_when: ['/is_error == true']
)");
  CHECK(in.settings.jobs == 2);
  CHECK(in.settings.fail_on_healed);
  CHECK(in.settings.pools.at("db").limit == 1);
  CHECK(in.settings.policy.of(Category::network).retries == 1);
  REQUIRE(in.tasks.size() == 2);
  CHECK(in.tasks[0].id == "007");
  CHECK(in.tasks[0].retries == 2);
  CHECK(in.tasks[0].timeout == 5s);
  CHECK(in.tasks[0].tags == Words{"night"});
  CHECK(in.tasks[0].params ==
        std::vector<std::pair<std::string, std::string>>{{"place", "a parameter"}});
  CHECK(in.tasks[0].env.size() == 2);
  CHECK(in.tasks[1].after == Words{"007"});
  CHECK(in.tasks[1].context_path == Words{"a dir", "notes"});
  CHECK(in.tasks[1].budget.usd == 1.0);
  CHECK(in.tasks[1].score.pass_score == 0.8);
  CHECK(in.tasks[1].failed_when == Words{"/is_error == true"});
  CHECK(in.raw == Words{"", ""});
  CHECK(in.places[1].line == 16);
  CHECK(in.places[1].column == 9);
  CHECK(in.header.columns.empty());
}

TEST_CASE("YAML tasks as a map from id to fields") {
  const Read in = yaml("tasks:\n  a: {command: 'true'}\n  b:\n    command: make\n    after: a\n");
  REQUIRE(in.tasks.size() == 2);
  CHECK(in.tasks[0].id == "a");
  CHECK(in.tasks[1].id == "b");
  CHECK(in.tasks[1].after == Words{"a"});
  CHECK(in.places[1].line == 3);
  CHECK(in.places[1].column == 3);
}

TEST_CASE("what is wrong in a YAML is said with line, column and the mend") {
  const std::string list = "tasks:\n  - id: a\n    command: x\n";
  const std::pair<std::string, std::string> cases[] = {
      {list + "  - id: 'b\n", "t.yaml:4:9: a quote that is never closed; close it"},
      {"defaults: {timeout: 5s}\n", "t.yaml:1:1: no tasks; give 'tasks' a list of them"},
      {"tasks: []\n", "t.yaml:1:1: no tasks; give 'tasks' a list of them"},
      {"tasks:\n", "t.yaml:1:1: no tasks; give 'tasks' a list of them"},
      {"# nothing\n", "t.yaml:1:1: no tasks; give 'tasks' a list of them"},
      {"tasks: all\n", "t.yaml:1:8: 'tasks' is no list; give it a list of tasks"},
      {"- id: a\n", "t.yaml:1:1: the file is no map; begin it with 'tasks:'"},
      {"tasks: [a]\n",
       "t.yaml:1:9: a task that is no table of fields; give it fields such as id and command"},
      {"version: 2\n" + list, "t.yaml:1:10: an unknown version of the format; write version: 1"},
      {"polcy: {}\n" + list, "t.yaml:1:1: unknown key 'polcy'; did you mean 'policy'?"},
      {"pools:\n  p: {limit: few}\n" + list,
       "t.yaml:2:14: bad value 'few' for 'limit'; give a whole number from 0 to 1000000"},
      {list + "    timeuot: 5s\n",
       "t.yaml:4:5: unknown key 'timeuot'; did you mean 'timeout'? A parameter needs a name less "
       "like it"},
      {list + "    timeout: soon\n",
       "t.yaml:4:14: bad duration 'soon'; give one such as 90 (seconds), 250ms, 10m or 1h30m"},
      {list + "    failed_when: ['no pointer']\n",
       "t.yaml:4:19: bad predicate 'no pointer'; write '/pointer exists', or '/pointer OP value' "
       "with ==, !=, <, <=, > or >="},
      {list + "    colours: [red]\n", "t.yaml:4:14: 'colours' is a list; give a single value"},
      {list + "    id: b\n", "t.yaml:4:5: duplicate key 'id'; keep one of the two"},
      {list + "    command:\n", "t.yaml:4:5: duplicate key 'command'; keep one of the two"},
      {list + "  - command: y\n", "t.yaml:4:5: empty id; give every task an id of its own"},
      {list + "  - {id: a, command: y}\n",
       "t.yaml:4:10: duplicate id 'a'; line 2 has it already: give each task its own"},
      {list + "    after: [nobody]\n",
       "t.yaml:4:12: unknown dependency 'nobody'; add a task with that id, or remove it from "
       "'after'"},
      {list + "    after: [a]\n",
       "t.yaml:4:12: cycle of dependencies: a -> a; remove one of them from 'after'"},
      {list + "    cwd: ../up\n",
       "t.yaml:4:10: '../up' leaves the working directory; give a relative path inside of it"},
      {"tasks:\n  - {id: a, agent: claude, task: x, fallback: codx}\n",
       "t.yaml:2:47: unknown agent 'codx'; did you mean 'codex'?"},
      {"tasks:\n  - {id: a, agent: claude, task: '', prompt: ''}\n",
       "t.yaml:2:28: both 'task' and 'prompt', which are the same; keep one of the two"},
      {"tasks:\n  a: {id: b, command: x}\n",
       "t.yaml:2:7: an id beside the one that the task stands under; keep one of the two"},
      {"tasks: {a: {command: x}}\ntasks: {}\n",
       "t.yaml:2:1: duplicate key 'tasks'; keep one of the two"},
  };
  for (const auto& [text, error] : cases) {
    CAPTURE(text);
    CHECK(bad_yaml(text) == error);
  }
}

TEST_CASE("a sink that refuses ends the reading") {
  int calls = 0;
  const auto sink = [&](const TaskSpec&, std::string_view, const Location&) -> Status {
    ++calls;
    return fail(ErrorKind::io, "disk full");
  };
  for (const auto& [text, format] :
       {std::pair{"id,command\na,x\nb,y\n", Format::csv},
        std::pair{"tasks: {a: {command: x}, b: {command: y}}", Format::yaml}}) {
    calls = 0;
    const auto done = read_tasks({"t", text, format}, with_agents(), sink);
    REQUIRE_FALSE(done.has_value());
    CHECK(done.error().text() == "disk full");
    CHECK(done.error().kind == ErrorKind::io);
    CHECK(calls == 1);
  }
}

TEST_CASE("arbitrary files never crash, and what is refused has a place") {
  const auto piece = rc::gen::element<std::string>(
      "id", "command", "agent", "task", "after", "tags", "claude", "a", "b", ",", ",", "\n", "\n",
      "\"", "\r\n", ";", ": ", "- ", "  ", "tasks:\n", "[", "]", "{", "}", "&x ", "*x", "5s", "\t",
      "\xC3\xA4", "env.A", "'", "|", "#", "run", "<<: ");
  for (const Format format : {Format::csv, Format::yaml}) {
    test::property(format == Format::csv ? "CSV" : "YAML", [&] {
      std::string text = format == Format::csv ? "id,command\n" : "tasks:\n";
      for (const std::string& part : *rc::gen::container<Words>(piece)) {
        text += part;
      }
      Read out;
      const Status status = read({"t", text, format}, out);
      if (!status) {
        RC_ASSERT(status.error().where.file == "t");
        RC_ASSERT(status.error().where.line >= 1U);
        RC_ASSERT(status.error().text().find('\n') == std::string::npos);
      }
    });
  }
}

}  // namespace
}  // namespace darn
