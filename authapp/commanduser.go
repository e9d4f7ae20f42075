package authapp

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/caddyito/caddyito/store"
)

func userCommand() *cobra.Command {
	create := command("create <username> [--email <address>] [--group <name>]... [--superuser] [--staff] [--set <field>=<value>]... [--no-password | --invite | --weak]",
		"Creates a user; the password is read from standard input", cobra.ExactArgs(1), createUserCmd)
	f := create.Flags()
	f.String("email", "", "E-mail address")
	f.String("first-name", "", "First name")
	f.String("last-name", "", "Last name")
	f.StringSlice("group", nil, "A group that the user is in (repeatable)")
	f.Bool("superuser", false, "May do everything")
	f.Bool("staff", false, "May administer users who are neither staff nor superusers")
	f.StringArray("set", nil, "A field of the schema, as in company=Acme (repeatable)")
	f.Bool("no-password", false, "Do not read a password; the user cannot sign in with one yet")
	weakFlag(create)
	f.Bool("invite", false, "Do not read a password, but mail the user a link by which they choose one")

	list := command("list [--search <prefix>] [--group <name>] [--status <status>] [--where <field>=<value>]...", "Lists users", cobra.NoArgs, listUsersCmd)
	listFlags(list)
	filterFlags(list)
	link := command("password-link <user> [--mail]", "Makes a link by which the user chooses a password, once, within 30 minutes",
		cobra.ExactArgs(1), passwordLinkCmd)
	link.Flags().Bool("mail", false, "Send it to the user's e-mail address instead of printing it")
	sessions := command("sessions <user> [--end | --end-one <id>]", "Lists where a user is signed in", cobra.ExactArgs(1), sessionsCmd)
	sessions.Flags().Bool("end", false, "Sign the user out everywhere instead")
	sessions.Flags().String("end-one", "", "Sign the user out in this one instead, by its id")
	pw := command("password <user> [--weak]", "Sets a password, read from standard input, and signs the user out everywhere",
		cobra.ExactArgs(1), passwordCmd)
	weakFlag(pw)
	remove := command("delete <user> [--yes]", "Deletes a user, and signs them out", cobra.ExactArgs(1), deleteUserCmd)
	remove.Flags().BoolP("yes", "y", false, "Do not ask")

	return group("user", "Administers users; <user> is a username, or id:<id>",
		create, list, remove, link, sessions, bulkUserCommand(), factorsCommand(),
		command("apps <user>", "Lists which clients a user lets have something", cobra.ExactArgs(1), appsCmd),
		command("revoke-app <user> <client>", "Takes back what a user let a client have", cobra.ExactArgs(2), revokeAppCmd),
		command("show <user>", "Shows a user", cobra.ExactArgs(1), showUserCmd),
		command("set <user> <field>=<value>...", "Changes fields of a user; an empty value takes it away",
			cobra.MinimumNArgs(2), setUserCmd),
		command("disable <user>", "Signs a user out and does not let them in again", cobra.ExactArgs(1), switchUserCmd("disable")),
		command("enable <user>", "Lets a disabled user in again", cobra.ExactArgs(1), switchUserCmd("enable")),
		pw,
	)
}

func weakFlag(cmd *cobra.Command) {
	cmd.Flags().Bool("weak", false, "Take a password that is guessed soon, too, such as for a system to be thrown away")
}

// asWeak is how the API is told of that flag.
func (s *session) asWeak() string {
	if weak, _ := s.cmd.Flags().GetBool("weak"); weak {
		return "?weak=true"
	}
	return ""
}

func listFlags(cmd *cobra.Command) {
	cmd.Flags().Int("limit", 0, "At most so many (default: all)")
	afterFlag(cmd)
}

func afterFlag(cmd *cobra.Command) {
	cmd.Flags().String("after", "", "Go on with a list that --limit cut off: what --json said as next, with the same filters")
}

func userPath(user string, more ...string) string {
	return apiPath(append([]string{"users", user}, more...)...)
}

func createUserCmd(s *session, args []string) error {
	f := s.cmd.Flags()
	set, _ := f.GetStringArray("set")
	body, err := assignments(set)
	if err != nil {
		return err
	}
	body["username"] = args[0]
	for flag, field := range map[string]string{"email": "email", "first-name": "first_name", "last-name": "last_name"} {
		if v, _ := f.GetString(flag); v != "" {
			body[field] = v
		}
	}
	for flag, field := range map[string]string{"superuser": "is_superuser", "staff": "is_staff"} {
		if v, _ := f.GetBool(flag); v {
			body[field] = true
		}
	}
	if groups, _ := f.GetStringSlice("group"); len(groups) > 0 {
		body["groups"] = groups
	}
	invite, _ := f.GetBool("invite")
	if invite && body["email"] == nil {
		return errors.New("--invite sends a mail, so say where: --email <address>")
	}
	if none, _ := f.GetBool("no-password"); !none && !invite {
		pw, err := s.newPassword()
		if errors.Is(err, errNoPassword) {
			return fmt.Errorf("%w; for a user without a password add --no-password", err)
		}
		if err != nil {
			return err
		}
		body["password"] = pw
	}
	var u store.User
	if err := s.call(http.MethodPost, "/auth/users"+s.asWeak(), body, &u); err != nil {
		return err
	}
	if !invite {
		return s.printUser(&u)
	}
	link, err := s.invite(nameOf(u.ID))
	if err != nil {
		return err
	}
	return s.print(invitedUser{&u, link}, func(w io.Writer) {
		userRows(w, &u)
		mailedRow(w, link)
	})
}

// invitedUser is a user who was just made, and where their link went.
type invitedUser struct {
	*store.User
	Invitation passwordLink `json:"invitation"`
}

func showUserCmd(s *session, args []string) error {
	var u store.User
	if err := s.call(http.MethodGet, userPath(args[0]), nil, &u); err != nil {
		return err
	}
	return s.printUser(&u)
}

func setUserCmd(s *session, args []string) error {
	body, err := assignments(args[1:])
	if err != nil {
		return err
	}
	var u store.User
	if err := s.call(http.MethodPatch, userPath(args[0]), body, &u); err != nil {
		return err
	}
	return s.printUser(&u)
}

func switchUserCmd(verb string) func(*session, []string) error {
	return func(s *session, args []string) error {
		var u store.User
		if err := s.call(http.MethodPost, userPath(args[0], verb), nil, &u); err != nil {
			return err
		}
		return s.printUser(&u)
	}
}

func deleteUserCmd(s *session, args []string) error {
	var u store.User
	if err := s.call(http.MethodGet, userPath(args[0]), nil, &u); err != nil {
		return err
	}
	if err := s.confirm(fmt.Sprintf("Delete user %s (id %d) for good?", u.Username, u.ID)); err != nil {
		return err
	}
	if err := s.call(http.MethodDelete, userPath(nameOf(u.ID)), nil, nil); err != nil {
		return err
	}
	return s.done(fmt.Sprintf("deleted user %s (id %d)", u.Username, u.ID))
}

func passwordCmd(s *session, args []string) error {
	// Who mistyped the name should hear so before typing a password.
	var u store.User
	if err := s.call(http.MethodGet, userPath(args[0]), nil, &u); err != nil {
		return err
	}
	pw, err := s.newPassword()
	if err != nil {
		return err
	}
	body := map[string]string{"password": pw}
	if err := s.call(http.MethodPut, userPath(nameOf(u.ID), "password")+s.asWeak(), body, nil); err != nil {
		return err
	}
	return s.done("changed the password of " + u.Username + ", who is signed out everywhere")
}

func listUsersCmd(s *session, _ []string) error {
	all := []*store.User{}
	next, err := s.pages("/auth/users", func(path string) (string, int, error) {
		if asked := filters(s.cmd); len(asked) > 0 {
			var page store.UserPage
			err := s.call(http.MethodGet, path+"&"+asked.Encode(), nil, &page)
			all = append(all, page.Users...)
			return page.Next, len(page.Users), err
		}
		var page userPage
		if err := s.call(http.MethodGet, path, nil, &page); err != nil {
			return "", 0, err
		}
		all = append(all, page.Users...)
		return nextID(page.Next), len(page.Users), nil
	})
	if err != nil {
		return err
	}
	return s.printList("users", all, next, func(w io.Writer) {
		row(w, "ID", "USERNAME", "EMAIL", "NAME", "GROUPS", "ACTIVE", "ROLE", "LAST LOGIN")
		for _, u := range all {
			row(w, u.ID, u.Username, u.Email, fullName(u), strings.Join(u.Groups, ","), yesNo(u.IsActive), role(u), when(u.LastLogin))
		}
	})
}

// pages fetches page by page until --limit, or the end. next is where to go on, if
// there is perhaps more.
func (s *session) pages(path string, fetch func(path string) (next string, got int, err error)) (next string, err error) {
	left, _ := s.cmd.Flags().GetInt("limit")
	after, _ := s.cmd.Flags().GetString("after")
	if left < 0 {
		return "", fmt.Errorf("--limit %d: it is a number from 1, or 0 for all", left)
	}
	all := left == 0
	for all || left > 0 {
		size := 1000
		if !all {
			size = min(size, left)
		}
		q := url.Values{"limit": {strconv.Itoa(size)}}
		if after != "" {
			q.Set("after", after)
		}
		next, got, err := fetch(path + "?" + q.Encode())
		if err != nil || next == "" {
			return "", err
		}
		after = next
		left -= got
	}
	return after, nil
}

// printList prints a list, and where to go on with it.
func (s *session) printList(name string, list any, next string, human func(io.Writer)) error {
	v := map[string]any{name: list}
	if next != "" {
		v["next"] = next
	}
	return s.print(v, human)
}

func nextID(id int64) string {
	if id == 0 {
		return ""
	}
	return strconv.FormatInt(id, 10)
}

func (s *session) printUser(u *store.User) error {
	return s.print(u, func(w io.Writer) { userRows(w, u) })
}

func userRows(w io.Writer, u *store.User) {
	row(w, "id", u.ID)
	row(w, "username", u.Username)
	email := u.Email
	if email != "" && !u.EmailVerified {
		email += " (not verified)"
	}
	row(w, "email", email)
	row(w, "name", fullName(u))
	if u.Language != "" {
		row(w, "language", u.Language)
	}
	row(w, "groups", strings.Join(u.Groups, ", "))
	row(w, "active", yesNo(u.IsActive))
	row(w, "role", role(u))
	row(w, "joined", when(u.DateJoined))
	row(w, "last login", when(u.LastLogin))
	fieldRows(w, u.Fields)
}

func fieldRows(w io.Writer, f store.Fields) {
	for _, name := range slices.Sorted(maps.Keys(f)) {
		row(w, name, f.Text(name))
	}
}

func fullName(u *store.User) string { return strings.TrimSpace(u.FirstName + " " + u.LastName) }

func role(u *store.User) string {
	switch {
	case u.IsSuperuser:
		return "superuser"
	case u.IsStaff:
		return "staff"
	}
	return "user"
}

func when(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.Local().Format("2006-01-02 15:04")
}
