package provider

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode"

	"github.com/caddyito/caddyito/internal/registration"
	"github.com/caddyito/caddyito/store"
)

// syncURIMetadata is of no standard: where a gate of another prefix than the
// default is told of changes.
const syncURIMetadata = "caddyito_sync_uri"

// clientMetadata is what software says of itself as a client (RFC 7591 section 2,
// OpenID Connect RP-Initiated, Back-Channel and Front-Channel Logout, RFC 9126
// section 6).
type clientMetadata struct {
	name       string
	authMethod string
	settings   store.ClientSettings // what of it comes from metadata
	// clientID and secret are shown with an update (RFC 7592 section 2.2).
	clientID, secret string
}

// metadataNames are how Rules call fields that have another name in metadata.
var metadataNames = map[string]string{
	"name": "client_name", "scopes": "scope", "public": "token_endpoint_auth_method", "sync_url": syncURIMetadata,
}

// notOffered is metadata that would promise what this server does not do, with
// the values that promise nothing. Other metadata that is not known here is left
// out (RFC 7591 section 2).
var notOffered = map[string][]string{
	"subject_type":                      {"public"},
	"id_token_encrypted_response_alg":   nil,
	"userinfo_signed_response_alg":      nil,
	"userinfo_encrypted_response_alg":   nil,
	"request_object_signing_alg":        nil,
	"request_object_encryption_alg":     nil,
	"authorization_signed_response_alg": nil,
	"introspection_signed_response_alg": nil,
}

func invalidMetadata(format string, args ...any) *oauthError {
	return &oauthError{code: "invalid_client_metadata", description: plainASCII(fmt.Sprintf(format, args...))}
}

// plainASCII is a text that may stand in an error_description.
func plainASCII(s string) string {
	return strings.Map(func(c rune) rune {
		switch {
		case c == '"', c == '\\':
			return '\''
		case c < ' ' || c > '~':
			return '?'
		}
		return c
	}, s)
}

// problemsError is how RFC 7591 section 3.2.2 says what is wrong with a client.
func problemsError(problems []store.Problem) error {
	if len(problems) == 0 {
		return nil
	}
	e := &oauthError{code: "invalid_client_metadata"}
	var parts []string
	for _, p := range problems {
		if p.Field == "redirect_uris" {
			e.code = "invalid_redirect_uri"
		}
		name := p.Field
		if n, ok := metadataNames[name]; ok {
			name = n
		}
		parts = append(parts, name+": "+p.Message)
	}
	e.description = plainASCII(strings.Join(parts, "; "))
	return e
}

// readClientMetadata reads the body of a registration or its update.
func readClientMetadata(w http.ResponseWriter, r *http.Request) (*clientMetadata, error) {
	if typ, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || typ != "application/json" {
		return nil, invalidMetadata("the body must be application/json")
	}
	b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxForm))
	if err != nil {
		e := invalidMetadata("the body cannot be read, or is larger than 64 KB")
		e.status = http.StatusRequestEntityTooLarge
		return nil, e
	}
	return parseClientMetadata(b)
}

func parseClientMetadata(b []byte) (*clientMetadata, error) {
	values, err := jsonMembers(b)
	if err != nil {
		return nil, invalidMetadata("the body is not a JSON object: %v", err)
	}
	in := metadataReader{values: values}
	m := &clientMetadata{
		name:       in.text("client_name"),
		authMethod: in.text("token_endpoint_auth_method"),
		clientID:   in.text("client_id"),
		secret:     in.text("client_secret"),
		settings: store.ClientSettings{
			RedirectURIs:           in.texts("redirect_uris"),
			PostLogoutRedirectURIs: in.texts("post_logout_redirect_uris"),
			GrantTypes:             in.texts("grant_types"),
			Scopes:                 strings.Fields(in.text("scope")),
			IDTokenAlg:             in.text("id_token_signed_response_alg"),
			BackchannelLogoutURI:   in.text("backchannel_logout_uri"),
			FrontchannelLogoutURI:  in.text("frontchannel_logout_uri"),
			RequirePAR:             in.flag("require_pushed_authorization_requests"),
			SyncURL:                in.text(syncURIMetadata),
		},
	}
	responseTypes := in.texts("response_types")
	for name, fine := range notOffered {
		if v := in.text(name); v != "" && !slices.Contains(fine, v) {
			in.fail(name, "is not offered here")
		}
	}
	if in.err != nil {
		return nil, in.err
	}
	switch m.authMethod {
	case "", "client_secret_basic", "client_secret_post":
	case "none":
		m.settings.Public = true
	default:
		return nil, invalidMetadata("token_endpoint_auth_method is client_secret_basic, client_secret_post or none, not %.100s", m.authMethod)
	}
	for _, t := range responseTypes {
		if t != "code" {
			return nil, invalidMetadata("response_types: code is the only one, not %.100s", t)
		}
		if !m.settings.MayUse(store.GrantCode) {
			return nil, invalidMetadata("response_types: code needs grant type %s", store.GrantCode)
		}
	}
	// Of invisible characters and such as turn the direction of the text round, a
	// name could be made that people read as another.
	if strings.ContainsFunc(m.name, func(c rune) bool { return !unicode.IsPrint(c) }) {
		return nil, invalidMetadata("client_name: only printable characters may stand in it")
	}
	return m, nil
}

// jsonMembers reads an object, each of whose members may be there once: what reads
// the first of two and what reads the last must not differ.
func jsonMembers(b []byte) (map[string]json.RawMessage, error) {
	dec := json.NewDecoder(bytes.NewReader(b))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return nil, fmt.Errorf("it does not begin with a brace")
	}
	values := map[string]json.RawMessage{}
	for dec.More() {
		t, err := dec.Token()
		if err != nil {
			return nil, err
		}
		name, _ := t.(string)
		if _, twice := values[name]; twice {
			return nil, fmt.Errorf("%.100s is there more than once", name)
		}
		var v json.RawMessage
		if err := dec.Decode(&v); err != nil {
			return nil, err
		}
		values[name] = v
	}
	if _, err := dec.Token(); err != nil {
		return nil, err
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, fmt.Errorf("there is something after it")
	}
	return values, nil
}

// metadataReader reads members by their exact names. null is as good as absent
// (RFC 7592 section 2.2).
type metadataReader struct {
	values map[string]json.RawMessage
	err    error
}

// Bounds of one value, in bytes, and of a list.
const (
	maxMetadataText = 2000
	maxMetadataList = 50
)

func (m *metadataReader) fail(name, text string) {
	if m.err == nil {
		code := "invalid_client_metadata"
		if name == "redirect_uris" {
			code = "invalid_redirect_uri"
		}
		m.err = &oauthError{code: code, description: plainASCII(name + ": " + text)}
	}
}

func (m *metadataReader) read(name string, target any, kind string) {
	if raw, ok := m.values[name]; ok && json.Unmarshal(raw, target) != nil {
		m.fail(name, "must be "+kind)
	}
}

func (m *metadataReader) text(name string) (s string) {
	m.read(name, &s, "a text")
	if len(s) > maxMetadataText {
		m.fail(name, "is too long")
	}
	return s
}

func (m *metadataReader) texts(name string) (list []string) {
	m.read(name, &list, "a list of texts")
	if len(list) > maxMetadataList || slices.ContainsFunc(list, func(s string) bool { return len(s) > maxMetadataText }) {
		m.fail(name, "is too long")
	}
	return list
}

func (m *metadataReader) flag(name string) (b bool) {
	m.read(name, &b, "true or false")
	return b
}

// applyTo puts the metadata into a client, and leaves alone what only an
// administrator says of it.
func (m *clientMetadata) applyTo(c *store.Client) {
	s, said, kept, invitation := c.ClientSettings, m.settings, c.SelfRegistration, c.SelfRegistration.Invitation
	s.RedirectURIs, s.PostLogoutRedirectURIs = said.RedirectURIs, said.PostLogoutRedirectURIs
	s.GrantTypes, s.Scopes, s.IDTokenAlg, s.RequirePAR = said.GrantTypes, said.Scopes, said.IDTokenAlg, said.RequirePAR || kept.RequirePAR
	s.BackchannelLogoutURI, s.FrontchannelLogoutURI, s.SyncURL = said.BackchannelLogoutURI, said.FrontchannelLogoutURI, said.SyncURL
	s.Public, s.Name = said.Public, ""
	if len(s.Scopes) == 0 {
		s.Scopes = invitation.Scopes
	}
	if len(s.GrantTypes) == 0 {
		s.GrantTypes = kept.GrantTypes
	}
	if s.Public {
		s.Sync = store.SyncOff // there is no secret to sign it with
	}
	switch {
	case invitation.Name != "":
		s.Name = invitation.Name
	case m.name != "":
		s.Name = m.name
	case len(s.RedirectURIs) > 0:
		if u, err := url.Parse(s.RedirectURIs[0]); err == nil {
			s.Name = u.Host
		}
	}
	c.ClientSettings = s
	c.SelfRegistration.AuthMethod = m.authMethod
	if c.SelfRegistration.AuthMethod == "" {
		c.SelfRegistration.AuthMethod = "client_secret_basic" // RFC 7591 section 2
	}
}

// checkRegistered says what is wrong with a client that registered itself.
func (p *Provider) checkRegistered(c *store.Client) error {
	rules := registration.Rules{Schema: p.Schema, PlainHosts: p.PlainHosts}
	return problemsError(rules.CheckInvited(c, &c.SelfRegistration.Invitation))
}

// registered is the client as RFC 7591 section 3.2.1 and RFC 7592 section 3 have it
// shown. secret is "" for a public client.
func (p *Provider) registered(c *store.Client, token, secret string) map[string]any {
	grants, scopes := c.GrantTypes, c.Scopes
	if len(grants) == 0 {
		grants = []string{store.GrantCode, store.GrantRefresh}
	}
	if len(scopes) == 0 {
		scopes = store.Scopes()
	}
	v := map[string]any{
		"client_id":                    c.ID,
		"client_id_issued_at":          c.CreatedAt.Unix(),
		"registration_access_token":    token,
		"registration_client_uri":      p.url("register/" + c.ID),
		"client_name":                  c.Name,
		"redirect_uris":                c.RedirectURIs,
		"token_endpoint_auth_method":   c.SelfRegistration.AuthMethod,
		"grant_types":                  grants,
		"scope":                        strings.Join(scopes, " "),
		"id_token_signed_response_alg": c.IDTokenAlg,
	}
	if c.IDTokenAlg == "" {
		v["id_token_signed_response_alg"] = store.DefaultSigningAlg
	}
	if secret != "" {
		v["client_secret"], v["client_secret_expires_at"] = secret, 0
	}
	if c.MayUse(store.GrantCode) {
		v["response_types"] = []string{"code"}
	}
	if len(c.PostLogoutRedirectURIs) > 0 {
		v["post_logout_redirect_uris"] = c.PostLogoutRedirectURIs
	}
	for name, uri := range map[string]string{
		"backchannel_logout_uri": c.BackchannelLogoutURI, "frontchannel_logout_uri": c.FrontchannelLogoutURI, syncURIMetadata: c.SyncURL,
	} {
		if uri != "" {
			v[name] = uri
		}
	}
	if c.RequirePAR {
		v["require_pushed_authorization_requests"] = true
	}
	return v
}
