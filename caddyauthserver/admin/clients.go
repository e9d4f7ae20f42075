package admin

import (
	"cmp"
	"net/http"
	"slices"
	"strings"

	"github.com/caddyito/caddyito/internal/lang"
	"github.com/caddyito/caddyito/internal/registration"
	"github.com/caddyito/caddyito/store"
)

// clientsPage lists clients: those of the config, then those of the store.
type clientsPage struct {
	frame
	Clients []clientRow
	// First and Next lead to the first page and the next, "" where there is no need.
	First, Next string
}

type clientRow struct {
	store.Client
	Label      string
	Configured bool
}

func (a *Admin) listClients(_ http.ResponseWriter, r *http.Request, v *visit) error {
	page := clientsPage{frame: v.frame()}
	after := r.URL.Query().Get("after")
	configured := a.configuredClients()
	if after == "" {
		for _, c := range configured {
			page.Clients = append(page.Clients, clientRow{c, labelOf(&c), true})
		}
	} else {
		page.First = a.path("clients")
	}
	var stored []*store.Client
	err := a.Store.View(r.Context(), func(tx store.ReadTx) (err error) {
		stored, err = tx.Clients(after, pageSize)
		return err
	})
	if err != nil {
		return err
	}
	for _, c := range stored {
		if !slices.ContainsFunc(configured, func(other store.Client) bool { return other.ID == c.ID }) { // which go first
			page.Clients = append(page.Clients, clientRow{*c, labelOf(c), false})
		}
	}
	if len(stored) == pageSize {
		page.Next = a.pathOfClients(stored[pageSize-1].ID)
	}
	return v.show(http.StatusOK, "clients", lang.T("Apps"), "clients", page)
}

func labelOf(c *store.Client) string {
	if c.Name != "" {
		return c.Name
	}
	return c.ID
}

// clientPage is one client, and its secret when it was just made.
type clientPage struct {
	frame
	clientRow
	Secret string
	// Rotated: the earlier secrets go on for a time.
	Rotated bool
	// Where the Settings of a well-known app go; none if it is not one.
	Where     lang.Text
	Settings  string
	Issuer    string
	Endpoints []endpoint
	// Gate is the block of the Caddyfile for one that is a gate, or "".
	Gate                     string
	SyncTarget, LogoutTarget string
	Scopes                   string
	Groups                   string
	// More are the settings that few apps need and this one has.
	More []setting
}

// setting is one of a client.
type setting struct {
	Label  lang.Text
	Values []string
	// Words are values that are said in the reader's language.
	Words []lang.Text
}

// newSecret is a secret that was just made, by which preset, and whether the earlier
// ones go on.
type newSecret struct {
	value   string
	rotated bool
	preset  *preset
}

// endpoint is an address that the settings of some apps ask for.
type endpoint struct {
	Name lang.Text
	URL  string
}

// findClient is a client of the config or of the store.
func (a *Admin) findClient(r *http.Request) (row clientRow, err error) {
	id := r.PathValue("id")
	if c := a.configuredClient(id); c != nil {
		return clientRow{*c, labelOf(c), true}, nil
	}
	err = a.Store.View(r.Context(), func(tx store.ReadTx) error {
		c, err := tx.Client(id)
		if err == nil {
			row = clientRow{*c, labelOf(c), false}
		}
		return err
	})
	return row, err
}

func (a *Admin) showClient(_ http.ResponseWriter, r *http.Request, v *visit) error {
	row, err := a.findClient(r)
	if err != nil {
		return err
	}
	return v.showClient(row, newSecret{})
}

func (v *visit) showClient(row clientRow, secret newSecret) error {
	o := v.a.Operations
	page := clientPage{
		frame: v.frame(), clientRow: row, Secret: secret.value, Rotated: secret.rotated, Issuer: o.Issuer,
		SyncTarget: row.SyncTarget(), LogoutTarget: row.LogoutTarget(), Scopes: strings.Join(row.Client.Scopes, " "), Groups: strings.Join(row.AllowGroups, ", "),
		Endpoints: []endpoint{
			{lang.T("Discovery document"), o.Issuer + "/.well-known/openid-configuration"},
			{lang.T("Authorization endpoint"), o.Endpoint("authorize")},
			{lang.T("Token endpoint"), o.Endpoint("token")},
			{lang.T("User info endpoint"), o.Endpoint("userinfo")},
			{lang.T("Key set (JWKS)"), o.Endpoint("jwks")},
			{lang.T("Sign-out endpoint"), o.Endpoint("logout")},
		},
	}
	page.More = moreSettings(&row.Client)
	if !row.Configured {
		page.Gate = gateBlock(&row.Client, o.Issuer, secret.value)
	}
	if p := secret.preset; p != nil && p.Settings != "" && secret.value != "" {
		page.Where, page.Settings = p.Where, p.settings(&row.Client, &o, secret.value)
	}
	return v.show(http.StatusOK, "client", lang.Text{Key: row.ID}, "clients", page)
}

// moreSettings are those that are set, of what few apps need.
func moreSettings(c *store.Client) (list []setting) {
	for _, group := range moreClientFields(c) {
		for _, f := range group.Fields {
			if !f.isSet() {
				continue
			}
			s := setting{Label: f.Label}
			switch {
			case f.Kind == "checkbox":
				s.Words = []lang.Text{lang.T("yes")}
			case f.Choices != nil:
				for _, c := range f.Choices {
					if c.Chosen {
						s.Words = append(s.Words, c.Label)
					}
				}
			default:
				s.Values = lines(f.Value)
			}
			list = append(list, s)
		}
	}
	return list
}

// gateBlock is what to paste into the Caddyfile of a gate, "" for another client.
func gateBlock(c *store.Client, issuer, secret string) string {
	if len(c.RedirectURIs) == 0 || c.Public || c.Format != "" {
		return ""
	}
	site, ok := registration.GateSite(c.RedirectURIs[0])
	if !ok {
		return ""
	}
	return registration.GateBlock(site, issuer, c.ID, cmp.Or(secret, "{env.AUTH_CLIENT_SECRET}"))
}
