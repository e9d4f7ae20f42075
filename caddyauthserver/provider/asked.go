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
// would ask for ever. It is keyed over the whole request and this browser, so that no
// client or link can say that the asking is done: a client may come as a browser of
// its own, and have a memory made of when somebody else was sent there. It also
// carries whom the person chose to go on as, of those signed in here, by the sid of
// their session, and who said yes to exactly this request.
const askedParam = "caddyito_asked"

// askedLifetime is how long a person may take over the steps.
const askedLifetime = time.Hour

// asked is that memory.
type asked struct {
	at      time.Time
	account string // sid of the session that was chosen, or ""
	agreed  string // agreedMark of the session that said yes, or ""
}

// withAsked is the request's query with the memory in it, for the browser with that
// secret.
func (p *Provider) withAsked(query url.Values, m asked, browser string) url.Values {
	q := withoutAsked(query)
	what := strings.Join([]string{strconv.FormatInt(m.at.UnixMicro(), 10), m.account, m.agreed}, ".")
	q.Set(askedParam, what+"."+p.askedMAC(q, what, browser))
	return q
}

// askedAt is the memory of a request that went through a step already, in the browser
// with that secret.
func (p *Provider) askedAt(query url.Values, browser string) (m asked, ok bool) {
	parts := strings.Split(query.Get(askedParam), ".")
	if browser == "" || len(parts) != 4 || len(query[askedParam]) != 1 {
		return m, false
	}
	if !hmac.Equal([]byte(parts[3]), []byte(p.askedMAC(withoutAsked(query), strings.Join(parts[:3], "."), browser))) {
		return m, false
	}
	micro, err := strconv.ParseInt(parts[0], 10, 64)
	if err != nil {
		return m, false
	}
	m.at, m.account, m.agreed = time.UnixMicro(micro).UTC(), parts[1], parts[2]
	now := p.now()
	if m.at.After(now) || now.Sub(m.at) >= askedLifetime {
		return asked{}, false
	}
	return m, true
}

func (p *Provider) askedMAC(query url.Values, what, browser string) string {
	return macOf(&p.askedKey, browser+"\n"+what+"\n"+query.Encode())
}

// agreedMark says in a memory that it was this session which said yes.
func (p *Provider) agreedMark(in *signedIn) string {
	return macOf(&p.askedKey, "agreed\n"+string(in.session.Hash[:]))
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
