package authapp

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/caddyito/caddyito/store"
)

// enrolment holds the gates that are enrolled at a server of this process, by
// client id.
type enrolment map[string]EnrolledGate

// enrol makes clients of the gates that have none. Gates that share an origin,
// a prefix and a server share the client too: the callback of a login that one
// of them started may come to the other.
func (a *App) enrol(gates []*placedGate) error {
	a.enrolled = enrolment{}
	taken := map[string]bool{}
	var without []*placedGate
	for _, g := range gates {
		taken[g.clientID] = true // also "", which no gate gets
		if g.clientID == "" {
			without = append(without, g)
		}
	}
	for _, group := range groups(without, (*placedGate).meets) {
		host, err := hostOf(group[0].origins[0])
		if err != nil {
			return fmt.Errorf("auth_client at %s: %w", group[0].site, err)
		}
		id := unique(clientIDOf(host), taken)
		if err := store.CheckClientID(id); err != nil {
			return fmt.Errorf("auth_client at %s: cannot make a client id of the host: %w; give it client_id and client_secret", group[0].site, err)
		}
		secret := a.shared.key.Derive("gate-secret/" + id)
		e := EnrolledGate{
			ClientID: id, Name: host, Secret: base64.RawURLEncoding.EncodeToString(secret[:]), issuer: group[0].issuer,
		}
		for _, g := range group {
			g.clientID, g.secret = e.ClientID, e.Secret
		}
		e.HomeURL = group[0].origins[0] + "/"
		e.RedirectURIs, e.PostLogoutRedirectURIs, e.SyncURL, e.BackchannelLogoutURI = addresses(group)
		a.enrolled[id] = e
	}
	return nil
}

// addresses are those of the gates of one client, as a server is told of them.
func addresses(group []*placedGate) (redirects, postLogout []string, sync, backchannelLogout string) {
	for _, g := range group {
		for _, o := range g.origins {
			redirects = append(redirects, o+g.prefix()+"/callback")
			postLogout = append(postLogout, o+"/")
		}
	}
	base := group[0].origins[0] + group[0].prefix()
	return sortedSet(redirects), sortedSet(postLogout), base + "/sync", base + "/backchannel-logout"
}

func (g *placedGate) prefix() string {
	if g.settings.Prefix == "" {
		return "/oidc"
	}
	return strings.TrimRight(g.settings.Prefix, "/")
}

// groups puts gates together that touch, also through others.
func groups(gates []*placedGate, touch func(g, o *placedGate) bool) [][]*placedGate {
	var out [][]*placedGate
	for _, g := range gates {
		group := []*placedGate{g}
		// Those that g touches become one group with it.
		out = slices.DeleteFunc(out, func(other []*placedGate) bool {
			if !slices.ContainsFunc(other, func(o *placedGate) bool { return touch(g, o) }) {
				return false
			}
			group = append(other, group...)
			return true
		})
		out = append(out, group)
	}
	return out
}

func (g *placedGate) sameClient(o *placedGate) bool {
	return g.clientID == o.clientID && normalIssuer(g.issuer) == normalIssuer(o.issuer)
}

func (g *placedGate) meets(o *placedGate) bool {
	return g.server == o.server && g.prefix() == o.prefix() &&
		slices.ContainsFunc(g.origins, func(origin string) bool { return slices.Contains(o.origins, origin) })
}

// checkApart refuses gates of different clients at one address: whichever comes
// first would get the other's callbacks, and nobody could sign in.
func checkApart(gates []*placedGate) error {
	for i, g := range gates {
		for _, o := range gates[:i] {
			if o.sameClient(g) || o.prefix() != g.prefix() {
				continue
			}
			for _, origin := range g.origins {
				if slices.Contains(o.origins, origin) {
					return fmt.Errorf("auth_client at %s: two gates with different issuers or client ids both have %s%s; give one of them another prefix, as in: prefix /oidc2", g.site, origin, g.prefix())
				}
			}
		}
	}
	return nil
}

// gateNames are the names of the gates' mirrors and sessions. Gates that use one
// client at different addresses keep apart, whatever their order; those that
// share one, also through a third gate, do not.
func gateNames(gates []*placedGate) []string {
	names := map[*placedGate]string{}
	for _, group := range groups(gates, func(g, o *placedGate) bool { return g.sameClient(o) && g.meets(o) }) {
		first := slices.MinFunc(group, func(a, b *placedGate) int { return slices.Compare(a.origins, b.origins) })
		name := Realm(first.clientID, first.issuer)
		if slices.ContainsFunc(gates, func(o *placedGate) bool { return o.sameClient(first) && !slices.Contains(group, o) }) {
			name += "-" + short(first.origins[0]+first.prefix())
		}
		for _, g := range group {
			names[g] = name
		}
	}
	list := make([]string, len(gates))
	for i, g := range gates {
		list[i] = names[g]
	}
	return list
}

// Realm is the name of a gate's mirror and of its sessions' realm, when it is
// the only one that uses its client. It holds the issuer, so that what came from
// one never counts for another; and no client id makes it store.ServerRealm.
func Realm(clientID, issuer string) string {
	return clientID + "-" + short(normalIssuer(issuer))
}

func short(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:4])
}

func count(names []string, name string) int {
	n := 0
	for _, other := range names {
		if other == name {
			n++
		}
	}
	return n
}

// unique returns name, or name~2, name~3 ..., and takes it.
func unique(name string, taken map[string]bool) string {
	out := name
	for n := 2; taken[out]; n++ {
		out = name + "~" + strconv.Itoa(n)
	}
	taken[out] = true
	return out
}

// clientIDOf makes a client id of a host: as it is, but for IPv6 brackets.
func clientIDOf(host string) string { return strings.NewReplacer("[", "", "]", "").Replace(host) }
