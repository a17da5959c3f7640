// What one call costs through cockatiel. Its execute() is async, so that is what is measured:
// calling and awaiting. The bare call is awaited in the same loop, so the floor has that part too.
import { readFileSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import {
  BrokenCircuitError, CountBreaker, ExponentialBackoff, TimeoutStrategy,
  circuitBreaker, handleAll, noop, retry, timeout, wrap,
} from 'cockatiel';

const SAMPLES = 25;
const SAMPLE_NS = 50e6;

let value = 1;
const callee = () => value;
const hour = 3_600_000;

const newRetry = () => retry(handleAll, {
  maxAttempts: 2, // cockatiel counts the attempts after the first: three in all
  backoff: new ExponentialBackoff({ initialDelay: 100, maxDelay: 30_000 }), // jitter is its default
});
const newBreaker = () => circuitBreaker(handleAll, {
  halfOpenAfter: hour,
  breaker: new CountBreaker({ threshold: 0.5, size: 100 }),
});
// Aggressive is the strategy that ends the wait for a callee that does not look at its signal.
const newTimeout = () => timeout(1000, TimeoutStrategy.Aggressive);

async function openBreaker() {
  const breaker = newBreaker();
  const fail = () => { throw new Error('down'); };
  for (let i = 0; i < 100; ++i) await breaker.execute(fail).catch(() => {});
  return breaker;
}

const through = policy => () => policy.execute(callee);

function rejectedBy(breaker) {
  return async () => {
    try {
      await breaker.execute(callee);
    } catch (error) {
      if (error instanceof BrokenCircuitError) return 1;
      throw error;
    }
    return 0;
  };
}

const cases = {
  direct: callee,
  empty: through(noop),
  retry: through(newRetry()),
  breaker: through(newBreaker()),
  open: rejectedBy(await openBreaker()),
  timeout: through(newTimeout()),
  combined: through(wrap(newRetry(), newBreaker(), newTimeout())),
};

async function nanoseconds(call, count) {
  let sum = 0; // used below, so that no call can be left out
  const begin = process.hrtime.bigint();
  for (let i = 0; i < count; ++i) sum += await call();
  const ns = Number(process.hrtime.bigint() - begin);
  if (sum !== count) throw new Error(`${count} calls returned ${sum}`);
  await setImmediate(); // awaiting alone never lets the event loop turn
  return ns;
}

async function callsPerSample(call) {
  for (let count = 1000; ; count *= 2) {
    const ns = await nanoseconds(call, count);
    if (ns > SAMPLE_NS / 2) return Math.ceil(count * SAMPLE_NS / ns);
  }
}

const { version } = JSON.parse(readFileSync('node_modules/cockatiel/package.json'));
console.error(`cockatiel ${version}, node ${process.version}`);
const runs = [];
for (const [name, call] of Object.entries(cases))
  runs.push({ name, call, count: await callsPerSample(call), samples: [] });
// In turn, so that a disturbance falls on every case alike.
for (let i = 0; i < SAMPLES; ++i)
  for (const run of runs) run.samples.push(await nanoseconds(run.call, run.count) / run.count);
for (const { name, samples } of runs) {
  const ns = samples.sort((a, b) => a - b)[SAMPLES >> 1];
  console.log(JSON.stringify({
    peer: 'cockatiel', version, case: name, threads: 1, ns: Number(ns.toFixed(2)), allocs: null, bytes: null,
  }));
}
