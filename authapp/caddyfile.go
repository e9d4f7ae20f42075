package authapp

import (
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"

	"github.com/caddyito/caddyito/authapp/directive"
)

func init() {
	httpcaddyfile.RegisterGlobalOption("auth", parseGlobalOption)
}

// parseGlobalOption reads the global option:
//
//	auth {
//		store <module> ...
//		master_key <file>|<placeholder>
//		allow_http_sync <host>...
//		audit_keep <duration>
//	}
//
// where the store is
//
//	store bbolt [<path>]
//
// A master key that is one placeholder, such as {env.MASTER_KEY}, holds the key
// itself; anything else is the name of its file.
func parseGlobalOption(d *caddyfile.Dispenser, existing any) (any, error) {
	d.Next() // "auth"
	if existing != nil {
		return nil, d.Err("the auth option is given twice; put everything in one")
	}
	if d.NextArg() {
		return nil, d.Errf("the auth option takes a block, and %q is not one: auth { store ... }", d.Val())
	}
	app := new(App)
	seen := map[string]bool{}
	for d.NextBlock(0) {
		option := d.Val()
		if seen[option] {
			return nil, d.Errf("auth: %s is given twice", option)
		}
		seen[option] = true
		switch option {
		case "store":
			if err := app.parseStore(d); err != nil {
				return nil, err
			}
		case "master_key":
			if !d.NextArg() || d.Val() == "" {
				return nil, d.Err("auth: master_key takes the name of a file, or a placeholder such as {env.MASTER_KEY} that holds the key")
			}
			app.MasterKey = d.Val()
			if err := checkMasterKeySetting(app.MasterKey); err != nil {
				return nil, d.Errf("auth: %v", err)
			}
			if d.NextArg() {
				return nil, d.Err("auth: master_key takes one value; quote a name that has spaces")
			}
		case "allow_http_sync":
			if app.AllowHTTPSync = d.RemainingArgs(); len(app.AllowHTTPSync) == 0 {
				return nil, d.Err("auth: allow_http_sync takes the hosts that may be told of users over plain http")
			}
			for _, host := range app.AllowHTTPSync {
				if err := checkSyncHost(host); err != nil {
					return nil, d.Errf("auth: %v", err)
				}
			}
		case "audit_keep":
			if err := directive.Duration(&app.AuditKeep)(d); err != nil {
				return nil, err
			}
			if err := checkAuditKeep(app.AuditKeep); err != nil {
				return nil, d.Errf("auth: %v", err)
			}
		default:
			return nil, d.Errf("auth: there is no option %q; there are store, master_key, allow_http_sync and audit_keep", option)
		}
	}
	return httpcaddyfile.App{Name: "auth", Value: caddyconfig.JSON(app, nil)}, nil
}

func (a *App) parseStore(d *caddyfile.Dispenser) error {
	if !d.NextArg() {
		return d.Errf("auth: store takes the kind of store; there are %s", strings.Join(storeKinds(), ", "))
	}
	kind := d.Val()
	if !slices.Contains(storeKinds(), kind) {
		return d.Errf("auth: there is no store %q; there are %s", kind, strings.Join(storeKinds(), ", "))
	}
	guest, err := caddyfile.UnmarshalModule(d, "auth.stores."+kind)
	if err != nil {
		return err
	}
	a.StoreRaw = caddyconfig.JSONModuleObject(guest, "module", kind, nil)
	return nil
}

func storeKinds() []string {
	var kinds []string
	for _, m := range caddy.GetModules("auth.stores") {
		kinds = append(kinds, m.ID.Name())
	}
	slices.Sort(kinds)
	return kinds
}
