package gate

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"github.com/caddyito/caddyito/store"
)

// claims are those of OpenID Connect Core section 5.1 that an issuer which has
// no profile of ours tells of a person.
type claims struct {
	Subject       string    `json:"sub"`
	Username      claimText `json:"preferred_username"`
	Email         claimText `json:"email"`
	EmailVerified claimFlag `json:"email_verified"`
	Name          claimText `json:"name"`
	GivenName     claimText `json:"given_name"`
	FamilyName    claimText `json:"family_name"`
	Groups        claimList `json:"groups"`
}

// record is the person as the mirror keeps them. There is no version, so the
// latest login is what holds.
func (c *claims) record(subject string) (*store.Record, error) {
	f := store.Fields{"is_active": true, "email_verified": bool(c.EmailVerified), "groups": []string(c.Groups)}
	if c.Groups == nil {
		f["groups"] = []string{}
	}
	for name, v := range map[string]claimText{
		"email": c.Email, "name": c.Name, "first_name": c.GivenName, "last_name": c.FamilyName,
	} {
		if s := strings.TrimSpace(string(v)); s != "" && clean(s) && len(s) <= 1000 {
			f[name] = s
		}
	}
	username := ""
	for _, s := range []string{string(c.Username), f.Text("email"), subject} {
		// Not trimmed: " admin" is not admin.
		if s != "" && clean(s) && len(s) <= 255 {
			username = s
			break
		}
	}
	if username == "" {
		return nil, errors.New("the issuer tells no usable name")
	}
	f["username"] = username
	return &store.Record{Type: store.UserType, ID: subject, Fields: f}, nil
}

// claimText is a string; anything else counts as absent, for issuers differ.
type claimText string

func (t *claimText) UnmarshalJSON(b []byte) error {
	var s string
	if json.Unmarshal(b, &s) == nil {
		*t = claimText(s)
	}
	return nil
}

// claimFlag is a boolean, which some issuers write as a string.
type claimFlag bool

func (f *claimFlag) UnmarshalJSON(b []byte) error {
	*f = string(b) == "true" || string(b) == `"true"`
	return nil
}

// claimList is a list of names, which some issuers write as one string. A name
// that could be read as two, or otherwise, is left out.
type claimList []string

func (l *claimList) UnmarshalJSON(b []byte) error {
	var raw []any
	var one string
	if json.Unmarshal(b, &one) == nil {
		raw = []any{one}
	} else if json.Unmarshal(b, &raw) != nil {
		return nil
	}
	list := claimList{}
	for _, v := range raw {
		if s, ok := v.(string); ok && s != "" && clean(s) && !strings.Contains(s, ",") && len(s) <= 255 && len(list) < 1000 {
			list = append(list, s)
		}
	}
	slices.Sort(list)
	*l = slices.Compact(list)
	return nil
}
