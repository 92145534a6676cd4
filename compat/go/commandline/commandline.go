// Package commandline is what the Go clients share: the command line, the bundle's settings, the line of an event.
package commandline

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"os"
	"strings"
	"time"
)

// Options are what a client is asked to do.
type Options struct {
	Config, Topic, Group, Protocol string
	Count, FromTime                int64
	SessionTimeout                 time.Duration
}

// Parse reads the command line, which begins with the verb.
func Parse() Options {
	var options Options
	var timeout int64
	flag.StringVar(&options.Config, "config", "", "librdkafka.properties of a bundle")
	flag.StringVar(&options.Topic, "topic", "", "the topic")
	flag.StringVar(&options.Group, "group", "", "the group, if any")
	flag.StringVar(&options.Protocol, "protocol", "classic", "the group's protocol")
	flag.Int64Var(&options.Count, "count", math.MaxInt64, "ends after so many events")
	flag.Int64Var(&options.FromTime, "from-time", 0, "begins at this time, ms since 1970")
	flag.Int64Var(&timeout, "session-timeout", 45_000, "the member's, ms")
	if err := flag.CommandLine.Parse(os.Args[2:]); err != nil {
		Fail(err)
	}
	options.SessionTimeout = time.Duration(timeout) * time.Millisecond
	return options
}

// Settings are the lines of librdkafka.properties, without its default group.
func Settings(path string) map[string]string {
	text, err := os.ReadFile(path)
	Check(err)
	settings := map[string]string{}
	for _, line := range strings.Split(string(text), "\n") {
		name, value, found := strings.Cut(line, "=")
		if found && !strings.HasPrefix(line, "#") && name != "group.id" {
			settings[name] = value
		}
	}
	return settings
}

// TLS is made of the bundle's PEM files, for clients that use Go's own.
func TLS(settings map[string]string) *tls.Config {
	authority, err := os.ReadFile(settings["ssl.ca.location"])
	Check(err)
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(authority)
	pair, err := tls.LoadX509KeyPair(settings["ssl.certificate.location"], settings["ssl.key.location"])
	Check(err)
	return &tls.Config{RootCAs: pool, Certificates: []tls.Certificate{pair}}
}

// Show prints the line of an event.
func Show(partition int32, offset int64, key []byte) {
	line, err := json.Marshal(struct {
		Partition int32  `json:"partition"`
		Offset    int64  `json:"offset"`
		Key       string `json:"key"`
	}{partition, offset, string(key)})
	Check(err)
	fmt.Println(string(line))
}

// Complain says what went wrong and goes on.
func Complain(what ...any) { fmt.Fprintln(os.Stderr, what...) }

// Fail says what went wrong and ends.
func Fail(err error) {
	Complain(err)
	os.Exit(1)
}

// Check fails if there is an error.
func Check(err error) {
	if err != nil {
		Fail(err)
	}
}
