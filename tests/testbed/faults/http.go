package main

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strconv"
	"strings"
)

// head is the start of a message: its bytes as they came, and what must be known of them to find its end.
type head struct {
	raw          []byte
	method       string // of requests
	path, query  string // of requests
	status       int    // of answers
	length       int64  // of the body; -1: until the connection closes (answers alone)
	chunked      bool
	closes       bool
	expects      bool // 100-continue
	copies       bool // x-amz-copy-source
	accessKey    string
	crcAt, crcTo int // where in raw the value of x-amz-checksum-crc64nvme is
}

const maxHeadBytes = 128 * 1024

var errTooLong = errors.New("the head of a message is longer than 128 KiB")

// readHead reads to the empty line; raw is reused as the buffer.
func readHead(from *bufio.Reader, raw []byte) (*head, error) {
	h := &head{raw: raw[:0], length: -1}
	first := true
	for {
		line, err := from.ReadSlice('\n')
		if err == bufio.ErrBufferFull || len(h.raw) > maxHeadBytes {
			return nil, errTooLong
		}
		if err != nil {
			if err == io.EOF && len(h.raw)+len(line) > 0 {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
		begin := len(h.raw)
		h.raw = append(h.raw, line...)
		line = bytes.TrimRight(line, "\r\n")
		switch {
		case first:
			h.firstLine(line)
			first = false
		case len(line) == 0:
			return h, nil
		default:
			h.header(line, begin)
		}
	}
}

func (h *head) firstLine(line []byte) {
	if bytes.HasPrefix(line, []byte("HTTP/1.")) {
		if len(line) >= 12 {
			h.status, _ = strconv.Atoi(string(line[9:12]))
		}
		h.closes = line[7] == '0'
		return
	}
	method, rest, _ := strings.Cut(string(line), " ")
	target, version, _ := strings.Cut(rest, " ")
	h.method, h.closes = method, version == "HTTP/1.0"
	h.path, h.query, _ = strings.Cut(target, "?")
	h.length = 0
}

func is(name []byte, wanted string) bool {
	return len(name) == len(wanted) && bytes.EqualFold(name, []byte(wanted))
}

func (h *head) header(line []byte, begin int) {
	colon := bytes.IndexByte(line, ':')
	if colon < 0 {
		return
	}
	name, value := line[:colon], bytes.TrimSpace(line[colon+1:])
	switch {
	case is(name, "content-length"):
		if number, err := strconv.ParseInt(string(value), 10, 64); err == nil && !h.chunked {
			h.length = number
		}
	case is(name, "transfer-encoding"):
		if bytes.EqualFold(value, []byte("chunked")) {
			h.chunked, h.length = true, -1
		}
	case is(name, "connection"):
		h.closes = h.closes || bytes.EqualFold(value, []byte("close"))
	case is(name, "expect"):
		h.expects = bytes.EqualFold(value, []byte("100-continue"))
	case is(name, "x-amz-copy-source"):
		h.copies = true
	case is(name, "authorization"):
		if _, after, ok := bytes.Cut(value, []byte("Credential=")); ok {
			key, _, _ := bytes.Cut(after, []byte("/"))
			h.accessKey = string(key)
		}
	case is(name, "x-amz-checksum-crc64nvme"):
		h.crcAt = begin + bytes.Index(line[colon:], value) + colon
		h.crcTo = h.crcAt + len(value)
	}
}

// bodiless says that an answer ends with its head.
func (h *head) bodiless(method string) bool {
	return method == "HEAD" || h.status == 204 || h.status == 304 || h.status/100 == 1
}

// object says whether a request is for an object's bytes or a part's, not for one of the subresources of a bucket or an object.
func (h *head) object() bool {
	_, key, ok := strings.Cut(strings.TrimPrefix(h.path, "/"), "/")
	if !ok || key == "" {
		return false
	}
	for _, word := range []string{"", "x-id=", "versionId=", "partNumber=", "uploadId="} {
		if h.query == word || word != "" && strings.HasPrefix(h.query, word) {
			return h.method != "GET" || !strings.Contains(h.query, "uploadId=") // ListParts
		}
	}
	return false
}
