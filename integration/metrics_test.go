package integration

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

// metrics are what /metrics of the admin endpoint says of ours, by name and
// labels.
func (c *caddy) metrics() map[string]float64 {
	c.t.Helper()
	resp, err := http.Get("http://" + c.admin + "/metrics")
	if err != nil {
		c.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != 200 {
		c.t.Fatalf("/metrics: %s, %v\n%s", resp.Status, err, body)
	}
	values := map[string]float64{}
	for line := range strings.Lines(string(body)) {
		at := strings.LastIndex(line, " ")
		if !strings.HasPrefix(line, "caddy_auth_") || at < 0 {
			continue
		}
		v, err := strconv.ParseFloat(strings.TrimSpace(line[at:]), 64)
		if _, twice := values[line[:at]]; err != nil || twice {
			c.t.Errorf("/metrics: twice, or no number: %q", line)
		}
		values[line[:at]] = v
	}
	return values
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	app := startApp(t)
	server, gate := "http://"+freeAddr(t), "http://"+freeAddr(t)
	file := fmt.Sprintf("%s {\n\tauth_server\n}\n%s {\n\tauth_client\n\treverse_proxy %s\n}\n", server, gate, app.addr)
	c := startCaddy(t, file)
	c.people()
	p := newPerson(t)
	p.open(gate+"/").onLogin(server).signIn("bob", "not this")
	p.onLogin(server).signIn("bob", password).at(gate+"/", 200)
	if resp := newPerson(t).fetch("GET", gate+"/"); resp.StatusCode != 401 {
		t.Fatalf("a stranger gets %s", resp.Status)
	}
	if resp, err := http.PostForm(server+"/o/token", map[string][]string{"client_id": {"nobody"}, "client_secret": {"x"}}); err != nil || resp.StatusCode != 401 {
		t.Fatalf("a client that is none: %v, %v", resp, err)
	}
	c.auth("", "user", "disable", "bob")
	enforced(t, p, gate, "disabled", signedOut)

	sum := func(m map[string]float64, name string, labels ...string) (v float64, series int) {
		for key, n := range m {
			if !strings.HasPrefix(key, "caddy_auth_"+name+"{") {
				continue
			}
			fits := true
			for _, l := range labels {
				fits = fits && strings.Contains(key, l)
			}
			if fits {
				v, series = v+n, series+1
			}
		}
		return v, series
	}
	waitFor(t, time.Minute, func() error {
		m := c.metrics()
		for _, want := range []struct {
			name   string
			labels []string
			ok     func(float64) bool
		}{
			{"sign_ins_total", []string{`result="ok"`, `issuer="` + server + `"`}, func(v float64) bool { return v == 1 }},
			{"sign_ins_total", []string{`result="failed"`}, func(v float64) bool { return v == 1 }},
			{"tokens_total", []string{`grant_type="authorization_code"`}, func(v float64) bool { return v == 1 }},
			{"tokens_total", []string{`grant_type="refresh_token"`}, func(v float64) bool { return v == 0 }},
			{"sync_lag_changes", nil, func(v float64) bool { return v == 0 }},
			{"sync_lag_seconds", nil, func(v float64) bool { return v == 0 }},
			{"sync_last_success_timestamp_seconds", nil, func(v float64) bool {
				age := time.Since(time.UnixMilli(int64(v * 1000)))
				return age > -time.Second && age < time.Minute
			}},
			{"sync_parked", nil, func(v float64) bool { return v == 0 }},
			{"sync_failures_total", nil, func(v float64) bool { return v == 0 }},
			{"sync_batches_total", nil, func(v float64) bool { return v > 0 }},
			{"sync_changes_total", nil, func(v float64) bool { return v >= 3 }},
			{"gate_mirror_age_seconds", nil, func(v float64) bool { return v >= 0 && v < 60 }},
			{"gate_mirror_seq", nil, func(v float64) bool { return v >= 3 }},
			{"gate_decisions_total", []string{`decision="allowed"`}, func(v float64) bool { return v >= 1 }},
			{"gate_decisions_total", []string{`decision="refused"`}, func(v float64) bool { return v >= 1 }},
			{"gate_decisions_total", []string{`decision="login"`}, func(v float64) bool { return v >= 1 }},
			{"gate_sessions_ended_total", nil, func(v float64) bool { return v == 0 }}, // with one store the server ends them itself
		} {
			if v, series := sum(m, want.name, want.labels...); series != 1 || !want.ok(v) {
				return fmt.Errorf("%s %v is %v in %d series; all there are: %v", want.name, want.labels, v, series, m)
			}
		}
		return nil
	})

	// Nothing is left of the configs before, and nothing is registered twice.
	before := c.metrics()
	for range 3 {
		if err := c.reload(file); err != nil {
			t.Fatal(err)
		}
	}
	after := c.metrics()
	for key := range before {
		if _, there := after[key]; !there {
			t.Errorf("after reloads there is no %s", key)
		}
	}
	if len(after) != len(before) {
		t.Errorf("%d series became %d", len(before), len(after))
	}
	if seq, _ := sum(after, "gate_mirror_seq"); seq < 3 {
		t.Errorf("after reloads the mirror is at %v", seq)
	}
	if strings.Contains(fmt.Sprint(after), "nobody") {
		t.Error("who is no client is a label")
	}
	// Without a gate, none is shown.
	if err := c.reload(fmt.Sprintf("%s {\n\tauth_server\n}\n", server)); err != nil {
		t.Fatal(err)
	}
	if m := fmt.Sprint(c.metrics()); strings.Contains(m, "caddy_auth_gate_") {
		t.Errorf("a gate that is no more is shown: %s", m)
	}
}
