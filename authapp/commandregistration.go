package authapp

import (
	"cmp"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/spf13/cobra"

	"github.com/caddyito/caddyito/internal/manage"
	"github.com/caddyito/caddyito/internal/registration"
	"github.com/caddyito/caddyito/store"
)

func registrationCommand() *cobra.Command {
	create := command("create [--name <text>] [--origin <origin>...] [--expires <duration>]",
		"Makes a token by which a gate or another program registers itself, once", cobra.NoArgs, createRegistrationCmd)
	f := create.Flags()
	f.String("name", "", "What people read on the consent page, and you in the list of clients (default: as the program calls itself)")
	f.StringArray("origin", nil, "Where all its URIs must lie, as in https://wiki.example.com (repeatable; default: anywhere, and then it is told of nothing; a gate needs one)")
	f.StringSlice("scope", nil, "A scope that it may register for (repeatable; default: all but those of APIs)")
	f.StringSlice("allow-group", nil, "Let only members of this group sign in there (repeatable; default: everybody)")
	f.Bool("skip-consent", false, "Do not ask people; for gates and programs of your own")
	f.String("sync", "", "Of which users it is told as they change: all, granted (those who signed in there) or off (default: all for a gate, else off)")
	f.StringSlice("fields", nil, "What it is told of users and what they refer to, as in email,company.name (repeatable; default: all but private fields)")
	f.String("expires", "24h", "How long the token can be used")
	list := command("list", "Lists the tokens that were not used yet", cobra.NoArgs, listRegistrationsCmd)
	list.Flags().Int("limit", 0, "At most so many (default: all)")
	afterFlag(list)
	revoke := command("revoke [<id>] [--yes]", "Ends a token that was not used yet, or all", cobra.MaximumNArgs(1), revokeRegistrationsCmd)
	revoke.Flags().BoolP("yes", "y", false, "Do not ask")
	return group("registration", "Lets gates and other programs register themselves as clients", create, list, revoke)
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
	if len(v.Origins) == 0 {
		fmt.Fprint(s.out, `
The token is shown this once. It is for programs that need not be told of changes of
users and of logouts; a gate does: give it a token with --origin and its address.
`)
		return nil
	}
	fmt.Fprintf(s.out, `
The token is shown this once. For a gate, put this into the Caddyfile where it is
to stand, and leave it there; when the gate has enrolled, the token is worth
nothing any more:

%s`, registration.EnrolBlock(v.Origins[0], cmp.Or(v.Issuer, "https://auth.example.com"), v.Token))
	return nil
}

func listRegistrationsCmd(s *session, _ []string) error {
	all := []*manage.PendingRegistration{}
	next, err := s.pages("/auth/registrations", func(path string) (string, int, error) {
		var page registrationPage
		err := s.call(http.MethodGet, path, nil, &page)
		all = append(all, page.Registrations...)
		return page.Next, len(page.Registrations), err
	})
	if err != nil {
		return err
	}
	return s.printList("registrations", all, next, func(w io.Writer) {
		row(w, "ID", "NAME", "ORIGINS", "MADE", "UNTIL")
		for _, r := range all {
			row(w, r.ID, r.Name, strings.Join(r.Origins, " "), when(r.CreatedAt), when(r.ExpiresAt))
		}
	})
}

func revokeRegistrationsCmd(s *session, args []string) error {
	question, path, done := "End all tokens for registration that were not used yet?", "/auth/registrations", "no token for registration can be used any more"
	if len(args) == 1 {
		question, path, done = fmt.Sprintf("End token %s?", args[0]), apiPath("registrations", args[0]), fmt.Sprintf("token %s cannot be used any more", args[0])
	}
	if err := s.confirm(question); err != nil {
		return err
	}
	if err := s.call(http.MethodDelete, path, nil, nil); err != nil {
		return err
	}
	return s.done(done)
}
