package gate

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/crypto/chacha20poly1305"
)

// OAuth 2.0 Form Post Response Mode. The issuer's page posts the answer, so that
// no code stands in an address. Such a POST comes from another site and without
// cookies, which are SameSite=Lax; to loosen them for this would open them to every
// other form too. So it signs nobody in, and is answered with a redirect to the same
// path by GET, where they come. The code goes along sealed. Whoever reads that
// address later has nothing: it serves for a minute, once, and in the browser that
// began.

const (
	answerLifetime = time.Minute
	maxForm        = 10 << 10 // bytes; sealed and encoded, it is a third longer
	answerName     = "answer"
)

// continueCallback answers the POST.
func (g *Gate) continueCallback(w http.ResponseWriter, r *http.Request) {
	body, err := formBody(w, r, maxForm)
	var q map[string]string
	if err == nil {
		q, err = callbackQuery(body)
	}
	if err == nil {
		_, err = g.openAttempt(q["state"]) // nothing is sealed for those who began nothing
	}
	if err != nil {
		g.log.Warn("refused a callback", "error", err)
		g.damagedCallback(w, r)
		return
	}
	g.redirect(w, http.StatusSeeOther, g.cfg.Prefix+"/callback?"+answerName+"="+g.sealAnswer(q))
}

// callbackParameters are those of the issuer's answer, the way it was asked to
// give it. An error may come in the query in any case: where the request could not
// be read.
func (g *Gate) callbackParameters(raw string) (map[string]string, error) {
	if !g.cfg.FormPost {
		return callbackQuery(raw)
	}
	if sealed, ok := strings.CutPrefix(raw, answerName+"="); ok {
		return g.openAnswer(sealed)
	}
	q, err := callbackQuery(raw)
	if err == nil && q["code"] != "" {
		return nil, errors.New("it came in the query, not by response_mode form_post; does the issuer know that?")
	}
	return q, err
}

func (g *Gate) answerPurpose() []byte { return []byte("answer to " + g.cfg.Name) }

func (g *Gate) sealAnswer(q map[string]string) string {
	form := url.Values{}
	for name, v := range q {
		form.Set(name, v)
	}
	var nonce [sealNonceLen]byte
	rand.Read(nonce[:]) // never fails (crypto/rand)
	plain := binary.BigEndian.AppendUint64(nil, uint64(g.cfg.Now().Add(answerLifetime).Unix()))
	plain = append(plain, form.Encode()...)
	return base64.RawURLEncoding.EncodeToString(g.seal.Seal(nonce[:], nonce[:], plain, g.answerPurpose()))
}

var errAnswer = errors.New("the answer is not one that this gate took by POST, or it is older than " + answerLifetime.String())

func (g *Gate) openAnswer(text string) (map[string]string, error) {
	if len(text) > maxCallback {
		return nil, errAnswer
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(b) < sealNonceLen+8+chacha20poly1305.Overhead {
		return nil, errAnswer
	}
	plain, err := g.seal.Open(nil, b[:sealNonceLen], b[sealNonceLen:], g.answerPurpose())
	if err != nil || int64(binary.BigEndian.Uint64(plain)) <= g.cfg.Now().Unix() {
		return nil, errAnswer
	}
	return callbackQuery(string(plain[8:]))
}
