package main

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

const (
	bufferBytes  = 64 * 1024
	patience     = 2 * time.Second // for the rest of a body whose answer came early
	spliceBytes  = 256 * 1024      // from here on bytes stay in the kernel
	paceBytes    = 16 * 1024       // at once, when the rate is limited
	dialDeadline = 10 * time.Second
)

type proxy struct {
	upstream, address string
	seed              uint64
	number            atomic.Uint64
	config            atomic.Pointer[config]
	counters          counters
	mutex             sync.Mutex
	open              map[*connection]struct{}
	listener          net.Listener
	free              time.Time // when the next byte may pass, if the rate is limited
}

// connection is a client's, with one to the server that lives as long. One goroutine reads requests and writes answers; a second
// one passes a body on that did not come together with its head, since a server may answer before it has read everything.
type connection struct {
	*proxy
	client, server   *net.TCPConn
	fromClient, from *bufio.Reader
	request, answer  []byte // buffers of heads
}

func (p *proxy) accept(listener net.Listener) {
	p.mutex.Lock()
	p.listener = listener
	p.mutex.Unlock()
	go func() {
		for {
			accepted, err := listener.Accept()
			if err != nil {
				return
			}
			p.counters.connections.Add(1)
			c := &connection{proxy: p, client: accepted.(*net.TCPConn), fromClient: bufio.NewReaderSize(accepted, bufferBytes)}
			p.mutex.Lock()
			p.open[c] = struct{}{}
			p.mutex.Unlock()
			go c.serve()
		}
	}()
}

func (p *proxy) openConnections() int {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	return len(p.open)
}

// down is a server's restart as its clients see it.
func (p *proxy) down(pause time.Duration) {
	p.mutex.Lock()
	_ = p.listener.Close()
	for c := range p.open {
		_ = c.client.SetLinger(0)
		_ = c.client.Close()
		if c.server != nil {
			_ = c.server.Close()
		}
	}
	p.mutex.Unlock()
	time.AfterFunc(pause, func() { p.accept(listen(p.address)) })
}

// pace waits until so many bytes may pass.
func (p *proxy) pace(count int) {
	rate := p.config.Load().bytesPerSecond
	if rate == 0 {
		return
	}
	p.mutex.Lock()
	now := time.Now()
	if p.free.Before(now) {
		p.free = now
	}
	p.free = p.free.Add(time.Duration(int64(count) * int64(time.Second) / rate))
	wait := p.free.Sub(now)
	p.mutex.Unlock()
	time.Sleep(wait)
}

var (
	errReset  = errors.New("a fault resets the connection")
	errClosed = errors.New("the connection ends after this answer")
)

func (c *connection) serve() {
	err := error(nil)
	for err == nil {
		err = c.exchange()
	}
	if err == errReset {
		_ = c.client.SetLinger(0)
	}
	_ = c.client.Close()
	c.mutex.Lock()
	delete(c.open, c)
	if c.server != nil {
		_ = c.server.Close()
	}
	c.mutex.Unlock()
}

func (c *connection) dial() error {
	if c.server != nil {
		return nil
	}
	dialed, err := net.DialTimeout("tcp", c.upstream, dialDeadline)
	if err != nil {
		return err
	}
	c.mutex.Lock()
	c.server = dialed.(*net.TCPConn)
	c.mutex.Unlock()
	c.from = bufio.NewReaderSize(dialed, bufferBytes)
	return nil
}

// exchange is one request with its answer.
func (c *connection) exchange() error {
	r, err := readHead(c.fromClient, c.request)
	if err != nil {
		return err
	}
	c.request = r.raw
	c.counters.request(r.method)
	settings := c.config.Load()
	fault, drawn := settings.choose(r, c.seed, c.number.Add(1), &c.counters.chosen)
	if settings.latencyMs > 0 {
		time.Sleep(time.Duration(settings.latencyMs) * time.Millisecond)
	}
	late := false
	switch fault {
	case reset:
		late, drawn = drawn&1 == 1, drawn>>1
	case internalError, slowDown, requestTimeout:
		late, drawn = r.method == "PUT" && drawn&1 == 1, drawn>>1
	case stall:
		late, drawn = r.method == "GET" && drawn&1 == 1, drawn>>1
	}
	switch fault {
	case reset, internalError, slowDown, requestTimeout, stall, expired, errorIn200:
		if !late {
			return c.refuse(fault, drawn, r)
		}
	}
	return c.pass(fault, drawn, r)
}

// refuse does an early fault.
func (c *connection) refuse(fault kind, drawn uint64, r *head) error {
	c.counters.faults[fault].Add(1)
	switch fault {
	case reset:
		return errReset
	case stall:
		time.Sleep(time.Duration(c.config.Load().stallMs) * time.Millisecond)
		return errClosed
	}
	answer, closes := refusal(fault, drawn, r)
	if !r.expects {
		if err := c.copy(nil, nil, c.fromClient, c.client, r, tamper{}); err != nil {
			return err
		}
	}
	if _, err := c.client.Write(answer); err != nil {
		return err
	}
	if closes {
		return errClosed
	}
	return nil
}

// pass gives a request to the server and its answer to the client, each with the fault that is meant for it.
func (c *connection) pass(fault kind, drawn uint64, r *head) error {
	if err := c.dial(); err != nil {
		return err
	}
	change := tamper{}
	if fault == flipUp && !r.chunked {
		change = tamper{kind: flipUp, at: int64(drawn % uint64(r.length))}
		c.counters.faults[flipUp].Add(1)
	}
	var sent chan error
	if !r.chunked && r.length <= int64(c.fromClient.Buffered()) {
		if err := c.copy(c.server, r.raw, c.fromClient, c.client, r, change); err != nil {
			return err
		}
	} else {
		sent = make(chan error, 1)
		go func() {
			err := c.copy(c.server, r.raw, c.fromClient, c.client, r, change)
			if errors.Is(err, errSource) {
				_ = c.server.Close() // the client went away, so no answer is waited for
			}
			sent <- err
		}()
	}
	err := c.respond(fault, drawn, r)
	if sent == nil {
		return err
	}
	if err != nil {
		_ = c.server.Close()
		_ = c.client.SetReadDeadline(time.Now())
		<-sent
		return err
	}
	end := time.Now().Add(patience)
	_ = c.client.SetReadDeadline(end)
	_ = c.server.SetWriteDeadline(end)
	if err := <-sent; err != nil {
		return err
	}
	_ = c.client.SetReadDeadline(time.Time{})
	return c.server.SetWriteDeadline(time.Time{})
}

// respond reads the server's answer and gives it to the client.
func (c *connection) respond(fault kind, drawn uint64, r *head) error {
	a, err := readHead(c.from, c.answer)
	for err == nil && a.status/100 == 1 {
		if _, err = c.client.Write(a.raw); err == nil {
			a, err = readHead(c.from, c.answer)
		}
	}
	if err != nil {
		return err
	}
	c.answer = a.raw
	if a.bodiless(r.method) {
		a.length, a.chunked = 0, false
	}
	change := tamper{}
	switch fault {
	case reset, internalError, slowDown, requestTimeout:
		c.counters.faults[fault].Add(1)
		if err := c.copy(nil, nil, c.from, c.server, a, change); err != nil {
			return err
		}
		if fault == reset {
			return errReset
		}
		answer, closes := refusal(fault, drawn, r)
		if _, err := c.client.Write(answer); err != nil {
			return err
		}
		if closes || a.closes {
			return errClosed
		}
		return nil
	case checksum:
		if a.crcTo > a.crcAt && a.status/100 == 2 {
			c.counters.faults[checksum].Add(1)
			at := a.raw[a.crcAt:a.crcTo]
			if at[0] == 'A' {
				at[0] = 'B'
			} else {
				at[0] = 'A'
			}
		}
	case flipDown, resetBody, truncate, stall:
		if (a.length > 0 || a.chunked || a.length < 0) && (fault != flipDown || a.status/100 == 2) {
			change = tamper{kind: fault, drawn: drawn, drawLater: true, counted: &c.counters.faults[fault]}
			if fault == stall {
				change.pause = time.Duration(c.config.Load().stallMs) * time.Millisecond
			}
		}
	}
	if err := c.copy(c.client, a.raw, c.from, c.server, a, change); err != nil {
		return err
	}
	if a.closes || r.closes || a.length < 0 && !a.chunked {
		return errClosed
	}
	return nil
}

// tamper is what happens to a body at one of its bytes.
type tamper struct {
	kind      kind
	at        int64
	drawn     uint64
	drawLater bool // `at` is drawn when the body's length, or that of its first chunk, is known
	counted   *atomic.Int64
	pause     time.Duration
	on        bool
}

var errSource = errors.New("the sender of a body went away")

// copy passes a message on: its head, and as much body as follows. Without a target the body is thrown away.
func (c *connection) copy(to *net.TCPConn, first []byte, from *bufio.Reader, source *net.TCPConn, h *head, change tamper) error {
	change.on = change.drawLater || change.kind == flipUp
	switch {
	case h.chunked:
		return c.copyChunks(to, first, from, source, &change)
	case h.length < 0:
		return c.copyBytes(to, first, from, source, 1<<62, &change)
	default:
		return c.copyBytes(to, first, from, source, h.length, &change)
	}
}

func (c *connection) copyChunks(to *net.TCPConn, first []byte, from *bufio.Reader, source *net.TCPConn, change *tamper) error {
	pending := first
	for {
		line, err := from.ReadSlice('\n')
		if err != nil {
			return errors.Join(errSource, err)
		}
		pending = append(pending, line...)
		text, _, _ := bytes.Cut(bytes.TrimRight(line, "\r\n"), []byte(";"))
		size, err := strconv.ParseInt(string(bytes.TrimSpace(text)), 16, 64)
		if err != nil {
			return errors.Join(errSource, err)
		}
		if size == 0 {
			break
		}
		if err := c.copyBytes(to, pending, from, source, size, change); err != nil {
			return err
		}
		pending = pending[:0]
		if err := c.copyBytes(to, nil, from, source, 2, &tamper{}); err != nil {
			return err
		}
	}
	for { // trailers, to the empty line
		line, err := from.ReadSlice('\n')
		if err != nil {
			return errors.Join(errSource, err)
		}
		pending = append(pending, line...)
		if len(bytes.TrimRight(line, "\r\n")) == 0 {
			break
		}
	}
	return write(to, pending)
}

func write(to *net.TCPConn, some []byte) error {
	if to == nil || len(some) == 0 {
		return nil
	}
	_, err := to.Write(some)
	return err
}

// copyBytes passes on first and then count bytes, which are a whole body or a chunk of one.
func (c *connection) copyBytes(to *net.TCPConn, first []byte, from *bufio.Reader, source *net.TCPConn, count int64, change *tamper) error {
	if change.on && change.drawLater && count > 0 {
		length := uint64(count)
		if count == 1<<62 {
			length = 1
		}
		change.at, change.drawLater = int64(change.drawn%length), false
		change.counted.Add(1)
	}
	limited := c.config.Load().bytesPerSecond > 0
	if have := int64(from.Buffered()); !change.on && !limited && have > 0 && count > 0 { // one write for the head and what is there
		some, _ := from.Peek(int(min(have, count)))
		first = append(first, some...)
		_, _ = from.Discard(len(some))
		count -= int64(len(some))
	}
	if err := write(to, first); err != nil {
		return err
	}
	done := int64(0)
	for count > 0 {
		if !change.on && !limited && count >= spliceBytes && to != nil && from.Buffered() == 0 {
			copied, err := to.ReadFrom(&io.LimitedReader{R: source, N: count})
			if err == nil && copied < count {
				err = errors.Join(errSource, io.ErrUnexpectedEOF)
			}
			return err
		}
		if _, err := from.Peek(1); err != nil {
			return errors.Join(errSource, err)
		}
		size := min(count, int64(from.Buffered()))
		if limited {
			size = min(size, paceBytes)
		}
		some, _ := from.Peek(int(size))
		ends := error(nil)
		if change.on && change.at < done+size {
			switch at := change.at - done; change.kind {
			case flipUp, flipDown:
				some[at] ^= 1 << (change.drawn >> 32 & 7)
			case resetBody:
				some, ends = some[:at], errReset
			case truncate, stall:
				some, ends = some[:at], errClosed
			}
			change.on = false
		}
		c.pace(len(some))
		if err := write(to, some); err != nil {
			return err
		}
		if ends != nil {
			time.Sleep(change.pause)
			return ends
		}
		_, _ = from.Discard(int(size))
		done += size
		count -= size
	}
	return nil
}
