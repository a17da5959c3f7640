package bench;

import java.util.Locale;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.profile.GCProfiler;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import org.openjdk.jmh.runner.options.TimeValue;
import org.openjdk.jmh.runner.options.VerboseMode;

/** Runs Calls under JMH and prints one line of JSON a case. Argument: resilience4j's version. */
public class Main {
    public static void main(String[] args) throws RunnerException {
        run(args[0], "Calls", 1);
        for (int threads : new int[] {2, 4, 8}) {
            run(args[0], "Calls.breaker", threads);
        }
    }

    private static void run(String version, String pattern, int threads) throws RunnerException {
        var options = new OptionsBuilder()
                .include(pattern + "\\b")
                .threads(threads)
                .mode(Mode.AverageTime)
                .timeUnit(TimeUnit.NANOSECONDS)
                .forks(3) // the compiler has good and bad days: the median outvotes one of them
                .warmupIterations(3)
                .warmupTime(TimeValue.milliseconds(250))
                .measurementIterations(3)
                .measurementTime(TimeValue.milliseconds(200))
                .addProfiler(GCProfiler.class)
                .shouldFailOnError(true)
                .verbosity(VerboseMode.SILENT)
                .build();
        for (var result : new Runner(options).run()) {
            print(version, threads, result);
        }
    }

    private static void print(String version, int threads, RunResult result) {
        // JMH tells the time that a call took its thread; divided by the threads it is wall-clock
        // time over all threads' calls, as the other harnesses tell it.
        double[] times = result.getBenchmarkResults().stream()
                .flatMap(fork -> fork.getIterationResults().stream())
                .mapToDouble(iteration -> iteration.getPrimaryResult().getScore() / threads)
                .sorted()
                .toArray();
        double median = (times[times.length / 2] + times[(times.length - 1) / 2]) / 2;
        double bytes = result.getSecondaryResults().get("gc.alloc.rate.norm").getScore();
        String name = result.getParams().getBenchmark().replaceAll(".*\\.", "");
        System.out.printf(Locale.ROOT,
                "{\"peer\":\"resilience4j\",\"version\":\"%s\",\"case\":\"%s\",\"threads\":%d,"
                        + "\"ns\":%.2f,\"allocs\":null,\"bytes\":%.0f}%n",
                version, name, threads, median, bytes);
    }
}
