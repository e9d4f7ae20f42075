package authapp

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"

	"github.com/spf13/pflag"
)

// settingOf is which setting of a client a flag is for, by its name in JSON.
var settingOf = map[string]string{
	"name": "name", "redirect": "redirect_uris", "post-logout": "post_logout_redirect_uris", "scope": "scopes", "sync": "sync", "fields": "fields",
	"sync-url": "sync_url", "allow-group": "allow_groups", "id-token-signed-response-alg": "id_token_signed_response_alg",
	"backchannel-logout": "backchannel_logout_uri", "format": "format", "admin-flags": "admin_flags", "grant-type": "grant_types",
	"require-par": "require_pushed_authorization_requests", "resource": "resources", "access-token-format": "access_token_format",
	"access-token-lifetime": "access_token_lifetime", "refresh-token-lifetime": "refresh_token_lifetime", "frontchannel-logout": "frontchannel_logout_uri",
	"skip-consent": "skip_consent", "allow-no-pkce": "allow_no_pkce",
}

func setClientCmd(s *session, args []string) error {
	patch, err := clientPatch(s.cmd.Flags())
	if err != nil {
		return err
	}
	var c clientView
	if err := s.call(http.MethodPatch, clientPath(args[0]), patch, &c); err != nil {
		return err
	}
	return s.printClient(&c)
}

// clientPatch has the settings whose flags were given, null where one is to be taken
// away.
func clientPatch(f *pflag.FlagSet) (map[string]json.RawMessage, error) {
	settings, err := clientSettings(f)
	if err != nil {
		return nil, err
	}
	for _, list := range []*[]string{&settings.RedirectURIs, &settings.PostLogoutRedirectURIs, &settings.Resources} {
		*list = slices.DeleteFunc(*list, func(value string) bool { return value == "" }) // --redirect ""
	}
	b, err := json.Marshal(settings)
	if err != nil {
		return nil, err
	}
	var all map[string]json.RawMessage
	if err := json.Unmarshal(b, &all); err != nil {
		return nil, err
	}
	patch := map[string]json.RawMessage{}
	f.Visit(func(flag *pflag.Flag) {
		if name, ok := settingOf[flag.Name]; ok {
			if patch[name] = all[name]; patch[name] == nil {
				patch[name] = json.RawMessage("null")
			}
		}
	})
	if len(patch) == 0 {
		return nil, errors.New("name what is to be changed, as in --name Wiki; caddy auth client set --help lists the flags")
	}
	return patch, nil
}

func switchClientCmd(verb string) func(*session, []string) error {
	return func(s *session, args []string) error {
		var c clientView
		if err := s.call(http.MethodPost, clientPath(args[0], verb), nil, &c); err != nil {
			return err
		}
		return s.printClient(&c)
	}
}
