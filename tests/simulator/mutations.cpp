#include "simulator/mutations.hpp"

#include <memory>
#include <string>
#include <utility>

#include "simulator/broken_parts.hpp"

namespace darn::sim {
namespace {

template <class T, class... Args>
Mutation store(std::string name, const char* caught_by, Args... args) {
  return {std::move(name), caught_by, [=](Mutant& mutant, Store& to, ProcessRunner&, World&) {
            mutant.store = std::make_unique<T>(to, args...);
          }};
}

template <class T, class... Args>
Mutation runner(std::string name, const char* caught_by, Args... args) {
  return {std::move(name), caught_by, [=](Mutant& mutant, Store&, ProcessRunner& to, World&) {
            mutant.runner = std::make_unique<T>(to, args...);
          }};
}

using Record = AttemptRecord;
const Rewrites::Change kNothing;

std::vector<Mutation> all() {
  namespace i = invariant;
  std::vector<Mutation> list;
  list.push_back({"claims after the start", i::kRecorded,
                  [](Mutant& mutant, Store& to, ProcessRunner& run, World&) {
                    mutant.store = std::make_unique<ClaimsLate>(to, run);
                    mutant.runner = std::make_unique<IgnoresEarly>(run);
                  }});
  list.push_back(store<ForgetsCommits>("a commit that is none", i::kRecorded));
  list.push_back(store<SwallowsErrors>("a failed commit taken for one", i::kRecorded));
  list.push_back(store<ForgetsSuccess>("a re-run that forgets what succeeded", i::kFinal));
  list.push_back(store<LosesAnEnd>("an end that is not recorded", i::kOneEnd));
  list.push_back(store<EndsTwice>("an end that is recorded twice", i::kOneEnd));
  list.push_back(runner<StartsTwice>("a job that is started twice", i::kAdopted));
  list.push_back(runner<Misjudges>("a living one taken for never started", i::kAdopted,
                                   Fate::still_running, Fate::never_started));
  list.push_back(runner<Misjudges>("a living one taken for dead", i::kAdopted, Fate::still_running,
                                   Fate::gone));
  list.push_back(
      runner<Misjudges>("an ended one taken for lost", i::kAdopted, Fate::ended, Fate::gone));
  list.push_back(runner<Misjudges>("a lost one taken for never started", i::kAdopted, Fate::gone,
                                   Fate::never_started));
  list.push_back(
      store<Rewrites>("a loss that uses up a try", i::kAdopted, kNothing, [](Record& end) {
        end.decision.charge = end.outcome.end == End::lost ? Charge::retry : end.decision.charge;
      }));
  list.push_back(store<TellsOtherwise>("once only, and tried again", i::kAdopted,
                                       [](TaskRecord& task) { task.spec.idempotent = true; }));
  list.push_back(store<ForgetsWhatRan>("an engine that adopts nothing", i::kEnds));
  list.push_back(runner<Misreports>("a failure told as a success", i::kAdopted, [](Ended& ended) {
    ended.outcome.exit_code = ended.outcome.exit_code == 1 ? 0 : ended.outcome.exit_code;
    return true;
  }));
  list.push_back(store<DropsDependencies>("a dependent that does not wait", i::kOrder));
  list.push_back(store<Rewrites>(
      "a budget that is not reserved", i::kBudget, [](Record& claim) { claim.reserved_usd = 0; },
      kNothing));
  list.push_back(store<SpendsNothing>("a budget that is never spent", i::kBudget));
  list.push_back(store<TellsOtherwise>("tries without a number", i::kPure,
                                       [](TaskRecord& task) { task.spec.retries = 50; }));
  list.push_back(store<Rewrites>(
      "a decision that reads the clock", i::kPure, kNothing,
      [](Record& end) { end.decision.delay += Duration{to_ms(end.outcome.ended) % 2}; }));
  list.push_back(runner<Scribbles>("a change to the user's file", i::kUserFiles, "data.txt"));
  list.push_back(runner<Scribbles>("a file left beside it", i::kDirectory, "left.tmp"));
  list.push_back(runner<ElsewhereRunner>("a task that works elsewhere", i::kDirectory));
  list.push_back(runner<Misreports>("an end that is never told", i::kEnds,
                                    [](Ended& ended) { return ended.attempt % 5 != 0; }));
  list.push_back(store<NeverDue>("a delay that never ends", i::kEnds));
  list.push_back(store<KnowsNoLimits>("limits that are none", i::kLimits, 2));
  list.push_back(store<KnowsNoLimits>("a rate that is none", i::kLimits, 0));
  list.push_back(store<ForgetsToFinish>("a success that is forgotten", i::kOnce));
  list.push_back(store<Miscounts>("a count that is wrong", i::kCounts));
  list.push_back(runner<KeepsAll>("a slot that is never released", i::kFree));
  list.push_back(store<LeastUrgentFirst>("the least urgent first", i::kPriority));
  list.push_back(
      {"deaf to Ctrl-C", i::kDrain, [](Mutant&, Store&, ProcessRunner&, World&) {}, true});
  list.push_back(store<DeafToCancel>("deaf to darn cancel", i::kDrain));
  list.push_back(store<Mutters>("an error that says nothing", i::kErrors));
  list.push_back(runner<RecallsNothing>("a recall that takes nothing back", i::kAdopted));
  return list;
}

}  // namespace

const std::vector<Mutation>& mutations() {
  static const std::vector<Mutation> list = all();
  return list;
}

}  // namespace darn::sim
