// Package bench measures what one call costs through failsafe-go.
package bench

import (
	"testing"
	"time"

	"github.com/failsafe-go/failsafe-go"
	"github.com/failsafe-go/failsafe-go/circuitbreaker"
	"github.com/failsafe-go/failsafe-go/retrypolicy"
	"github.com/failsafe-go/failsafe-go/timeout"
)

var value = 1

//go:noinline
func callee() (int, error) { return value, nil }

func through(policies ...failsafe.Policy[int]) func() (int, error) {
	executor := failsafe.With(policies...)
	return func() (int, error) { return executor.Get(callee) }
}

func newRetry() failsafe.Policy[int] {
	return retrypolicy.NewBuilder[int]().
		WithMaxAttempts(3).
		WithBackoff(100*time.Millisecond, 30*time.Second).
		WithJitterFactor(0.5).
		Build()
}

func newBreaker() circuitbreaker.CircuitBreaker[int] {
	return circuitbreaker.NewBuilder[int]().
		WithFailureThresholdRatio(50, 100).
		WithDelay(time.Hour).
		Build()
}

func openBreaker() failsafe.Policy[int] {
	breaker := newBreaker()
	breaker.Open()
	return breaker
}

func newTimeout() failsafe.Policy[int] { return timeout.New[int](time.Second) }

// One case at a time: run.sh runs it with -cpu 1, that is on one thread.
func BenchmarkCall(b *testing.B) {
	for _, c := range []struct {
		name string
		call func() (int, error)
		want error
	}{
		{"direct", callee, nil},
		{"empty", through(), nil},
		{"retry", through(newRetry()), nil},
		{"breaker", through(newBreaker()), nil},
		{"open", through(openBreaker()), circuitbreaker.ErrOpen},
		{"timeout", through(newTimeout()), nil},
		{"combined", through(newRetry(), newBreaker(), newTimeout()), nil},
	} {
		b.Run(c.name, func(b *testing.B) {
			for range b.N {
				if _, err := c.call(); err != c.want {
					b.Fatal(err)
				}
			}
		})
	}
}

// As many goroutines as -cpu says, each on a thread of its own, all through one breaker.
func BenchmarkShared(b *testing.B) {
	b.Run("breaker", func(b *testing.B) {
		call := through(newBreaker())
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if _, err := call(); err != nil {
					b.Error(err)
				}
			}
		})
	})
}
