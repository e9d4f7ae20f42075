package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

func TestResponsesAreReadOneAfterTheOther(t *testing.T) {
	long := strings.Repeat("x", 40_000) // more than the buffer holds
	stream := "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello" +
		"HTTP/1.1 302 Found\r\nLocation: /a\r\ncontent-length:0\r\n\r\n" +
		"HTTP/1.1 204 No Content\r\n\r\n" +
		"HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\n\r\n" +
		fmt.Sprintf("HTTP/1.1 200\r\nConnection: keep-alive\r\nCONTENT-LENGTH:  %d \r\n\r\n%s", len(long), long) +
		"HTTP/1.1 401 Unauthorized\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\n\r\n\n" +
		"HTTP/1.1 500 Internal Server Error\r\nX: " + strings.Repeat("y", 10_000) + "\r\nContent-Length: 2\r\n\r\nno"
	want := []int{200, 302, 204, 304, 200, 401, 500}
	for name, conn := range map[string]io.Reader{
		"in one piece":    strings.NewReader(stream),
		"byte by byte":    iotest.OneByteReader(strings.NewReader(stream)),
		"in halves":       iotest.HalfReader(strings.NewReader(stream)),
		"error with data": iotest.DataErrReader(strings.NewReader(stream)),
	} {
		t.Run(name, func(t *testing.T) {
			r := newResponseReader(conn)
			for i, status := range want {
				got, head, err := r.next()
				if err != nil || got != status {
					t.Fatalf("response %d: %d, %v; want %d", i, got, err, status)
				}
				if !bytes.HasPrefix(head, []byte("HTTP/1.1 ")) || !bytes.HasSuffix(head, []byte("\r\n\r\n")) {
					t.Fatalf("response %d: the head is %q", i, head)
				}
			}
			if _, _, err := r.next(); !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Fatalf("behind the last response: %v", err)
			}
		})
	}
}

// Read whole, there is also what is in them, however they arrive.
func TestWholeResponses(t *testing.T) {
	long := strings.Repeat("x", 40_000)
	bodies := []string{"hello", "", long, "\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", long[:17_000], "end"}
	var stream strings.Builder
	for _, body := range bodies {
		fmt.Fprintf(&stream, "HTTP/1.1 200 OK\r\nX: y\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	}
	for name, conn := range map[string]io.Reader{
		"in one piece": strings.NewReader(stream.String()),
		"byte by byte": iotest.OneByteReader(strings.NewReader(stream.String())),
		"in halves":    iotest.HalfReader(strings.NewReader(stream.String())),
	} {
		t.Run(name, func(t *testing.T) {
			r := newResponseReader(conn)
			for i, want := range bodies {
				status, head, body, err := r.whole()
				if err != nil || status != 200 || string(body) != want {
					t.Fatalf("response %d: %d, %d bytes, %v", i, status, len(body), err)
				}
				if !bytes.HasPrefix(head, []byte("HTTP/1.1 200 OK\r\nX: y\r\n")) || !bytes.HasSuffix(head, []byte("\r\n\r\n")) {
					t.Fatalf("response %d: the head is %q", i, head)
				}
			}
			if _, _, _, err := r.whole(); !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Fatalf("behind the last response: %v", err)
			}
		})
	}
}

func TestResponsesThatCannotBeCounted(t *testing.T) {
	for _, stream := range []string{
		"",
		"HTTP/1.1 200 OK\r\nContent-Len",
		"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell",
		"HTTP/1.1 200 OK\r\nContent-Length: 50000\r\n\r\nhell",
		"HTTP/1.1 200 OK\r\n\r\nuntil the connection ends",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
		"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n",
		"HTTP/1.1 100 Continue\r\n\r\n",
		"HTTP/1.1 2x0 OK\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n",
		"HTTP/2 200\r\nContent-Length: 0\r\n\r\n",
		"hello\r\n\r\n",
		"HTTP/1.1 200 OK\r\nX: " + strings.Repeat("y", 20_000),
	} {
		if status, _, err := newResponseReader(strings.NewReader(stream)).next(); err == nil {
			t.Errorf("%.60q was taken for a response with status %d", stream, status)
		}
	}
}

// However a stream is cut into reads, it holds the same responses.
func FuzzResponse(f *testing.F) {
	f.Add([]byte("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhelloHTTP/1.1 204 No\r\n\r\n"))
	f.Add([]byte("HTTP/1.0 302 Found\r\ncontent-length: 0\r\n\r\n\r\n"))
	f.Add([]byte("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"))
	f.Fuzz(func(t *testing.T, stream []byte) {
		whole := newResponseReader(bytes.NewReader(stream))
		pieces := newResponseReader(iotest.OneByteReader(bytes.NewReader(stream)))
		for {
			status, head, err := whole.next()
			head = bytes.Clone(head)
			status2, head2, err2 := pieces.next()
			if status != status2 || !bytes.Equal(head, head2) || (err == nil) != (err2 == nil) {
				t.Fatalf("%d %q %v in one piece, %d %q %v in many", status, head, err, status2, head2, err2)
			}
			if err != nil {
				return
			}
		}
	})
}
