package provider

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode"

	"github.com/caddyito/caddyito/caddyauthserver/pages"
	"github.com/caddyito/caddyito/internal/lang"
	"github.com/caddyito/caddyito/store"
)

// factorsWithin is how lately somebody signed in who changes by what they sign in: a
// browser left open is not enough to lock its owner out.
const factorsWithin = 15 * time.Minute

// maxFactors is how many somebody may have.
const maxFactors = 20

// factorVisit is somebody at the pages of their second factors.
type factorVisit struct {
	in     *signedIn
	values url.Values
	goOn   string // handed back; see wayOn
	next   string // its address, "" without
	must   bool   // they need a second factor to get there
}

func (v *factorVisit) purpose() string { return "account/security\x00" + string(v.in.session.Hash[:]) }

// securityPage answers a page of somebody's second factors: show for GET, and do, where
// the page has a form, for one that was shown to this browser. Either asks to sign in again unless that was
// a moment ago.
func (p *Provider) securityPage(show func(http.ResponseWriter, *http.Request, *factorVisit, lang.Text) error,
	do func(http.ResponseWriter, *http.Request, *factorVisit) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		values, ok := p.pageValues(w, r)
		if !ok {
			return
		}
		v := &factorVisit{values: values, goOn: values.Get("continue")}
		if v.goOn != "" {
			way, err := p.wayOn(r, v.goOn)
			if p.refuseRequest(w, r, way.req, err) {
				return
			}
			v.next = way.url
			v.must = way.req != nil && mustBeMulti(way.req.acr())
		}
		var err error
		if v.in, err = p.currentSession(r); err != nil {
			p.unavailable(w, r, "reading session", err)
			return
		}
		if v.in == nil {
			seeOther(w, p.urlWith("login", continueWith(continueFactors(v.goOn))))
			return
		}
		if p.stepUpForFactors(w, r, v) {
			return
		}
		switch {
		case r.Method != http.MethodPost:
			err = show(w, r, v, lang.Text{})
		case !p.csrfValid(r, values, v.purpose()):
			err = show(w, r, v, staleForm)
		default:
			err = do(w, r, v)
		}
		if errors.Is(err, errNotAnyMore) {
			seeOther(w, p.urlWith("login", continueWith(continueFactors(v.goOn))))
			return
		}
		if err != nil {
			p.unavailable(w, r, "changing second factors", err)
		}
	}
}

// stepUpForFactors is stepUp, but for who has to set up a second factor and is here
// to do so.
func (p *Provider) stepUpForFactors(w http.ResponseWriter, r *http.Request, v *factorVisit) bool {
	due, err := p.dueOf(r, v.in, nil)
	if err != nil {
		p.unavailable(w, r, "reading factors", err)
		return true
	}
	if due == factorToSetUp && p.now().Sub(v.in.session.AuthTime) < factorsWithin {
		return false
	}
	return p.stepUp(w, r, v.in, factorsWithin, continueFactors(v.goOn))
}

// continueFactors is what login hands back for the page of second factors, from
// where the way leads on to what that hands back.
func continueFactors(goOn string) string { return url.Values{"security": {goOn}}.Encode() }

// forFactors says whether what login is to hand back is that page, and is its
// address.
func (p *Provider) forFactors(handedBack string) (address string, ok bool) {
	q, err := url.ParseQuery(handedBack)
	if err != nil || !q.Has("security") || q.Has("client_id") {
		return "", false
	}
	return p.securityURL("", q.Get("security")), true
}

// securityURL is the address of one of these pages.
func (p *Provider) securityURL(page, goOn string) string {
	address := p.url("account/security") + page
	if goOn == "" {
		return address
	}
	return address + "?" + continueWith(goOn).Encode()
}

// showFactors lists them.
func (p *Provider) showFactors(w http.ResponseWriter, r *http.Request, v *factorVisit, problem lang.Text) error {
	page := pages.Factors{
		HomeURL: p.Prefix, Error: problem,
		AppURL: p.securityURL("/app", v.goOn), PasskeyURL: p.passkeyURL(v.goOn), CodesURL: p.securityURL("/codes", v.goOn),
		Required: v.must || p.SecondFactor.covers(v.in.user), Codes: store.RecoveryCodeCount,
	}
	err := p.Store.View(r.Context(), func(tx store.ReadTx) error {
		page.Factors = nil
		factors, err := tx.Factors(v.in.user.ID)
		if err != nil {
			return err
		}
		for _, f := range factors {
			page.Factors = append(page.Factors, p.pageFactor(f, v.goOn))
		}
		codes, err := tx.RecoveryCodes(v.in.user.ID)
		page.CodesLeft = len(codes)
		return err
	})
	if err != nil {
		return fmt.Errorf("reading factors: %w", err)
	}
	if len(page.Factors) > 0 || v.goOn != "" && !page.Required {
		page.NextURL = v.next
	}
	p.pages.Factors(w, statusOf(problem), page)
	return nil
}

// pageFactor is a factor as pages show it.
func (p *Provider) pageFactor(f *store.Factor, goOn string) pages.Factor {
	remove := continueWith(goOn)
	remove.Set("factor", f.ID)
	return pages.Factor{
		ID: f.ID, Name: f.Name, Passkey: f.Kind == store.FactorPasskey, Since: f.CreatedAt, Used: f.LastUsed,
		RemoveURL: p.path("account/security/remove") + "?" + remove.Encode(),
	}
}

// statusOf a page of a form: whether something is wrong with what was posted.
func statusOf(problem lang.Text) int {
	if problem.IsZero() {
		return http.StatusOK
	}
	return http.StatusUnprocessableEntity
}

func (p *Provider) showCodes(w http.ResponseWriter, v *factorVisit, codes []string) {
	page := pages.RecoveryCodes{Codes: codes, NextURL: p.securityURL("", "")}
	if v.next != "" {
		page.NextURL = v.next
	}
	p.pages.RecoveryCodes(w, http.StatusOK, page)
}

// changeAsSignedIn does something to the factors of somebody, in one transaction with
// a last look at whether they still may.
func (p *Provider) changeAsSignedIn(r *http.Request, was *signedIn, do func(store.WriteTx, *signedIn, []*store.Factor) error) error {
	return p.Store.Update(r.Context(), func(tx store.WriteTx) error {
		in, err := p.sessionIn(tx, was.session.Hash)
		if err != nil {
			return fmt.Errorf("reading session: %w", err)
		}
		if in == nil {
			return errNotAnyMore
		}
		factors, err := tx.Factors(in.user.ID)
		if err != nil {
			return fmt.Errorf("reading factors: %w", err)
		}
		if len(factors) > 0 && !multi(in.session) {
			return errNotAnyMore // set up elsewhere meanwhile
		}
		return do(tx, in, factors)
	})
}

var errTooManyFactors = errors.New("too many second factors")

// addFactor writes a factor that was just used for the first time, and raises the
// session by it. With the first come recovery codes.
func (p *Provider) addFactor(w http.ResponseWriter, r *http.Request, v *factorVisit, f *store.Factor, method string, also func(store.WriteTx) error) error {
	shown, hashes := store.NewRecoveryCodes()
	var kept []*signedIn
	var first bool
	now := p.now()
	f.UserID, f.ID, f.CreatedAt, f.LastUsed = v.in.user.ID, store.NewSecret(), now, now
	err := p.changeAsSignedIn(r, v.in, func(tx store.WriteTx, in *signedIn, factors []*store.Factor) (err error) {
		if len(factors) >= maxFactors {
			return errTooManyFactors
		}
		if err := also(tx); err != nil {
			return err
		}
		if err := tx.PutFactor(f); err != nil {
			return err
		}
		if err := store.Audit(tx, p.byUser(r, in.user), store.ActionFactorAdd, store.UserParty(in.user), store.AuditChange{Field: string(f.Kind), New: f.Name}); err != nil {
			return err
		}
		if first = len(factors) == 0; first {
			if err := tx.PutRecoveryCodes(in.user.ID, hashes); err != nil {
				return err
			}
		}
		kept, err = p.raiseSession(tx, r, in, method, now)
		return err
	})
	if errors.Is(err, errTooManyFactors) {
		return p.showFactors(w, r, v, lang.T("You have as many second factors as one can have. Remove one first."))
	}
	if err != nil {
		return err
	}
	p.Logger.Info("second factor added", "user_id", v.in.user.ID, "kind", f.Kind)
	p.tellOfFactor(r, v.in.user, lang.T("“%s” was added as a second factor of your account.", f.Name))
	p.keepSessions(w, kept)
	switch {
	case first:
		p.showCodes(w, v, shown)
	case v.next != "":
		seeOther(w, v.next)
	default:
		seeOther(w, p.securityURL("", ""))
	}
	return nil
}

// factorName is what the owner calls a factor, or else what it is.
func factorName(typed, otherwise string) string {
	name := strings.TrimSpace(strings.Map(func(c rune) rune {
		if unicode.IsControl(c) || !unicode.IsPrint(c) && c != ' ' {
			return -1
		}
		return c
	}, strings.ToValidUTF8(typed, "")))
	if letters := []rune(name); len(letters) > 60 {
		name = string(letters[:60])
	}
	if name == "" {
		return otherwise
	}
	return name
}
