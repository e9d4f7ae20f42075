package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// callAdmin makes a request of a Caddy's admin API. That says 503 for a moment
// after the site serves.
func callAdmin(ctx context.Context, admin, method, path, body string, out any) error {
	for deadline := time.Now().Add(10 * time.Second); ; {
		status, err := callAdminOnce(ctx, admin, method, path, body, out)
		if status != http.StatusServiceUnavailable || time.Now().After(deadline) {
			return err
		}
		if err := pause(ctx, 5*time.Millisecond); err != nil {
			return err
		}
	}
}

func callAdminOnce(ctx context.Context, admin, method, path, body string, out any) (status int, err error) {
	r, err := http.NewRequestWithContext(ctx, method, "http://"+admin+path, strings.NewReader(body))
	if err != nil {
		return 0, err
	}
	r.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err
	}
	status = resp.StatusCode
	if status/100 != 2 {
		return status, fmt.Errorf("%s %s: %s %s", method, path, resp.Status, text)
	}
	if out == nil {
		return status, nil
	}
	return status, json.Unmarshal(text, out)
}
