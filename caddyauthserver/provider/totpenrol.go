package provider

import (
	"encoding/base64"
	"encoding/json"
	"html/template"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/pquerna/otp/totp"

	"github.com/caddyito/caddyito/caddyauthserver/pages"
	"github.com/caddyito/caddyito/internal/lang"
	"github.com/caddyito/caddyito/store"
)

// appOffer is the secret that a page shows for an app to take, until a code proves
// that it has. It lies in the form, sealed, so that looking at the page writes
// nothing.
type appOffer struct {
	Secret  string     `json:"secret"` // base32, as apps take it
	Session store.Hash `json:"session"`
	At      time.Time  `json:"at"`
}

const (
	appOfferPurpose  = "totp-offer"
	appOfferLifetime = time.Hour
)

// newAppOffer makes a secret, of 160 bits (RFC 4226 section 4).
func (p *Provider) newAppOffer(in *signedIn) (*appOffer, error) {
	key, err := totp.Generate(totp.GenerateOpts{Issuer: "x", AccountName: "x", SecretSize: 20})
	if err != nil {
		return nil, err
	}
	return &appOffer{key.Secret(), in.session.Hash, p.now()}, nil
}

// sealed is the offer as the form carries it.
func (p *Provider) sealed(o *appOffer) (string, error) {
	b, err := json.Marshal(o)
	if err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(p.MasterKey.Seal(appOfferPurpose, b)), nil
}

// openAppOffer is the offer that was made to this session; nil for anything else.
func (p *Provider) openAppOffer(in *signedIn, sealed string) *appOffer {
	b, err := base64.RawURLEncoding.DecodeString(sealed)
	if err != nil {
		return nil
	}
	if b, err = p.MasterKey.Open(appOfferPurpose, b); err != nil {
		return nil
	}
	o := new(appOffer)
	if json.Unmarshal(b, o) != nil || o.Session != in.session.Hash || p.now().Sub(o.At) >= appOfferLifetime {
		return nil
	}
	return o
}

// uri is what the QR code says to an app (the Key Uri Format that all of them read).
func (p *Provider) uri(o *appOffer, u *store.User) string {
	issuer := p.Brand.Name
	if issuer == "" {
		issuer = p.host()
	}
	// A colon would end the issuer.
	label := url.PathEscape(strings.ReplaceAll(issuer, ":", "")) + ":" + url.PathEscape(u.Username)
	return "otpauth://totp/" + label + "?secret=" + o.Secret + "&issuer=" + url.QueryEscape(issuer)
}

// host is that of the issuer.
func (p *Provider) host() string {
	u, _ := url.Parse(p.Issuer) // Config.complete checked it
	return u.Hostname()
}

// showNewApp offers a secret.
func (p *Provider) showNewApp(w http.ResponseWriter, r *http.Request, v *factorVisit, problem lang.Text) error {
	o, err := p.newAppOffer(v.in)
	if err != nil {
		return err
	}
	return p.showAppOffer(w, r, v, o, problem)
}

func (p *Provider) showAppOffer(w http.ResponseWriter, r *http.Request, v *factorVisit, o *appOffer, problem lang.Text) error {
	sealed, err := p.sealed(o)
	if err != nil {
		return err
	}
	picture, err := qrPNG(p.uri(o, v.in.user))
	if err != nil {
		return err
	}
	var groups []string
	for rest := o.Secret; rest != ""; {
		n := min(4, len(rest))
		groups, rest = append(groups, rest[:n]), rest[n:]
	}
	p.pages.NewApp(w, statusOf(problem), pages.NewApp{
		Action: p.path("account/security/app"), CSRF: p.csrfToken(w, r, v.purpose()), Continue: v.goOn, Error: problem,
		Offer: sealed, Secret: strings.Join(groups, " "), Name: v.values.Get("name"), BackURL: p.securityURL("", v.goOn),
		Picture: template.URL("data:image/png;base64," + base64.StdEncoding.EncodeToString(picture)),
	})
	return nil
}

// addApp takes the first code of an app.
func (p *Provider) addApp(w http.ResponseWriter, r *http.Request, v *factorVisit) error {
	o := p.openAppOffer(v.in, v.values.Get("offer"))
	if o == nil {
		return p.showNewApp(w, r, v, staleForm)
	}
	step, ok, err := p.stepOf(o.Secret, strings.ReplaceAll(strings.TrimSpace(v.values.Get("otp")), " ", ""))
	if err != nil {
		return err
	}
	if !ok {
		return p.showAppOffer(w, r, v, o, lang.T("This is not the code that belongs to this picture. Look at the app again, and check that the clock of your device is right."))
	}
	f := &store.Factor{
		Kind: store.FactorTOTP, Name: factorName(v.values.Get("name"), "Authenticator app"), LastStep: step,
		Sealed: p.MasterKey.Seal(store.TOTPSecretPurpose(v.in.user.ID), []byte(o.Secret)),
	}
	return p.addFactor(w, r, v, f, amrOTP, func(store.WriteTx) error { return nil })
}
