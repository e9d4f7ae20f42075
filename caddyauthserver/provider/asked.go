package provider

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// askedParam carries, through a step and back, when the dispatcher first sent
// the person there. prompt=login, prompt=consent and max_age ask for something
// that happens after the request began; without a memory of when that was, they
// would ask for ever. It is keyed over the whole request, so that no client or
// link can say that the asking is done.
const askedParam = "caddyito_asked"

// askedLifetime is how long a person may take over the steps.
const askedLifetime = time.Hour

// withAsked is the request's query with the memory in it.
func (p *Provider) withAsked(query url.Values, at time.Time) url.Values {
	q := withoutAsked(query)
	stamp := strconv.FormatInt(at.UnixMicro(), 10)
	q.Set(askedParam, stamp+"."+p.askedMAC(q, stamp))
	return q
}

// askedAt is when the request began, if it went through a step already.
func (p *Provider) askedAt(query url.Values) (time.Time, bool) {
	stamp, mac, ok := strings.Cut(query.Get(askedParam), ".")
	if !ok || len(query[askedParam]) != 1 {
		return time.Time{}, false
	}
	if !hmac.Equal([]byte(mac), []byte(p.askedMAC(withoutAsked(query), stamp))) {
		return time.Time{}, false
	}
	micro, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil {
		return time.Time{}, false
	}
	at, now := time.UnixMicro(micro).UTC(), p.now()
	return at, !at.After(now) && now.Sub(at) < askedLifetime
}

func (p *Provider) askedMAC(query url.Values, stamp string) string {
	m := hmac.New(sha256.New, p.askedKey[:])
	m.Write([]byte(stamp + "\n" + query.Encode()))
	return base64.RawURLEncoding.EncodeToString(m.Sum(nil))
}

func withoutAsked(query url.Values) url.Values {
	q := url.Values{}
	for name, v := range query {
		if name != askedParam {
			q[name] = v
		}
	}
	return q
}
