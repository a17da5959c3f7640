// How coroutines of one call wait: for a time, for each other, to be woken from another thread.
// All of one call runs on one strand, so nothing here but wake is used by two threads at once.
//
// Who is destroyed first when an io_context goes while they are suspended: a coroutine that waits
// is owned by its rendezvous, and that by the coroutines that were started from it (and by the
// timer of the wait). So the started ones go first, and may refer to what their starter owns. That
// is why a coroutine moves its hold on its rendezvous into the wait, and gets it back from it.
#pragma once

#include <exception>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include <boost/version.hpp>
#if BOOST_VERSION < 107700
#error "darn/asio.hpp needs Boost 1.77 or later: earlier ones have no cancellation slots"
#endif
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#if !defined(BOOST_ASIO_HAS_CO_AWAIT)
#error "darn/asio.hpp needs a compiler with coroutines, and that they are switched on"
#endif

#include "darn/call.hpp"
#include "darn/classify.hpp"
#include "darn/outcome.hpp"

namespace darn::detail {

namespace net = boost::asio;

// A coroutine that was started from another one, which joins it: kept by that one.
struct async_task {
  net::cancellation_signal signal;
  bool ended = false;
};

class rendezvous : public std::enable_shared_from_this<rendezvous> {
 public:
  explicit rendezvous(const net::any_io_executor& strand) : strand_(strand), timer_(strand) {}

  // Ends the wait, or the next one when there is none now.
  void set() {
    set_ = true;
    timer_.cancel();
  }
  // Whether there was a set() since the last time this was asked.
  bool take() { return std::exchange(set_, false); }

  // set() for any thread, and for when nobody knows whether somebody still waits.
  class wake {
   public:
    explicit wake(const std::shared_ptr<rendezvous>& at) : strand_(at->strand_), at_(at) {}
    void operator()() const {
      net::post(strand_, [at = at_] {
        if (const auto there = at.lock()) {
          there->set();
        }
      });
    }

   private:
    net::any_io_executor strand_;
    std::weak_ptr<rendezvous> at_;
  };

  // Its end is a set(). What asks the waiting coroutine to cancel is passed on to it.
  static void start(const std::shared_ptr<rendezvous>& at, async_task& task,
                    net::awaitable<void> body) {
    at->tasks_.push_back(&task);
    auto ended = [at, &task](const std::exception_ptr&) {
      task.ended = true;
      at->set();
    };
    net::co_spawn(at->strand_, std::move(body),
                  net::bind_cancellation_slot(task.signal.slot(), std::move(ended)));
  }

  // Until set() or the time; gives back what it was given.
  static net::awaitable<std::shared_ptr<rendezvous>> suspend(std::shared_ptr<rendezvous> at,
                                                             time_point until) {
    return net::async_initiate<const net::use_awaitable_t<>&, void(std::shared_ptr<rendezvous>)>(
        [](auto handler, std::shared_ptr<rendezvous> here, time_point time) {
          rendezvous& r = *here;
          if (auto slot = net::get_associated_cancellation_slot(handler); slot.is_connected()) {
            slot.assign([weak = std::weak_ptr(here)](net::cancellation_type type) {
              if (const auto there = weak.lock()) {
                there->cancel_tasks(type);
              }
            });
          }
          r.waiting_ = std::make_unique<holds<decltype(handler)>>(std::move(handler));
          r.timer_.expires_at(net::steady_timer::time_point(time));
          r.timer_.async_wait(net::bind_executor(
              r.strand_, [here = std::move(here)](const boost::system::error_code&) {
                const auto resumed = std::move(here->waiting_);
                resumed->resume(here);
              }));
        },
        net::use_awaitable, std::move(at), until);
  }

 private:
  struct suspended {
    virtual ~suspended() = default;
    virtual void resume(std::shared_ptr<rendezvous> at) = 0;
  };
  template <class Handler>
  struct holds final : suspended {
    explicit holds(Handler h) : handler(std::move(h)) {}
    void resume(std::shared_ptr<rendezvous> at) override { std::move(handler)(std::move(at)); }
    Handler handler;
  };

  void cancel_tasks(net::cancellation_type type) {
    for (async_task* task : tasks_) {
      if (!task->ended) {
        task->signal.emit(type);
      }
    }
  }

  net::any_io_executor strand_;
  net::steady_timer timer_;
  std::unique_ptr<suspended> waiting_;
  std::vector<async_task*> tasks_;
  bool set_ = false;
};

// Wakes at a time of a clock that is not the machine's.
class clock_alarm {
 public:
  clock_alarm(clock& of, time_point at, const rendezvous::wake& wake) : clock_(of) {
    if (&of != &real_clock() && at != time_point::max()) {
      timer_ = of.call_at(at, wake);
    }
  }
  ~clock_alarm() {
    if (timer_ != 0) {
      clock_.cancel(timer_);
    }
  }
  clock_alarm(const clock_alarm&) = delete;
  clock_alarm& operator=(const clock_alarm&) = delete;

 private:
  clock& clock_;
  clock::timer timer_ = 0;
};

// Until it is set, the time has come by the call's clock, or `stop`.
inline net::awaitable<std::shared_ptr<rendezvous>> async_wait(std::shared_ptr<rendezvous> at,
                                                              const call& c, time_point until,
                                                              std::stop_token stop) {
  const rendezvous::wake wake(at);
  const std::stop_callback<rendezvous::wake> on_stop(stop, wake);
  const clock_alarm alarm(c.clock(), until, wake);
  const bool real = &c.clock() == &real_clock();
  const time_point timer = real ? until : time_point::max();
  while (!at->take() && !stop.stop_requested() && c.now() < until) {
    at = co_await rendezvous::suspend(std::move(at), timer);
  }
  co_return at;
}

// False when the call was stopped before.
inline net::awaitable<bool> async_sleep_until(call& c, time_point until) {
  const net::any_io_executor strand = co_await net::this_coro::executor;
  auto at = std::make_shared<rendezvous>(strand);
  std::stop_token stop = c.stop_token();
  at = co_await async_wait(std::move(at), c, until, std::move(stop));
  co_return !c.stop_requested();
}

// The body of a task: an operation whose result is kept, and which learns of a cancellation by its
// call's stop token. Asio's own way, an exception at the next co_await, is for the callee alone.
template <class Outcome, class Next>
net::awaitable<void> run_task(call& c, Next next, std::optional<Outcome>& result) {
  co_await net::this_coro::throw_if_cancelled(false);
  co_await net::this_coro::reset_cancellation_state(net::enable_total_cancellation());
  std::exception_ptr thrown;
  try {
    result.emplace(co_await next(c));
  } catch (...) {  // a predicate or a hook of the user's
    thrown = std::current_exception();
  }
  if (thrown) {
    result.emplace(unexpect, classify_exception(thrown));
  }
}

}  // namespace darn::detail
