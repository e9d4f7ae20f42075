package authapp

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/caddyito/caddyito/internal/manage"
	"github.com/caddyito/caddyito/store"
)

func bulkUserCommand() *cobra.Command {
	return group("bulk", "Does one thing to many users",
		bulkCommand("disable", "Signs users out and does not let them in again", manage.Disable),
		bulkCommand("enable", "Lets disabled users in again", manage.Enable),
		bulkCommand("sign-out", "Signs users out everywhere", manage.SignOut),
		bulkCommand("delete", "Deletes users for good", manage.Delete),
	)
}

// bulkCommand does an operation to users that are named, or found by filters. Its
// first argument is the group, where the operation has one.
func bulkCommand(use, short string, op manage.Operation) *cobra.Command {
	args := cobra.ArbitraryArgs
	grouped := op == manage.AddToGroup || op == manage.RemoveFromGroup
	if grouped {
		args = cobra.MinimumNArgs(1)
	}
	cmd := command(use+" [<user>... | -] [--search <prefix>] [--group <name>] [--status <status>] [--yes]", short+"; - reads a user from each line of standard input",
		args, func(s *session, args []string) error {
			deed := userDeed{Do: op}
			if grouped {
				deed.Group, args = args[0], args[1:]
				if err := store.CheckGroup(deed.Group); err != nil {
					return err
				}
			}
			return s.bulk(deed, args)
		})
	filterFlags(cmd)
	cmd.Flags().BoolP("yes", "y", false, "Do not ask")
	return cmd
}

// bulkUser is one of many: what to call them, and how the API finds them.
type bulkUser struct{ name, path string }

// bulkFailure is a user to whom it could not be done.
type bulkFailure struct {
	User  string `json:"user"`
	Error string `json:"error"`
}

// bulkOutcome says what became of them.
type bulkOutcome struct {
	Done   int           `json:"done"`
	Failed []bulkFailure `json:"failed"`
}

// bulk does it to one after the other. One that fails does not keep the others from
// it, but the command fails then.
func (s *session) bulk(deed userDeed, names []string) error {
	users, err := s.bulkUsers(names)
	if err != nil {
		return err
	}
	if len(names) == 0 || deed.Do == manage.Delete { // who is meant was not said, or there is no way back
		if err := s.confirm(fmt.Sprintf("%s: %d users. Go on?", s.cmd.CommandPath(), len(users))); err != nil {
			return err
		}
	}
	out := bulkOutcome{Failed: []bulkFailure{}}
	p := s.progress()
	for i, u := range users {
		err := s.call(http.MethodPost, u.path+"/do", deed, nil)
		if err != nil && s.cmd.Context().Err() != nil {
			p.end()
			return s.cmd.Context().Err()
		}
		if err != nil {
			out.Failed = append(out.Failed, bulkFailure{u.name, err.Error()})
			p.say(s.cmd.ErrOrStderr(), fmt.Sprintf("%s: %v", u.name, err))
		} else {
			out.Done++
		}
		switch {
		case p.overwrite:
			p.count(i+1, len(users))
		case err == nil:
			p.show(u.name + ": done")
		}
	}
	p.end()
	err = s.print(out, func(w io.Writer) { fmt.Fprintf(w, "%d done, %d failed\n", out.Done, len(out.Failed)) })
	if err == nil && len(out.Failed) > 0 {
		err = fmt.Errorf("it failed for %d of %d users", len(out.Failed), len(users))
	}
	return err
}

// bulkUsers are those that are named, and those that the filters find.
func (s *session) bulkUsers(names []string) (users []bulkUser, err error) {
	query := filters(s.cmd)
	if len(names) > 0 && len(query) > 0 {
		return nil, errors.New("name users, or say by --search, --group and --status which, but not both")
	}
	if len(query) > 0 {
		after := ""
		for {
			query.Set("limit", "1000")
			query.Set("after", after)
			var page store.UserPage
			if err := s.call(http.MethodGet, "/auth/users?"+query.Encode(), nil, &page); err != nil {
				return nil, err
			}
			for _, u := range page.Users {
				users = append(users, bulkUser{u.Username, userPath(strconv.FormatInt(u.ID, 10))})
			}
			if after = page.Next; after == "" {
				return users, nil
			}
		}
	}
	if slices.Equal(names, []string{"-"}) {
		lines := bufio.NewScanner(s.cmd.InOrStdin())
		names = nil
		for lines.Scan() {
			if name := strings.TrimSpace(lines.Text()); name != "" {
				names = append(names, name)
			}
		}
		if err := lines.Err(); err != nil {
			return nil, fmt.Errorf("reading standard input: %w", err)
		}
	}
	if len(names) == 0 {
		return nil, errors.New("say who: name users, or - for those on standard input, or use --search, --group or --status")
	}
	for _, name := range names {
		users = append(users, bulkUser{name, userPath(name)})
	}
	return users, nil
}
