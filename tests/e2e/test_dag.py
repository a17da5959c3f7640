"""What depends on what."""


def test_a_diamond_in_its_order(darn):
    darn.csv("id,command,after", ["d", "echo d >> order", "b;c"], ["b", "echo b >> order", "a"],
             ["c", "echo c >> order", "a"], ["a", "echo a >> order", ""])
    darn.run("tasks.csv", "-j", "4")
    order = darn.lines("order")
    assert sorted(order) == ["a", "b", "c", "d"]
    assert order[0] == "a" and order[3] == "d"


def test_a_dependent_finds_what_came_before(darn):
    darn.csv("id,command,after,output_file",
             ["made.by-file", "echo from a file > made.txt", "", "made.txt"],
             ["printed", "echo from its output", "", ""],
             ["user", 'cat "$DARN_OUTPUT_made_by_file" "$DARN_OUTPUT_printed" > got',
              "made.by-file;printed", ""])
    darn.run("tasks.csv")
    assert darn.lines("got") == ["from a file", "from its output"]


def test_dependents_of_a_failure_are_skipped(darn):
    darn.csv("id,command,after,retries", ["bad", "exit 1", "", 0], ["next", "touch ran", "bad", 0],
             ["last", "touch ran", "next", 0], ["free", "touch free", "", 0])
    darn.run("tasks.csv", status=1)
    assert darn.states() == {"bad": "failed", "next": "skipped", "last": "skipped",
                             "free": "succeeded"}
    assert not darn.path("ran").exists()
    assert darn.path("free").exists()  # --keep-going is the default


def test_skipped_dependents_are_revived_by_a_later_cycle(darn):
    darn.csv("id,command,after,retries",
             ["bad", "echo x >> tries; [ $(wc -l < tries) -ge 2 ]", "", 0],
             ["next", "cat \"$DARN_OUTPUT_bad\"; echo next >> ran", "bad", 0],
             ["last", "echo last >> ran", "next", 0], ["free", "echo x >> free", "", 0])
    darn.run("tasks.csv", "--auto-retry")
    assert set(darn.states().values()) == {"succeeded"}
    assert darn.lines("ran") == ["next", "last"]
    assert len(darn.lines("free")) == 1, "what has succeeded ran again"
    assert darn.status()["cycle"] == 2


def test_fail_fast(darn):
    darn.csv("id,command,retries", ["first", "exit 1", 0], ["second", "touch ran", 0])
    darn.run("tasks.csv", "-j", "1", "--fail-fast", status=1)
    states = darn.states()
    assert states["first"] == "failed" and states["second"] not in ("succeeded", "failed")
    assert not darn.path("ran").exists()


def test_halt_after(darn):
    darn.csv("id,command,retries", *[[f"t{i}", "echo x >> ran; exit 1", 0] for i in range(10)])
    darn.run("tasks.csv", "-j", "1", "--halt-after", "30%", status=1)
    assert 3 <= len(darn.lines("ran")) <= 4
    assert list(darn.states().values()).count("failed") == len(darn.lines("ran"))


def test_priority_then_file_order(darn):
    darn.csv("id,command,priority", ["a", "echo a >> order", ""], ["b", "echo b >> order", 5],
             ["c", "echo c >> order", ""], ["d", "echo d >> order", 9])
    darn.run("tasks.csv", "-j", "1")
    assert darn.lines("order") == ["d", "b", "a", "c"]


def test_a_chain_and_a_fan(darn):
    rows = [["root", "true", ""]]
    rows += [[f"chain{i}", "true", f"chain{i - 1}" if i else "root"] for i in range(100)]
    rows += [[f"fan{i}", "true", "root"] for i in range(300)]
    rows += [["end", "touch end", ";".join(f"fan{i}" for i in range(300)) + ";chain99"]]
    darn.csv("id,command,after", *rows)
    darn.run("tasks.csv", "--quiet")
    assert darn.status("last", "--no-tasks")["counts"]["succeeded"] == len(rows)
    assert darn.path("end").exists()
