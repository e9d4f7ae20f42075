package gate

import (
	"context"
	"crypto/x509"
	"errors"
	"log/slog"
	"net"
	"strings"
	"syscall"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// logTrouble logs what went wrong at the issuer, and what to do. It says
// whether the issuer did not answer at all.
func logTrouble(log *slog.Logger, what string, c *Config, err error) (unreachable bool) {
	cause, advice, unreachable := diagnose(err, c)
	log.Error(what, "issuer", c.Issuer, "cause", cause, "advice", advice, "error", plainError(err))
	return unreachable
}

func diagnose(err error, c *Config) (cause, advice string, unreachable bool) {
	var (
		mismatch *oidc.IssuerMismatchError
		refused  *oauth2.RetrieveError
		dns      *net.DNSError
		unknown  x509.UnknownAuthorityError
		hostname x509.HostnameError
		invalid  x509.CertificateInvalidError
		clock    *errClock
		netErr   net.Error
		status   *statusError
	)
	switch {
	case errors.As(err, &mismatch):
		return "wrong_issuer", "the issuer calls itself " + oneLine(mismatch.Discovered) + "; configure exactly that, also as to the slash at the end", false
	case errors.As(err, &refused):
		return refusedCause(refused), adviceFor(refused.ErrorCode, c), false
	case errors.As(err, &clock), expired(err):
		return "clock", "the clocks of the issuer and of this machine differ by more than a minute; set both by NTP", false
	case errors.As(err, &unknown), errors.As(err, &hostname), errors.As(err, &invalid):
		return "certificate", "the issuer's certificate is not trusted here; check its name and dates, and whether this machine knows its authority", true
	case errors.As(err, &dns):
		return "unknown_host", "the name of the issuer's host cannot be resolved; check its spelling and the DNS of this machine", true
	case errors.Is(err, syscall.ECONNREFUSED):
		return "refused", "nothing listens at the issuer's address; start it, or check host and port", true
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &netErr) && netErr.Timeout():
		return "timeout", "the issuer did not answer in time; check that it runs and that no firewall stands between", true
	case netErr != nil:
		return "network", "the issuer cannot be reached", true
	case errors.As(err, &status):
		return "status", "the issuer refused a request of the gate; see its log", status.status >= 500
	}
	return "answer", "the issuer gave an answer that cannot be used; see error, and check that it is an OpenID provider", false
}

func refusedCause(e *oauth2.RetrieveError) string {
	if errorCodeGrammar.MatchString(e.ErrorCode) {
		return e.ErrorCode
	}
	return "status"
}

// adviceFor says what to do about an error code of the issuer (RFC 6749
// sections 4.1.2.1 and 5.2).
func adviceFor(code string, c *Config) string {
	clientID := c.ClientID
	switch code {
	case "invalid_client":
		if c.Enrolled {
			return "the issuer does not know the client " + clientID + " any more, as which this gate enrolled; make another token there (caddy auth registration create) and put it in place of the one after enroll"
		}
		return "client id " + clientID + " or its secret is wrong; take both from the issuer again (caddy auth client rotate-secret " + clientID + ")"
	case "unauthorized_client":
		return "client " + clientID + " may not sign people in by code; change that at the issuer"
	case "invalid_grant":
		return "the issuer did not take the code: it was used or too old, or the redirect URI is not the one registered"
	case "invalid_scope":
		return "the issuer does not allow one of the scopes; name those it allows with `scopes`"
	case "invalid_request":
		return "the issuer did not like the request; check that the redirect URI is registered there exactly"
	case "access_denied":
		return "the person said no, or may not use this client"
	}
	return "see the issuer's log"
}

// plainError is the text of err for a log: on one line, bounded, and without the
// body of an answer, which may hold a token.
func plainError(err error) string {
	var refused *oauth2.RetrieveError
	if errors.As(err, &refused) {
		s := "the token endpoint answered " + refused.Response.Status
		if refused.ErrorCode != "" {
			s += ": " + refused.ErrorCode + " " + refused.ErrorDescription
		}
		return oneLine(s)
	}
	return oneLine(err.Error())
}

func oneLine(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if len(s) > 400 {
		s = s[:400] + "..."
	}
	return strings.ToValidUTF8(s, "?")
}
