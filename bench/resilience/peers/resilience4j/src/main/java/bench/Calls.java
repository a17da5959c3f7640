package bench;

import io.github.resilience4j.circuitbreaker.CallNotPermittedException;
import io.github.resilience4j.circuitbreaker.CircuitBreaker;
import io.github.resilience4j.circuitbreaker.CircuitBreakerConfig;
import io.github.resilience4j.circuitbreaker.CircuitBreakerConfig.SlidingWindowType;
import io.github.resilience4j.core.IntervalFunction;
import io.github.resilience4j.decorators.Decorators;
import io.github.resilience4j.retry.Retry;
import io.github.resilience4j.retry.RetryConfig;
import io.github.resilience4j.timelimiter.TimeLimiter;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.function.Supplier;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.CompilerControl;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;

/**
 * What one call costs through resilience4j. There is no empty case: decorating with nothing gives the
 * bare call back.
 */
@State(Scope.Benchmark)
public class Calls {
    private int value = 1; // small enough for Integer's cache: boxing it allocates nothing

    private final ExecutorService pool = Executors.newSingleThreadExecutor();
    private final ScheduledExecutorService timer = newTimer();
    private final TimeLimiter timeLimiter = TimeLimiter.of(Duration.ofSeconds(1));

    private final Supplier<Integer> retried = Retry.decorateSupplier(newRetry(), this::callee);
    private final Supplier<Integer> guarded = newBreaker().decorateSupplier(this::callee);
    private final Supplier<Integer> rejected = openBreaker().decorateSupplier(this::callee);
    private final Supplier<CompletionStage<Integer>> limited =
            Decorators.ofCompletionStage(this::here).withTimeLimiter(timeLimiter, timer).decorate();
    private final Supplier<CompletionStage<Integer>> combined = Decorators.ofCompletionStage(this::here)
            .withTimeLimiter(timeLimiter, timer)
            .withCircuitBreaker(newBreaker())
            .withRetry(newRetry(), timer)
            .decorate();

    @CompilerControl(CompilerControl.Mode.DONT_INLINE)
    public Integer callee() {
        return value;
    }

    private static Retry newRetry() {
        var backoff = IntervalFunction.ofExponentialRandomBackoff(
                Duration.ofMillis(100), 2.0, 0.5, Duration.ofSeconds(30));
        return Retry.of("retry", RetryConfig.custom().maxAttempts(3).intervalFunction(backoff).build());
    }

    private static CircuitBreaker newBreaker() {
        return CircuitBreaker.of("breaker", CircuitBreakerConfig.custom()
                .slidingWindow(100, 100, SlidingWindowType.COUNT_BASED)
                .failureRateThreshold(50)
                .waitDurationInOpenState(Duration.ofHours(1))
                .build());
    }

    private static CircuitBreaker openBreaker() {
        var breaker = newBreaker();
        breaker.transitionToOpenState();
        return breaker;
    }

    // By default a cancelled timer stays in the queue until its time comes, here a second of calls
    // later: a million of them would be measured instead of resilience4j.
    private static ScheduledExecutorService newTimer() {
        var timer = new ScheduledThreadPoolExecutor(1);
        timer.setRemoveOnCancelPolicy(true);
        return timer;
    }

    // A TimeLimiter limits the wait for a future. For timeout and combined the call is made on the
    // calling thread, as the other peers do it: what is left is to set the timer and to cancel it.
    private CompletionStage<Integer> here() {
        return CompletableFuture.completedFuture(callee());
    }

    // A call that blocks has to be made on another thread to be left behind. Handing it over and
    // back is nearly all of the cost, and varies tenfold with what else the machine does.
    private CompletableFuture<Integer> elsewhere() {
        return CompletableFuture.supplyAsync(this::callee, pool);
    }

    private static <T> T await(Supplier<CompletionStage<T>> stage) {
        return stage.get().toCompletableFuture().join();
    }

    @Benchmark
    public Integer direct() {
        return callee();
    }

    @Benchmark
    public Integer retry() {
        return retried.get();
    }

    @Benchmark
    public Integer breaker() {
        return guarded.get();
    }

    @Benchmark
    public Object open() {
        try {
            return rejected.get();
        } catch (CallNotPermittedException e) {
            return e;
        }
    }

    @Benchmark
    public Integer timeout() {
        return await(limited);
    }

    @Benchmark
    public Integer timeout_pool() throws Exception {
        return timeLimiter.executeFutureSupplier(this::elsewhere);
    }

    @Benchmark
    public Integer combined() {
        return await(combined);
    }

    @TearDown
    public void stop() {
        pool.shutdown();
        timer.shutdown();
    }
}
