package usersync

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode"
)

const (
	// CallTimeout is how long whoever is told something may take to answer, all in
	// all.
	CallTimeout = 5 * time.Second
	// uploadRate is what a line carries at the least, in bytes a second: so much longer
	// is waited for a batch that is long, or over a slow line a mirror would never be
	// filled.
	uploadRate = 64 << 10
	maxAnswer  = 4 << 10
)

// call sends a request, whose length is known, and reads the beginning of the answer.
func (s *Server) call(r *http.Request) (resp *http.Response, text []byte, err error) {
	patience := CallTimeout + time.Duration(r.ContentLength)*time.Second/uploadRate
	ctx, cancel := context.WithTimeoutCause(r.Context(), patience, errNoAnswer)
	defer cancel()
	defer func() {
		if err != nil && errors.Is(context.Cause(ctx), errNoAnswer) {
			err = fmt.Errorf("%w within %s: %w", errNoAnswer, patience.Round(time.Second), err)
		}
	}()
	if resp, err = s.http.Do(r.WithContext(ctx)); err != nil {
		return nil, nil, withoutURL(err)
	}
	defer resp.Body.Close()
	if text, err = io.ReadAll(io.LimitReader(resp.Body, maxAnswer)); err != nil {
		return nil, nil, fmt.Errorf("reading the answer: %w", err)
	}
	return resp, text, nil
}

var errNoAnswer = errors.New("no answer")

// withoutURL is an error of a request without its URL, which is shown beside it.
func withoutURL(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err
	}
	return err
}

// refusal tells what the client said.
func refusal(resp *http.Response, text []byte) error {
	var e struct{ Description string }
	_ = json.Unmarshal(text, &e) // it may be anything
	if e.Description = printable(e.Description, 300); e.Description == "" {
		return fmt.Errorf("it answers %d %s", resp.StatusCode, http.StatusText(resp.StatusCode))
	}
	return fmt.Errorf("it answers %d: %s", resp.StatusCode, e.Description)
}

// printable is what was said by others, or holds such, on one line and not at length:
// nothing in it speaks to a terminal, or turns the direction of the text round.
func printable(text string, most int) string {
	text = strings.Map(func(c rune) rune {
		switch {
		case unicode.IsPrint(c):
			return c
		case unicode.IsSpace(c):
			return ' '
		}
		return -1
	}, strings.ToValidUTF8(text, "\uFFFD"))
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "")
	}
	return strings.TrimSpace(text)
}
