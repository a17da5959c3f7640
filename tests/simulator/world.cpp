#include "simulator/world.hpp"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>

#include <fmt/format.h>

namespace darn::sim {
namespace {

constexpr Duration kCheckTakes{30};
constexpr std::size_t kPagesKept = 12;

std::string promised_path(const Job& job) {
  for (const EnvVar& var : job.env) {
    if (var.name == "DARN_OUTPUT") {
      return var.value;
    }
  }
  return {};
}

}  // namespace

World::World(const Scenario& scenario, bool verbose)
    : dice(scenario.seed ^ 0x5eed), scenario_(scenario), verbose_(verbose) {
  keeps_pages_ = std::any_of(scenario.faults.begin(), scenario.faults.end(),
                             [](const Fault& f) { return f.kind == Fault::Kind::power; });
}

void World::set_run_dir(const std::string& dir) {
  output_path_ = dir + "/world.out";
  std::error_code error;
  std::filesystem::create_directories(dir, error);
  output_size_ = 0;
  std::ofstream(output_path_, std::ios::trunc);
}

void World::log_line(const char* what, const std::vector<std::string>& words) {
  std::string line =
      fmt::format("{:>9.3f} {}", static_cast<double>(since_start().count()) / 1000, what);
  for (const std::string& word : words) {
    line += ' ' + word;
  }
  std::fprintf(stderr, "%s\n", line.c_str());
}

// --- time

std::optional<Time> World::next_event() const {
  std::optional<Time> next;
  const auto consider = [&](Time t) {
    if (t != Time::max() && (!next || t < *next)) {
      next = t;
    }
  };
  for (const Process* process : living_) {
    consider(process->ends);
  }
  for (const auto& [index, slot] : slots_) {
    const Shim& shim = slot.shim;
    if (!shim.alive) {
      continue;
    }
    if (shim.running == nullptr && !shim.queue.empty()) {
      consider(shim.queue.front().heard);
    }
    if (!shim.alone) {
      consider(shim.alone_at);
    }
  }
  return next;
}

void World::advance(Time to) {
  run_shims();
  for (auto next = next_event(); next && *next <= to; next = next_event()) {
    now_ = std::max(now_, *next);
    run_shims();
  }
  now_ = std::max(now_, to);
}

void World::oversleep(Duration& at_most) {
  if (at_most >= Duration{250}) {
    at_most *= scenario_.stretch;
  }
}

// --- what shims do

void World::touch(Slot& slot) {
  if (!keeps_pages_) {
    return;
  }
  if (slot.written.size() >= kPagesKept) {
    slot.written.erase(slot.written.begin() + dice.between(0, static_cast<int>(kPagesKept) - 1));
  }
  slot.written.push_back(slot.page);
}

void World::start_shim(int index) {
  Slot& slot = slots_[index];
  slot.shim = Shim{};
  slot.shim.alive = true;
  slot.shim.pid = next_pid_++;
  slot.page.boot = boot_;
  touch(slot);
}

void World::send(int index, Entry entry) {
  Slot& slot = slots_[index];
  entry.heard = now_ + (scenario_.latency > Duration{0}
                            ? dice.ms(0, static_cast<int>(scenario_.latency.count()))
                            : Duration{0});
  if (!slot.shim.queue.empty()) {
    entry.heard = std::max(entry.heard, slot.shim.queue.back().heard);
  }
  slot.shim.queue.push_back(std::move(entry));
  run_shims();
}

// The record says so; the shim finds it when it comes to it.
bool World::recall(int index, AttemptKey attempt) {
  Slot& slot = slots_[index];
  for (Record& record : slot.page.records) {
    if (record.attempt == attempt && record.state == RecordState::queued) {
      record.state = RecordState::recalled;
      log("  is taken back", record.name, fmt::format("from slot {}", index));
      touch(slot);
      return true;
    }
  }
  return false;
}

void World::leave(int index) {
  Shim& shim = slots_[index].shim;
  if (shim.alive && shim.alone_at == Time::max()) {
    shim.alone_at = now_ + (scenario_.latency > Duration{0}
                                ? dice.ms(0, static_cast<int>(scenario_.latency.count()))
                                : Duration{0});
    if (!shim.queue.empty()) {
      shim.alone_at = std::max(shim.alone_at, shim.queue.back().heard);
    }
  }
}

void World::run_shims() {
  for (bool again = true; again;) {
    again = false;
    for (std::size_t i = 0; i < living_.size(); ++i) {
      Process& process = *living_[i];
      if (process.orphan && process.ends <= now_) {
        finish(process);
        again = true;
        break;
      }
    }
    for (auto& [index, slot] : slots_) {
      if (slot.shim.alive) {
        run_shim(index, slot, again);
      }
    }
  }
}

void World::run_shim(int index, Slot& slot, bool& again) {
  Shim& shim = slot.shim;
  if (shim.running != nullptr && shim.running->ends <= now_) {
    Process& process = *shim.running;
    finish(process);
    Record& record = slot.page.records[shim.record];
    process.seen = true;
    record.outcome = process.outcome;
    record.state = RecordState::ended;
    // Once in a while something is left beside the shim, which then makes room for a new one.
    record.retiring = hash64(process.job.attempt_name, scenario_.seed) % 40 == 0;
    shim.running = nullptr;
    touch(slot);
    again = true;
    if (record.retiring) {
      return end_shim(slot);
    }
  }
  if (!shim.alone && shim.alone_at <= now_) {
    shim.alone = true;
    drop_queue(slot);
    again = true;
  }
  if (shim.running == nullptr && !shim.queue.empty() && shim.queue.front().heard <= now_) {
    begin(index, slot);
    again = true;
  }
  if (shim.alone && shim.running == nullptr) {
    end_shim(slot);
  }
}

void World::drop_queue(Slot& slot) {
  slot.shim.queue.clear();
  for (Record& record : slot.page.records) {
    if (record.state == RecordState::queued) {
      record.state = RecordState::never_started;
    }
  }
  touch(slot);
}

void World::end_shim(Slot& slot) {
  drop_queue(slot);
  slot.shim.alive = false;
}

void World::begin(int index, Slot& slot) {
  Shim& shim = slot.shim;
  const Entry entry = std::move(shim.queue.front());
  shim.queue.pop_front();
  Record& record = slot.page.records[entry.record];
  const Job& job = entry.job;
  if (record.state != RecordState::queued) {  // recalled
    record = Record{};
    return touch(slot);
  }
  const bool late = job.deadline != Time{} && job.deadline <= now_;
  if (late || entry.cancelled) {
    record.outcome = Outcome{};
    record.outcome.end = late ? End::deadline : End::cancelled;
    record.outcome.started = record.outcome.ended = now_;
    record.state = RecordState::ended;
    return touch(slot);
  }
  Process& p = processes_.emplace_back();
  p.job = job;
  p.run = job.attempt_name.substr(0, job.attempt_name.find('/'));
  const auto last = job.attempt_name.rfind('/');
  p.task = job.attempt_name.substr(p.run.size() + 1, last - p.run.size() - 1);
  p.slot = index;
  p.nth = ++starts_[p.task];
  p.play = scenario_.play(p.task, p.nth);
  p.began = now_;
  p.ends = now_ + p.play.takes;
  Outcome& outcome = p.outcome;
  outcome.started = now_;
  if (p.play.signal != 0) {
    outcome.end = End::signalled;
    outcome.signal = p.play.signal;
  } else {
    outcome.exit_code = p.play.exit_code;
    if (!job.check_argv.empty() && p.play.exit_code == 0) {
      outcome.check_ran = true;
      outcome.check_exit = p.play.check_exit;
      p.ends += kCheckTakes;
    }
  }
  const auto cut = [&](Time at, End end) {
    if (at < p.ends) {
      outcome = Outcome{};
      outcome.started = now_;
      outcome.end = end;
      outcome.signal = 15;
      p.ends = at;
    }
  };
  if (job.timeout > Duration{0} && p.play.takes > job.timeout) {
    cut(now_ + job.timeout, End::timed_out);
  }
  if (job.deadline != Time{}) {
    cut(job.deadline, End::deadline);
  }
  shim.running = &p;
  shim.record = entry.record;
  record.state = RecordState::began;
  living_.push_back(&p);
  truth_[job.attempt] = &p;
  ++figures.processes;
  log("  begins", job.attempt_name, fmt::format("in slot {}", index));
  touch(slot);
  watch.began(p);
}

void World::finish(Process& p) {
  p.living = false;
  std::erase(living_, &p);
  Outcome& outcome = p.outcome;
  outcome.ended = now_;
  outcome.wall = now_ - p.began;
  std::string text = p.play.out;
  if (p.agent()) {
    text += fmt::format("{{\"type\":\"result\",\"total_cost_usd\":{}}}\n",
                        scenario_.character(p.task).cost);
  }
  const std::string promised = promised_path(p.job);
  const bool well = outcome.end == End::exited && outcome.exit_code == 0;
  if (well && !promised.empty() && p.play.leaves_output) {
    leave_promised(p);
  }
  if (outcome.end != End::cancelled) {
    outcome.out = write_output(text);
  }
  p.effect = well && (promised.empty() || p.play.leaves_output) &&
             (!outcome.check_ran || outcome.check_exit == 0);
  effects[p.task] += p.effect ? 1 : 0;
  if (p.orphan) {
    half[p.run + '/' + p.task] = true;
  }
  log("  ends", p.job.attempt_name, std::string(to_string(outcome.end)),
      std::to_string(outcome.exit_code), p.orphan ? "unseen" : "");
}

void World::bury_process(Process& p) {
  p.living = false;
  p.ends = now_;
  std::erase(living_, &p);
  half[p.run + '/' + p.task] = true;
  log("  dies", p.job.attempt_name);
}

// A file of a size of its own: fingerprints must differ within one tick of the real clock.
void World::leave_promised(const Process& p) {
  std::ofstream(promised_path(p.job), std::ios::trunc)
      << std::string(static_cast<std::size_t>(++promised_), 'x');
}

OutputRef World::write_output(const std::string& text) {
  OutputRef ref;
  if (!text.empty()) {
    ref.file = "world.out";
    ref.offset = output_size_;
    ref.head = text.size();
    std::ofstream(output_path_, std::ios::binary | std::ios::app) << text;
    output_size_ += text.size();
  }
  return ref;
}

void World::stop(int index, AttemptKey attempt, bool at_once) {
  Slot& slot = slots_[index];
  for (Entry& entry : slot.shim.queue) {
    entry.cancelled = entry.cancelled || entry.job.attempt == attempt;
  }
  Process* p = slot.shim.running;
  if (!slot.shim.alive || p == nullptr || p->job.attempt != attempt || p->ends <= now_) {
    return;
  }
  const Time at = now_ + (at_once ? Duration{0} : std::min(p->play.grace, p->job.grace));
  p->ends = std::min(p->ends, at);
  p->outcome = Outcome{};
  p->outcome.started = p->began;
  p->outcome.end = End::cancelled;
  p->outcome.signal = 15;
  half[p->run + '/' + p->task] = true;
  log("  is told to stop", p->job.attempt_name);
}

Process* World::truth(AttemptKey attempt, const std::string& name) {
  const auto found = truth_.find(attempt);
  return found != truth_.end() && found->second->job.attempt_name == name ? found->second : nullptr;
}

void World::forget_truth(AttemptKey attempt) {
  const auto found = truth_.find(attempt);
  if (found != truth_.end() && !found->second->living) {
    truth_.erase(found);
  }
}

}  // namespace darn::sim
