// Command load is a closed-loop HTTP/1.1 load generator: a fixed number of GET requests over keep-alive connections,
// each of which asks again once it was answered. It talks to loopback only.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"math"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"time"
)

// headers collects repeated -header flags.
type headers http.Header

func (h headers) String() string { return "" }

func (h headers) Set(line string) error {
	name, value, found := strings.Cut(line, ":")
	if !found {
		return fmt.Errorf("header %q: want Name: value", line)
	}
	http.Header(h).Add(name, strings.TrimSpace(value))
	return nil
}

// report is the answer on stdout; latencies are those of single requests.
type report struct {
	Requests  int     `json:"requests"`
	Seconds   float64 `json:"seconds"`
	P50Ms     float64 `json:"p50_ms"`
	P99Ms     float64 `json:"p99_ms"`
	BodyBytes int64   `json:"body_bytes"` // of one answer
}

func main() {
	log.SetFlags(0)
	address := flag.String("url", "", "what to GET, on a loopback `address`")
	requests := flag.Int("requests", 1000, "how many requests in all")
	connections := flag.Int("connections", 8, "how many keep-alive connections")
	header := headers{}
	flag.Var(header, "header", "`Name: value` to send, repeatable")
	flag.Parse()

	target, err := url.Parse(*address)
	if err != nil {
		log.Fatal(err)
	}
	if ip := net.ParseIP(target.Hostname()); ip == nil || !ip.IsLoopback() {
		log.Fatalf("-url %q: want a loopback address", *address)
	}
	if *requests < 1 || *connections < 1 {
		log.Fatal("-requests and -connections: want at least 1")
	}
	request := &http.Request{Method: http.MethodGet, URL: target, Header: http.Header(header)}
	result, err := run(request, *requests, *connections)
	if err != nil {
		log.Fatal(err)
	}
	if err := json.NewEncoder(os.Stdout).Encode(result); err != nil {
		log.Fatal(err)
	}
}

func run(request *http.Request, requests, connections int) (report, error) {
	clients := make([]*client, connections)
	for i := range clients {
		var err error
		if clients[i], err = dial(request); err != nil {
			return report{}, err
		}
		defer clients[i].connection.Close()
	}
	turns := make(chan struct{}, requests)
	for range requests {
		turns <- struct{}{}
	}
	close(turns)

	var all sync.WaitGroup
	began := time.Now()
	for _, client := range clients {
		all.Go(func() { client.askInTurn(turns) })
	}
	all.Wait()
	result := report{Requests: requests, Seconds: time.Since(began).Seconds()}

	took := make([]time.Duration, 0, requests)
	for _, client := range clients {
		if client.failure != nil {
			return report{}, client.failure
		}
		took = append(took, client.took...)
		result.BodyBytes = max(result.BodyBytes, client.bodyBytes)
	}
	slices.Sort(took)
	result.P50Ms, result.P99Ms = milliseconds(took, 0.50), milliseconds(took, 0.99)
	return result, nil
}

// milliseconds is the nearest-rank percentile of sorted latencies.
func milliseconds(sorted []time.Duration, share float64) float64 {
	rank := int(math.Ceil(share * float64(len(sorted))))
	return float64(sorted[rank-1].Microseconds()) / 1000
}
