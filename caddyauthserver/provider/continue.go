package provider

import (
	"net/http"
	"net/url"
)

// way is where a page that interrupts somebody, to have them sign in, say, leads on
// to.
type way struct {
	url string
	req *authRequest // nil: no client asked
}

// wayOn reads what such a page hands back ("continue"): an authorization request, a
// user code, a page of administration or of one's account. It is never a URL, and
// leads to this server alone. "" leads home. Its errors are for refuseRequest.
func (p *Provider) wayOn(r *http.Request, handedBack string) (way, error) {
	if handedBack == "" {
		return way{url: p.url("")}, nil
	}
	if code, ok := forDevice(handedBack); ok {
		return way{url: p.deviceURL(code)}, nil
	}
	if address, ok := p.forAdmin(handedBack); ok {
		return way{url: address}, nil
	}
	if address, ok := p.forFactors(handedBack); ok {
		return way{url: address}, nil
	}
	if address, ok := p.forOwnPage(handedBack); ok {
		return way{url: address}, nil
	}
	req, err := p.parseAuthRequest(r, handedBack)
	if err != nil {
		return way{req: req}, err
	}
	return way{p.url("authorize") + "?" + req.query.Encode(), req}, nil
}

// clientName is the client that asked, "" if none did.
func (w way) clientName() string {
	if w.req == nil {
		return ""
	}
	return w.req.client.displayName()
}

// formAction are the URLs to which a form may be redirected on the way.
func (w way) formAction() []string {
	if w.req == nil {
		return nil
	}
	return []string{w.req.redirectURI}
}

// continueWith is the query with what a page hands back in it.
func continueWith(handedBack string) url.Values {
	if handedBack == "" {
		return url.Values{}
	}
	return url.Values{"continue": {handedBack}}
}
