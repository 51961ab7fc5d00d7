package main

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"time"
)

type kind int

// A fault is "early" when the server never sees the request, "late" when it has done its work and only the answer is lost.
const (
	reset          kind = iota // RST in place of an answer, early or late
	resetBody                  // RST in the middle of an answer's body
	truncate                   // an answer's body ends too soon, by an orderly close
	internalError              // 500; for PUT early or late
	slowDown                   // 503; for PUT early or late
	requestTimeout             // 400, and the connection closes, as S3 does it; for PUT early or late
	stall                      // no byte for --stall-ms, then a close: before an answer, or in the middle of a GET's body
	checksum                   // another x-amz-checksum-crc64nvme than the server answered
	flipDown                   // one bit of an object's body changed on its way to the client
	flipUp                     // one bit of an object's or part's body changed on its way to the server
	errorIn200                 // a completion's or copy's 200 that holds an error
	expired                    // 400 or 403 ExpiredToken to every request by --expired-key, whatever --permille
	kindCount
	none kind = -1
)

var kindNames = [kindCount]string{
	"reset", "reset-body", "truncate", "internal-error", "slow-down", "request-timeout", "stall", "checksum", "flip-down", "flip-up",
	"error-in-200", "expired",
}

func kindOf(name string) (kind, bool) {
	for at, known := range kindNames {
		if known == name {
			return kind(at), true
		}
	}
	return none, false
}

type config struct {
	permille       int64
	kinds          [kindCount]bool
	limit          int64 // requests that chance may choose since the last POST /zero; 0: any number
	stallMs        int64
	latencyMs      int64 // before each request is passed on
	bytesPerSecond int64 // of all bodies together; 0: as fast as can be
	expiredKey     string
}

// fits says whether a fault can happen to a request at all.
func (k kind) fits(r *head) bool {
	switch k {
	case resetBody, truncate:
		return r.method == "GET" || r.method == "POST"
	case checksum:
		return r.object() && (r.method == "GET" || r.method == "HEAD" || r.method == "PUT")
	case flipDown: // never a listing: nothing in S3 guards its bytes
		return r.object() && r.method == "GET"
	case flipUp:
		return r.object() && r.method == "PUT" && r.length > 0 && !r.copies
	case errorIn200:
		return r.object() && (r.method == "POST" && strings.Contains(r.query, "uploadId=") || r.method == "PUT" && r.copies)
	case expired:
		return false
	}
	return true
}

// chance is splitmix64: the number-th value of a seed.
func chance(seed, number uint64) uint64 {
	z := seed*0xD1342543DE82EF95 + number*0x9E3779B97F4A7C15
	z = (z ^ z>>30) * 0xBF58476D1CE4E5B9
	z = (z ^ z>>27) * 0x94D049BB133111EB
	return z ^ z>>31
}

// choose draws one of the kinds that are switched on and fit; the second value is for what remains to be drawn.
func (c *config) choose(r *head, seed, number uint64, chosen *atomic.Int64) (kind, uint64) {
	drawn := chance(seed, number)
	if c.kinds[expired] && c.expiredKey != "" && r.accessKey == c.expiredKey {
		return expired, drawn
	}
	if int64(drawn%1000) >= c.permille || c.limit > 0 && chosen.Load() >= c.limit {
		return none, 0
	}
	drawn = chance(seed+1, number)
	var fitting [kindCount]kind
	count := uint64(0)
	for k := kind(0); k < kindCount; k++ {
		if c.kinds[k] && k.fits(r) {
			fitting[count] = k
			count++
		}
	}
	if count == 0 || chosen.Add(1) > c.limit && c.limit > 0 {
		return none, 0
	}
	return fitting[drawn%count], drawn / count
}

// refusal is the whole answer of an S3 server that says no, and whether the connection ends with it.
func refusal(k kind, drawn uint64, r *head) (answer []byte, closes bool) {
	status, code, text := 500, "InternalError", "We encountered an internal error. Please try again."
	closes = k == requestTimeout || r.expects || r.closes // with Expect, whether the body still comes is the client's choice
	switch k {
	case slowDown:
		status, code, text = 503, "SlowDown", "Please reduce your request rate."
	case requestTimeout:
		status, code, text = 400, "RequestTimeout", "Your socket connection to the server was not read from or written to within the timeout period. Idle connections will be closed."
	case expired:
		status, code, text = 400, "ExpiredToken", "The provided token has expired."
		if drawn&1 == 1 {
			status = 403
		}
	case errorIn200:
		status = 200
	}
	body := fmt.Sprintf("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>%s</Code><Message>%s</Message><RequestId>FAULT</RequestId></Error>", code, text)
	end := "\r\n"
	if closes {
		end = "\r\nConnection: close\r\n"
	}
	answer = fmt.Appendf(nil, "HTTP/1.1 %d %s\r\nDate: %s\r\nContent-Type: application/xml\r\nx-amz-request-id: FAULT\r\nContent-Length: %d%s\r\n",
		status, http.StatusText(status), time.Now().UTC().Format(http.TimeFormat), len(body), end)
	if r.method == "HEAD" { // the length of a body that is not sent
		return answer, closes
	}
	return append(answer, body...), closes
}

var methodNames = [...]string{"GET", "HEAD", "PUT", "POST", "DELETE"}

type counters struct {
	requests, connections atomic.Int64
	chosen                atomic.Int64 // by chance, though not every one comes true: an answer may have no body to cut
	methods               [len(methodNames)]atomic.Int64
	faults                [kindCount]atomic.Int64
}

func (c *counters) request(method string) {
	c.requests.Add(1)
	for at, name := range methodNames {
		if name == method {
			c.methods[at].Add(1)
		}
	}
}

func (c *counters) zero() {
	c.requests.Store(0)
	c.connections.Store(0)
	c.chosen.Store(0)
	for at := range c.methods {
		c.methods[at].Store(0)
	}
	for at := range c.faults {
		c.faults[at].Store(0)
	}
}

func (c *counters) report(open int) map[string]any {
	methods, faults := map[string]int64{}, map[string]int64{}
	for at, name := range methodNames {
		methods[name] = c.methods[at].Load()
	}
	for at, name := range kindNames {
		faults[name] = c.faults[at].Load()
	}
	return map[string]any{
		"requests": c.requests.Load(), "methods": methods, "faults": faults, "connections": c.connections.Load(), "open": open,
	}
}
