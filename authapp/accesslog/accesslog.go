package accesslog

import (
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/certmagic"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// Log writes to the loggers of Caddy's access log.
type Log struct{ logger *zap.Logger }

// New is to be called from a handler's Provision.
func New(ctx caddy.Context) *Log {
	// The name of Caddy's own: modules/caddyhttp/app.go.
	return &Log{ctx.Logger(caddyhttp.App{}).Named("log.access")}
}

// Serve calls serve, and sees that what its URLs hold does not get into the
// access log: the query of its Location, and where ownURL is true that of the
// request itself.
func (l *Log) Serve(w http.ResponseWriter, r *http.Request, ownURL bool, serve func(http.ResponseWriter, *http.Request)) {
	srv, _ := r.Context().Value(caddyhttp.ServerCtxKey).(*caddyhttp.Server)
	if srv == nil || !logs(srv.Logs, r.Host) {
		serve(w, r)
		return
	}
	logged := r.Clone(r.Context())
	if orig, ok := r.Context().Value(caddyhttp.OriginalRequestCtxKey).(http.Request); ok {
		logged.Method, logged.RequestURI = orig.Method, orig.RequestURI
	}
	secret := false
	if ownURL {
		logged.RequestURI, secret = redactQuery(logged.RequestURI)
		// The page before was one of signing in, too.
		if from, had := redactQuery(logged.Header.Get("Referer")); had {
			logged.Header.Set("Referer", from)
			secret = true
		}
	}
	start := time.Now()
	rec := caddyhttp.NewResponseRecorder(w, nil, nil)
	// Deferred, so that a panic in serve does not let the URL out either.
	defer func() {
		header := rec.Header().Clone()
		to, had := redactQuery(header.Get("Location"))
		if !had && !secret {
			return
		}
		if had {
			header.Set("Location", to)
		}
		l.write(srv, logged, rec.Status(), rec.Size(), time.Since(start), header)
	}()
	serve(rec, r)
}

// write does what caddyhttp.Server.logRequest does.
func (l *Log) write(srv *caddyhttp.Server, r *http.Request, status, size int, took time.Duration, header http.Header) {
	ctx := r.Context()
	if skip, ok := caddyhttp.GetVar(ctx, caddyhttp.LogSkipVar).(bool); ok && skip {
		return
	}
	caddyhttp.SetVar(ctx, caddyhttp.LogSkipVar, true)

	level := zapcore.InfoLevel
	if status >= 500 {
		level = zapcore.ErrorLevel
	}
	if name, ok := caddyhttp.GetVar(ctx, caddyhttp.LogLevelVar).(string); ok {
		if v, err := zapcore.ParseLevel(name); err == nil && v >= zapcore.DebugLevel && v <= zapcore.ErrorLevel {
			level = v
		}
	}
	user := ""
	if repl, ok := ctx.Value(caddy.ReplacerCtxKey).(*caddy.Replacer); ok {
		user, _ = repl.GetString("http.auth.user.id")
	}
	credentials := srv.Logs.ShouldLogCredentials
	for _, name := range loggerNames(srv.Logs, r) {
		logger := l.logger
		if name != "" {
			logger = logger.Named(name)
		}
		if c := logger.Check(level, "handled request"); c != nil {
			c.Write(
				zap.Object("request", caddyhttp.LoggableHTTPRequest{Request: r, ShouldLogCredentials: credentials}),
				zap.Int("bytes_read", int(max(r.ContentLength, 0))),
				zap.String("user_id", user),
				zap.Duration("duration", took),
				zap.Int("size", size),
				zap.Int("status", status),
				zap.Object("resp_headers", caddyhttp.LoggableHTTPHeader{Header: header, ShouldLogCredentials: credentials}),
			)
		}
	}
}

// logs is caddyhttp.Server.shouldLogRequest.
func logs(c *caddyhttp.ServerLogConfig, host string) bool {
	if c == nil {
		return false
	}
	host = withoutPort(host)
	for name := range c.LoggerNames {
		if certmagic.MatchWildcard(host, name) {
			return true
		}
	}
	for _, skip := range c.SkipHosts {
		if certmagic.MatchWildcard(host, skip) {
			return false
		}
	}
	return !c.SkipUnmappedHosts
}

// loggerNames is caddyhttp.ServerLogConfig.wrapLogger: the names below
// "http.log.access", "" being that one itself.
func loggerNames(c *caddyhttp.ServerLogConfig, r *http.Request) []string {
	if names, ok := caddyhttp.GetVar(r.Context(), caddyhttp.AccessLoggerNameVarKey).([]any); ok {
		var list []string
		for _, n := range names {
			s, _ := n.(string)
			list = append(list, s)
		}
		return list
	}
	host := strings.ToLower(withoutPort(r.Host))
	if names, ok := c.LoggerNames[host]; ok {
		return names
	}
	labels := strings.Split(host, ".")
	for i := range labels {
		if labels[i] == "" {
			continue
		}
		labels[i] = "*"
		if names, ok := c.LoggerNames[strings.Join(labels, ".")]; ok {
			return names
		}
	}
	return []string{c.DefaultLoggerName}
}

func withoutPort(host string) string {
	if h, _, err := net.SplitHostPort(host); err == nil {
		return h
	}
	return host
}

// redactQuery hides the values in the query and the fragment of a URL, and
// says whether there were any.
func redactQuery(uri string) (string, bool) {
	i := strings.IndexAny(uri, "?#")
	if i < 0 {
		return uri, false
	}
	path, rest := uri[:i+1], uri[i+1:]
	if rest == "" {
		return uri, false
	}
	params := strings.FieldsFunc(rest, func(c rune) bool { return c == '&' || c == '#' })
	for i, p := range params {
		if name, _, ok := strings.Cut(p, "="); ok {
			params[i] = name + "=REDACTED"
		} else {
			params[i] = "REDACTED"
		}
	}
	return path + strings.Join(params, "&"), true
}
