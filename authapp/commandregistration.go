package authapp

import (
	"cmp"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/spf13/cobra"

	"github.com/caddyito/caddyito/store"
)

func registrationCommand() *cobra.Command {
	create := command("create [--name <text>] [--origin <origin>...] [--expires <duration>]",
		"Makes a token by which a gate or another program registers itself, once", cobra.NoArgs, createRegistrationCmd)
	f := create.Flags()
	f.String("name", "", "What people read on the consent page, and you in the list of clients (default: as the program calls itself)")
	f.StringArray("origin", nil, "Where all its URIs must lie, as in https://wiki.example.com (repeatable; default: anywhere but on this machine)")
	f.StringSlice("scope", nil, "A scope that it may register for (repeatable; default: all but those of APIs)")
	f.StringSlice("allow-group", nil, "Let only members of this group sign in there (repeatable; default: everybody)")
	f.Bool("skip-consent", false, "Do not ask people; for gates and programs of your own")
	f.String("sync", "", "Of which users it is told as they change: all, granted (those who signed in there) or off (default: all for a gate, else off)")
	f.StringSlice("fields", nil, "What it is told of users and what they refer to, as in email,company.name (repeatable; default: all but private fields)")
	f.String("expires", "24h", "How long the token can be used")
	revoke := command("revoke [--yes]", "Ends all tokens that were not used yet", cobra.NoArgs, revokeRegistrationsCmd)
	revoke.Flags().BoolP("yes", "y", false, "Do not ask")
	return group("registration", "Lets gates and other programs register themselves as clients", create, revoke)
}

func createRegistrationCmd(s *session, _ []string) error {
	f := s.cmd.Flags()
	var body registrationOrder
	body.Name, _ = f.GetString("name")
	body.Origins, _ = f.GetStringArray("origin")
	body.Scopes, _ = f.GetStringSlice("scope")
	body.AllowGroups, _ = f.GetStringSlice("allow-group")
	body.SkipConsent, _ = f.GetBool("skip-consent")
	sync, _ := f.GetString("sync")
	body.Sync = store.SyncMode(sync)
	body.Fields, _ = f.GetStringSlice("fields")
	body.Expires, _ = f.GetString("expires")
	var v registrationView
	if err := s.call(http.MethodPost, "/auth/registrations", body, &v); err != nil {
		return err
	}
	err := s.print(&v, func(w io.Writer) {
		row(w, "token", v.Token)
		row(w, "issuer", v.Issuer)
		row(w, "can be used", "once, until "+when(v.ExpiresAt))
	})
	if err != nil || s.json {
		return err
	}
	site := "wiki.example.com"
	if len(v.Origins) > 0 {
		site = strings.TrimPrefix(v.Origins[0], "https://")
	}
	fmt.Fprintf(s.out, `
The token is shown this once. For a gate, put this into the Caddyfile where it is
to stand, and leave it there; when the gate has enrolled, the token is worth
nothing any more:

%s {
	auth_client %s {
		enroll %s
	}
	reverse_proxy localhost:3000
}
`, site, cmp.Or(v.Issuer, "https://auth.example.com"), v.Token)
	return nil
}

func revokeRegistrationsCmd(s *session, _ []string) error {
	if err := s.confirm("End all tokens for registration that were not used yet?"); err != nil {
		return err
	}
	if err := s.call(http.MethodDelete, "/auth/registrations", nil, nil); err != nil {
		return err
	}
	return s.done("no token for registration can be used any more")
}
