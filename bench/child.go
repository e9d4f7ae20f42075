package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"strconv"
	"strings"
	"time"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"

	_ "github.com/caddyserver/caddy/v2/modules/standard"

	_ "github.com/caddyito/caddyito"
)

// roleEnv is set for a child process and says what it is.
const roleEnv = "CADDYITO_BENCH_CHILD"

const (
	// roleCaddy is "caddy run" with the Caddyfile in caddyfileEnv.
	roleCaddy    = "caddy"
	caddyfileEnv = "CADDYITO_BENCH_CADDYFILE"
	// roleUpstream is the app behind the proxies, and the issuer of the gates.
	roleUpstream = "upstream"
)

// usage is what a child says it has used since it started.
type usage struct {
	CPU       time.Duration `json:"cpu"` // user and system time
	Mallocs   uint64        `json:"mallocs"`
	Anonymous int64         `json:"anonymous"` // bytes in memory that belong to no file
	Done      int           `json:"done"`      // of opSign: how often
}

// The control line: a word on the child's stdin, an answer in JSON on its
// stdout.
const (
	opUsage   = "usage"   // answers usage
	opSettle  = "settle"  // collects garbage and returns memory, then as usage
	opProfile = "profile" // starts a CPU profile into the file named behind it
	opStop    = "stop"    // ends it, and writes all allocations into the file named behind it
	opSign    = "sign"    // makes bare RS256 signatures on every core for the time named behind it
)

func runChild(role string) int {
	answers := json.NewEncoder(os.Stdout)
	go control(answers)
	switch role {
	case roleCaddy:
		os.Args = []string{"caddy", "run", "--adapter", "caddyfile", "--config", os.Getenv(caddyfileEnv)}
		caddycmd.Main() // never returns
	case roleUpstream:
		return upstream(answers)
	case roleReceivers:
		return receivers(answers)
	}
	fmt.Fprintf(os.Stderr, "%s=%q: no such role\n", roleEnv, role)
	return 1
}

// control answers the parent, and ends the process when the parent is gone.
func control(answers *json.Encoder) {
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		op, argument, _ := strings.Cut(lines.Text(), " ")
		done, err := controlOne(op, argument)
		if err == nil {
			u := measureSelf()
			u.Done = done
			err = answers.Encode(u)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, op+":", err)
			os.Exit(1)
		}
	}
	os.Exit(0)
}

func controlOne(op, argument string) (done int, err error) {
	switch op {
	case opUsage:
		return 0, nil
	case opSettle:
		debug.FreeOSMemory()
		return 0, nil
	case opProfile:
		f, err := os.Create(argument)
		if err != nil {
			return 0, err
		}
		return 0, pprof.StartCPUProfile(f)
	case opStop:
		pprof.StopCPUProfile()
		f, err := os.Create(argument)
		if err != nil {
			return 0, err
		}
		defer f.Close()
		return 0, pprof.Lookup("allocs").WriteTo(f, 0)
	case opSign:
		d, err := time.ParseDuration(argument)
		if err != nil {
			return 0, err
		}
		return signFor(d)
	}
	return 0, fmt.Errorf("no such operation")
}

func measureSelf() usage {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return usage{CPU: cpuTime(), Mallocs: m.Mallocs, Anonymous: anonymousMemory()}
}

// anonymousMemory is RssAnon of /proc/<pid>/status (Linux), or 0.
func anonymousMemory() int64 { return anonymousMemoryOf(os.Getpid()) }

func anonymousMemoryOf(pid int) int64 {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		return 0
	}
	return parseRssAnon(string(b))
}

func parseRssAnon(status string) int64 {
	for line := range strings.Lines(status) {
		if value, ok := strings.CutPrefix(line, "RssAnon:"); ok {
			kb, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
			if err != nil {
				return 0
			}
			return kb << 10
		}
	}
	return 0
}

// body is what every variant answers.
const body = "Hello, world!"

// upstream serves an app, at a port of its own choice which is its first line
// on stdout. "/who" says what identity it was told.
func upstream(answers *json.Encoder) int {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	addr := listener.Addr().String()
	if err := answers.Encode(addr); err != nil {
		return 1
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		w.Header()["Content-Type"] = []string{"text/plain"}
		w.Write([]byte(body))
	})
	mux.HandleFunc("/who", func(w http.ResponseWriter, r *http.Request) {
		w.Write([]byte(r.Header.Get("Remote-User")))
	})
	mux.HandleFunc("/.well-known/openid-configuration", func(w http.ResponseWriter, r *http.Request) {
		issuer := "http://" + addr
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(map[string]any{
			"issuer":                                issuer,
			"authorization_endpoint":                issuer + "/authorize",
			"token_endpoint":                        issuer + "/token",
			"userinfo_endpoint":                     issuer + "/userinfo",
			"jwks_uri":                              issuer + "/jwks",
			"end_session_endpoint":                  issuer + "/logout",
			"response_types_supported":              []string{"code"},
			"subject_types_supported":               []string{"public"},
			"code_challenge_methods_supported":      []string{"S256"},
			"id_token_signing_alg_values_supported": []string{"ES256"},
		})
	})
	fmt.Fprintln(os.Stderr, http.Serve(listener, mux))
	return 1
}
