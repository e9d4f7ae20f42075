package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
)

// responseReader reads HTTP/1.1 responses off a keep-alive connection (RFC 9112)
// and throws them away, for a small part of what net/http's client costs: the
// driver shares the cores with what it measures.
//
// It knows what the servers driven here send: a body has a Content-Length; a
// chunked one is an error.
type responseReader struct {
	conn       io.Reader
	buf        []byte
	start, end int // buf[start:end] is read and not yet used
}

func newResponseReader(conn io.Reader) *responseReader {
	return &responseReader{conn: conn, buf: make([]byte, 16<<10)}
}

// next reads one response. head is its status line and header, valid until the
// next call.
func (r *responseReader) next() (status int, head []byte, err error) {
	if r.start == r.end {
		r.start, r.end = 0, 0
	}
	searched := r.start
	for {
		// The end of the header may lie across two reads.
		if i := bytes.Index(r.buf[searched:r.end], []byte("\r\n\r\n")); i >= 0 {
			head = r.buf[r.start : searched+i+4]
			break
		}
		searched = max(r.start, r.end-3)
		moved, err := r.fill()
		if err != nil {
			return 0, nil, fmt.Errorf("reading a response: %w", err)
		}
		searched -= moved
	}
	r.start += len(head)
	status, length, err := parseHead(head)
	if err != nil {
		return 0, nil, err
	}
	return status, head, r.skip(length)
}

// fill reads once more, first making room by moving what is there to the front,
// by moved bytes.
func (r *responseReader) fill() (moved int, err error) {
	if r.end == len(r.buf) {
		if r.start == 0 {
			return 0, fmt.Errorf("a header of more than %d bytes", len(r.buf))
		}
		moved = r.start
		copy(r.buf, r.buf[r.start:r.end])
		r.end -= r.start
		r.start = 0
	}
	n, err := r.conn.Read(r.buf[r.end:])
	r.end += n
	if n > 0 {
		return moved, nil
	}
	if err == nil || err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return moved, err
}

// whole reads one response with its body. Both are valid until the next call.
func (r *responseReader) whole() (status int, head, body []byte, err error) {
	need := 0 // of which nothing is known yet
	for searched := 0; ; {
		read := r.buf[r.start:r.end]
		if need == 0 {
			if i := bytes.Index(read[searched:], []byte("\r\n\r\n")); i >= 0 {
				head = read[:searched+i+4]
				var length int
				if status, length, err = parseHead(head); err != nil {
					return 0, nil, nil, err
				}
				need = len(head) + length
			}
			searched = max(0, len(read)-3)
		}
		if need > 0 && len(read) >= need {
			n := len(head)
			r.start += need
			return status, read[:n:n], read[n:need:need], nil
		}
		if need > len(r.buf) {
			r.buf = append(make([]byte, 0, need), read...)[:need]
			r.start, r.end = 0, len(read)
		}
		if _, err := r.fill(); err != nil {
			return 0, nil, nil, fmt.Errorf("reading a response: %w", err)
		}
	}
}

// skip takes a body off the connection. It may overwrite everything behind
// r.start, but not the head before it.
func (r *responseReader) skip(length int) error {
	if have := r.end - r.start; length >= have {
		length -= have
		r.start = r.end
	} else {
		r.start += length
		return nil
	}
	// What is left does not matter, so it is read over the same bytes; the head
	// stays where it is.
	for length > 0 {
		scratch := r.buf[r.start:]
		if len(scratch) == 0 {
			scratch = make([]byte, 4096)
		}
		n, err := r.conn.Read(scratch[:min(length, len(scratch))])
		length -= n
		if n == 0 && err != nil {
			return fmt.Errorf("reading a body: %w", io.ErrUnexpectedEOF)
		}
	}
	return nil
}

// parseHead finds the status and the length of the body.
func parseHead(head []byte) (status, length int, err error) {
	line, rest, _ := bytes.Cut(head, []byte("\r\n"))
	if len(line) < 12 || string(line[:7]) != "HTTP/1." || line[8] != ' ' || len(line) > 12 && line[12] != ' ' {
		return 0, 0, fmt.Errorf("not a status line: %q", line)
	}
	for _, c := range line[9:12] {
		if c < '0' || c > '9' {
			return 0, 0, fmt.Errorf("not a status line: %q", line)
		}
		status = status*10 + int(c-'0')
	}
	if status < 200 {
		return 0, 0, fmt.Errorf("an interim response (%d) was not asked for", status)
	}
	known := false
	for len(rest) > 0 {
		line, rest, _ = bytes.Cut(rest, []byte("\r\n"))
		// Most lines are told apart by where their name ends.
		if !(len(line) > 14 && line[14] == ':' || len(line) > 17 && line[17] == ':') {
			continue
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		switch {
		case bytes.EqualFold(name, []byte("content-length")):
			n, err := strconv.ParseUint(string(bytes.TrimSpace(value)), 10, 31)
			if err != nil || known && int(n) != length {
				return 0, 0, fmt.Errorf("not a length: %q", line)
			}
			length, known = int(n), true
		case bytes.EqualFold(name, []byte("transfer-encoding")):
			return 0, 0, errors.New("a response without Content-Length, which the driver does not read")
		}
	}
	// RFC 9110 section 6.4.1.
	if status == 204 || status == 304 {
		return status, 0, nil
	}
	if !known {
		return 0, 0, errors.New("a response without Content-Length, which the driver does not read")
	}
	return status, length, nil
}
