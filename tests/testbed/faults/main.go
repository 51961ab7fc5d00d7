// faults stands before a real S3 server and does to a share of the requests what networks and servers do to them.
//
//	faults --listen 127.0.0.1:0 --upstream HOST:PORT --permille 50 --seed 7 --kinds reset,truncate --stall-ms 3000
//
// Everything else passes unchanged, byte for byte, so signatures stay valid. The first line that it prints is the port it listens
// on, the second one the port of its controls, both on the address of --listen:
//
//	GET  /stats                    JSON: requests, methods, faults (by kind), connections, open
//	POST /zero                     all counters to zero
//	POST /config?permille=&kinds=  live, also limit, stall_ms, latency_ms, bytes_per_second, expired_key; what is not named stays
//	POST /down?ms=3000             every connection reset, none accepted for so long, as when a server is restarted
//
// Kinds: see faults.go. HTTP/1.1 without TLS; path-style requests (a kind that is for objects looks for a key in the path).
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"
)

func configured(old *config, values url.Values) (*config, error) {
	next := *old
	for name, target := range map[string]*int64{
		"permille": &next.permille, "limit": &next.limit, "stall_ms": &next.stallMs, "latency_ms": &next.latencyMs,
		"bytes_per_second": &next.bytesPerSecond,
	} {
		if !values.Has(name) {
			continue
		}
		number, err := strconv.ParseInt(values.Get(name), 10, 64)
		if err != nil || number < 0 {
			return nil, fmt.Errorf("%s must be a number of 0 or more, not %q", name, values.Get(name))
		}
		*target = number
	}
	if values.Has("expired_key") {
		next.expiredKey = values.Get("expired_key")
	}
	if values.Has("kinds") {
		next.kinds = [kindCount]bool{}
		for _, name := range strings.FieldsFunc(values.Get("kinds"), func(r rune) bool { return r == ',' }) {
			kind, ok := kindOf(name)
			if !ok {
				return nil, fmt.Errorf("unknown kind %q: there are %s", name, strings.Join(kindNames[:], ", "))
			}
			next.kinds[kind] = true
		}
	}
	return &next, nil
}

func (p *proxy) controls() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /stats", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(p.counters.report(p.openConnections()))
	})
	mux.HandleFunc("POST /zero", func(http.ResponseWriter, *http.Request) { p.counters.zero() })
	mux.HandleFunc("POST /config", func(w http.ResponseWriter, r *http.Request) {
		next, err := configured(p.config.Load(), r.URL.Query())
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		p.config.Store(next)
	})
	mux.HandleFunc("POST /down", func(w http.ResponseWriter, r *http.Request) {
		ms, err := strconv.Atoi(r.URL.Query().Get("ms"))
		if err != nil || ms < 0 {
			http.Error(w, "ms must be a number of 0 or more", http.StatusBadRequest)
			return
		}
		p.down(time.Duration(ms) * time.Millisecond)
	})
	return mux
}

func listen(address string) net.Listener {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		log.Fatal(err)
	}
	return listener
}

func main() {
	log.SetFlags(0)
	address := flag.String("listen", "127.0.0.1:0", "HOST:PORT to listen on; port 0: any free one")
	upstream := flag.String("upstream", "", "HOST:PORT of the S3 server")
	seed := flag.Uint64("seed", 7, "of the generator that chooses requests and faults")
	withParent := flag.Bool("with-parent", false, "end when standard input does")
	options := url.Values{}
	for name, value := range map[string]string{
		"permille": "50", "kinds": "", "limit": "0", "stall-ms": "3000", "latency-ms": "0", "bytes-per-second": "0", "expired-key": "",
	} {
		flag.Func(name, "as in POST /config; default "+strconv.Quote(value), func(text string) error {
			options.Set(strings.ReplaceAll(name, "-", "_"), text)
			return nil
		})
		options.Set(strings.ReplaceAll(name, "-", "_"), value)
	}
	flag.Parse()
	if _, _, err := net.SplitHostPort(*upstream); err != nil {
		log.Fatal("--upstream must be HOST:PORT: ", err)
	}
	initial, err := configured(&config{}, options)
	if err != nil {
		log.Fatal(err)
	}
	host, _, err := net.SplitHostPort(*address)
	if err != nil {
		log.Fatal("--listen must be HOST:PORT: ", err)
	}
	p := &proxy{upstream: *upstream, seed: *seed, open: map[*connection]struct{}{}}
	p.config.Store(initial)
	listener, controls := listen(*address), listen(net.JoinHostPort(host, "0"))
	p.address = listener.Addr().String()
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	fmt.Println(controls.Addr().(*net.TCPAddr).Port)
	if *withParent {
		go func() {
			_, _ = io.Copy(io.Discard, os.Stdin)
			os.Exit(0)
		}()
	}
	go func() { log.Fatal(http.Serve(controls, p.controls())) }()
	p.accept(listener)
	select {}
}
