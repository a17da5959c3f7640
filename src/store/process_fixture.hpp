// For the store's tests: child processes that can be killed, and what they leave behind.
#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <iostream>
#include <string>
#include <utility>

#include <doctest/doctest.h>
#include <sqlite3.h>

#include "store/sqlite.hpp"
#include "store/store_fixture.hpp"

namespace darn::test {

// A child process that ends as `body` returns, or by a signal. No test framework inside.
template <class Body>
pid_t child(Body body) {
  std::fflush(nullptr);  // what is buffered is to be printed once
  std::cout.flush();
  const pid_t pid = ::fork();
  if (pid == 0) {
    int status = 99;
    try {
      status = body();
    } catch (...) {
    }
    ::_exit(status);
  }
  return pid;
}

inline int wait_for(pid_t pid) {
  int status = 0;
  ::waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

struct Pipe {
  Pipe() { REQUIRE(::pipe(ends.data()) == 0); }
  ~Pipe() {
    ::close(ends[0]);
    ::close(ends[1]);
  }
  // In the parent, so that a child that is gone ends the reading instead of blocking it.
  void only_read() { ::close(std::exchange(ends[1], -1)); }
  void put() const { (void)!::write(ends[1], "x", 1); }
  bool get() const {
    char byte = 0;
    return ::read(ends[0], &byte, 1) == 1;
  }
  std::array<int, 2> ends{};
};

inline std::string quick_check(const std::string& path) {
  const auto db = MUST(Database::open(path, SQLITE_OPEN_READWRITE));
  Query row = MUST(db->query("PRAGMA quick_check(1)"));
  MUST(row.step());
  return row.text(0);
}

}  // namespace darn::test
