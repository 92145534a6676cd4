package headwater

// What the tests share: peers in folders of their own, waiting with a bound, and programs that this binary is when it is
// told to be.

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// long is how long anything may take here.
const long = time.Minute

// programVariable says which program this binary is.
const programVariable = "HEADWATER_TEST_PROGRAM"

func TestMain(tests *testing.M) {
	switch os.Args[len(os.Args)-1] {
	case "vectors":
		if !runVectors() {
			os.Exit(1)
		}
		return
	case "measure":
		measure()
		return
	}
	if name := os.Getenv(programVariable); name != "" {
		programs[name]()
		return
	}
	os.Exit(tests.Run())
}

// ran is a program that has ended.
type ran struct {
	printed, faults string
	isGood          bool
}

func run(t *testing.T, name, dir string, environment ...string) ran {
	t.Helper()
	program := exec.Command(os.Args[0])
	program.Dir = dir
	program.Env = append(append(os.Environ(), programVariable+"="+name), environment...)
	var printed, faults strings.Builder
	program.Stdout, program.Stderr = &printed, &faults
	if err := program.Start(); err != nil {
		t.Fatal(err)
	}
	timer := time.AfterFunc(long, func() { _ = program.Process.Kill() })
	defer timer.Stop()
	err := program.Wait()
	return ran{printed.String(), faults.String(), err == nil}
}

func open(t *testing.T, config Config) *Headwater {
	t.Helper()
	if config.Dir == "" {
		config.Dir = filepath.Join(t.TempDir(), "peer")
		config.Relaxed = true
	}
	headwater, err := Open(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = headwater.Close() })
	return headwater
}

func good[T any](value T, err error) func(t *testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}

func hasCode(t *testing.T, code Code, err error) {
	t.Helper()
	var fault *Error
	if !errors.Is(err, code) || !errors.As(err, &fault) || fault.Message == "" {
		t.Fatalf("the error %v, not %s", err, code)
	}
}

// seen is what callbacks were told.
type seen[T any] struct {
	mutex sync.Mutex
	all   []T
}

func (seen *seen[T]) tell(told T) {
	seen.mutex.Lock()
	defer seen.mutex.Unlock()
	seen.all = append(seen.all, told)
}

func (seen *seen[T]) copy() []T {
	seen.mutex.Lock()
	defer seen.mutex.Unlock()
	return append([]T(nil), seen.all...)
}

func (seen *seen[T]) wait(t *testing.T, holds func([]T) bool) []T {
	t.Helper()
	eventually(t, func() bool { return holds(seen.copy()) })
	return seen.copy()
}

func (seen *seen[T]) waitFor(t *testing.T, count int) []T {
	t.Helper()
	return seen.wait(t, func(all []T) bool { return len(all) >= count })
}

func eventually(t *testing.T, holds func() bool) {
	t.Helper()
	for ends := time.Now().Add(long); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(ends) {
			t.Fatal("waited in vain")
		}
	}
}
