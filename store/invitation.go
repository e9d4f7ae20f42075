package store

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// Invitation is what an administrator lets software have that registers itself as
// a client (RFC 7591 section 3, initial access token): what it could not be
// trusted to say of itself, and the bounds of what it says. It is the Data of a
// ticket of InvitationKind.
type Invitation struct {
	// Name of the client. Default: as the software calls itself.
	Name string `json:"name,omitempty"`
	// Origins in which all its URIs must lie. Default: any.
	Origins []string `json:"origins,omitempty"`
	// Scopes it may register for. Default: all but those of APIs.
	Scopes []string `json:"scopes,omitempty"`
	// SkipConsent, AllowGroups, Sync and Fields are as in ClientSettings.
	SkipConsent bool     `json:"skip_consent,omitempty"`
	AllowGroups []string `json:"allow_groups,omitempty"`
	Sync        SyncMode `json:"sync,omitempty"`
	Fields      []string `json:"fields,omitempty"`
}

// InvitationKind is the kind of ticket that an initial access token is.
const InvitationKind = "registration"

// InvitationOf reads what an initial access token is good for.
func InvitationOf(t *Ticket) (*Invitation, error) {
	i := new(Invitation)
	if err := json.Unmarshal([]byte(t.Data), i); err != nil {
		return nil, fmt.Errorf("reading an initial access token: %w", err)
	}
	return i, nil
}

// Bounds of an invitation's life.
const (
	DefaultInvitationLifetime = 24 * time.Hour
	MaxInvitationLifetime     = 90 * 24 * time.Hour
)

// SelfRegistration is kept of a client that registered itself, which may go on to
// change its metadata, within the same invitation (RFC 7592).
type SelfRegistration struct {
	// Token is the hash of its registration access token.
	Token Hash `json:"token"`
	// AuthMethod is what it said it would use: client_secret_basic,
	// client_secret_post or none.
	AuthMethod string     `json:"token_endpoint_auth_method,omitempty"`
	Invitation Invitation `json:"invitation,omitzero"`
	// GrantTypes, where an administrator changed them, are all that it may have.
	GrantTypes []string `json:"grant_types,omitempty"`
	// RequirePAR, where an administrator said so, stays.
	RequirePAR bool `json:"require_pushed_authorization_requests,omitempty"`
}

// Narrow keeps the client within what an administrator made of its settings, who
// would otherwise change what it may say anew.
func (r *SelfRegistration) Narrow(before, after *ClientSettings) {
	if !slices.Equal(before.allScopes(), after.allScopes()) {
		r.Invitation.Scopes = after.Scopes
	}
	if grants := after.allGrantTypes(); !slices.Equal(before.allGrantTypes(), grants) {
		r.GrantTypes = grants
	}
	if before.RequirePAR != after.RequirePAR {
		r.RequirePAR = after.RequirePAR
	}
}

// allScopes are those for which the client may ask, sorted.
func (c *ClientSettings) allScopes() []string {
	scopes := slices.Clone(c.Scopes)
	if len(scopes) == 0 {
		scopes = Scopes()
	}
	slices.Sort(scopes)
	return slices.Compact(scopes)
}

// allGrantTypes are those that the client may use, in the order of GrantTypes.
func (c *ClientSettings) allGrantTypes() []string {
	return slices.DeleteFunc(GrantTypes(), func(g string) bool { return !c.MayUse(g) })
}
