package provider

import (
	"slices"
	"strconv"

	"github.com/caddyito/caddyito/store"
)

// claim is something said of a person (OpenID Connect Core section 5.1), with the
// scope that covers it (section 5.4).
type claim struct {
	name, scope string
	// field of the schema that it is read of; "" for what every user has.
	field string
}

// personClaims are all there are. Those of fields there are only where users have
// a field of that name.
var personClaims = []claim{
	{"name", "profile", ""}, {"given_name", "profile", ""}, {"family_name", "profile", ""}, {"preferred_username", "profile", ""},
	{"email", "email", ""}, {"email_verified", "email", ""},
	{"groups", "groups", ""},
	{"middle_name", "profile", "middle_name"}, {"nickname", "profile", "nickname"}, {"profile", "profile", "profile"},
	{"picture", "profile", "picture"}, {"website", "profile", "website"}, {"gender", "profile", "gender"},
	{"birthdate", "profile", "birthdate"}, {"zoneinfo", "profile", "zoneinfo"}, {"locale", "profile", "locale"},
	{"phone_number", "phone", "phone"}, {"phone_number_verified", "phone", "phone"},
	{"address", "address", "address"},
}

// claimsFor are the claims that a provider of this schema knows: those of fields
// only if the field has values that are text.
func claimsFor(schema *store.Schema) []claim {
	fields := schema.Fields(store.UserType)
	return slices.DeleteFunc(slices.Clone(personClaims), func(c claim) bool {
		return c.field != "" && !slices.ContainsFunc(fields, func(f store.Field) bool {
			return f.Name == c.field && slices.Contains([]store.FieldType{store.Text, store.URL, store.Date, store.Choice}, f.Type)
		})
	})
}

// claimNames are those that ID tokens and userinfo can carry.
func (p *Provider) claimNames() []string {
	names := []string{"sub", "iss", "aud", "exp", "iat", "auth_time", "nonce", "at_hash", "sid", "acr", "amr"}
	for _, c := range p.claims {
		names = append(names, c.name)
	}
	return names
}

// claimsOf are the claims about u that are wanted. What has no value is left out,
// and so are fields that the client is not told of by sync or in the profile either.
func (p *Provider) claimsOf(u *store.User, c *client, wanted func(claim) bool) map[string]any {
	claims := map[string]any{"sub": strconv.FormatInt(u.ID, 10)}
	var told store.Fields
	for _, cl := range p.claims {
		if !wanted(cl) {
			continue
		}
		var v any
		if cl.field == "" {
			v = builtInClaim(u, cl.name)
		} else {
			if told == nil {
				told = p.view(c).User(u)
			}
			v = fieldClaim(told, cl)
		}
		if v != nil && v != "" {
			claims[cl.name] = v
		}
	}
	return claims
}

func builtInClaim(u *store.User, name string) any {
	switch name {
	case "name":
		return u.Name()
	case "given_name":
		return u.FirstName
	case "family_name":
		return u.LastName
	case "preferred_username":
		return u.Username
	case "email":
		return u.Email
	case "email_verified":
		if u.Email != "" {
			return u.EmailVerified
		}
	case "groups":
		return append([]string{}, u.Groups...)
	}
	return nil
}

func fieldClaim(told store.Fields, c claim) any {
	text, _ := told[c.field].(string)
	switch {
	case text == "":
		return nil
	case c.name == "phone_number_verified":
		return false // nobody ever called
	case c.name == "address":
		return map[string]string{"formatted": text} // section 5.1.1
	}
	return text
}
