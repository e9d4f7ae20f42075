package provider

import (
	"crypto/hmac"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// askedParam carries, through a step and back, when the dispatcher first sent
// the person there. prompt=login, prompt=consent and max_age ask for something
// that happens after the request began; without a memory of when that was, they
// would ask for ever. It is keyed over the whole request, so that no client or
// link can say that the asking is done. It also carries whom the person chose to go
// on as, of those signed in here, by the sid of their session.
const askedParam = "caddyito_asked"

// askedLifetime is how long a person may take over the steps.
const askedLifetime = time.Hour

// asked is that memory.
type asked struct {
	at      time.Time
	account string // sid of the session that was chosen, or ""
}

// withAsked is the request's query with the memory in it.
func (p *Provider) withAsked(query url.Values, m asked) url.Values {
	q := withoutAsked(query)
	what := strconv.FormatInt(m.at.UnixMicro(), 10) + "." + m.account
	q.Set(askedParam, what+"."+p.askedMAC(q, what))
	return q
}

// askedAt is the memory of a request that went through a step already.
func (p *Provider) askedAt(query url.Values) (m asked, ok bool) {
	parts := strings.Split(query.Get(askedParam), ".")
	if len(parts) != 3 || len(query[askedParam]) != 1 {
		return m, false
	}
	if !hmac.Equal([]byte(parts[2]), []byte(p.askedMAC(withoutAsked(query), parts[0]+"."+parts[1]))) {
		return m, false
	}
	micro, err := strconv.ParseInt(parts[0], 10, 64)
	if err != nil {
		return m, false
	}
	m.at, m.account = time.UnixMicro(micro).UTC(), parts[1]
	now := p.now()
	if m.at.After(now) || now.Sub(m.at) >= askedLifetime {
		return asked{}, false
	}
	return m, true
}

func (p *Provider) askedMAC(query url.Values, what string) string {
	return macOf(&p.askedKey, what+"\n"+query.Encode())
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
