package authapp

import (
	"bufio"
	"cmp"
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
	cmd := command(use+" [<user>... | -] [--search <prefix>] [--group <name>] [--status <status>] [--where <field>=<value>]... [--yes]", short+"; - reads a user from each line of standard input",
		args, func(s *session, args []string) error {
			deed := userDeed{Do: op}
			if grouped {
				deed.Group, args = args[0], args[1:]
				if err := store.CheckGroup(deed.Group); err != nil {
					return err
				}
			}
			return s.bulkUsers(deed, args)
		})
	filterFlags(cmd)
	cmd.Flags().BoolP("yes", "y", false, "Do not ask")
	return cmd
}

func bulkObjectCommand() *cobra.Command {
	remove := command("delete <type> [<id>... | -] [--search <prefix>] [--where <field>=<value>]... [--yes]",
		"Deletes objects to which nothing refers, the newest first; - reads an id from each line of standard input", cobra.MinimumNArgs(1), bulkObjectsCmd)
	objectFilterFlags(remove)
	remove.Flags().BoolP("yes", "y", false, "Do not ask")
	return group("bulk", "Does one thing to many objects", remove)
}

// bulkItem is one of many: what to call it, and where the API has it.
type bulkItem struct{ name, path string }

// bulkFailure is a user to whom it could not be done, or an object.
type bulkFailure struct {
	User   string `json:"user,omitempty"`
	Object string `json:"object,omitempty"`
	Error  string `json:"error"`
}

// bulkOutcome says what became of them.
type bulkOutcome struct {
	Done   int           `json:"done"`
	Failed []bulkFailure `json:"failed"`
}

// bulkUsers does it to users that are named, or found.
func (s *session) bulkUsers(deed userDeed, names []string) error {
	names, err := s.bulkNames(names, "users", "--search, --group, --status and --where")
	if err != nil {
		return err
	}
	var users []bulkItem
	for _, name := range names {
		users = append(users, bulkItem{name, userPath(name)})
	}
	if len(names) == 0 {
		err = s.bulkPages("/auth/users", func(path string) (string, error) {
			var page store.UserPage
			err := s.call(http.MethodGet, path, nil, &page)
			for _, u := range page.Users {
				users = append(users, bulkItem{u.Username, userPath(nameOf(u.ID))})
			}
			return page.Next, err
		})
	}
	if err != nil {
		return err
	}
	if len(names) == 0 || deed.Do == manage.Delete { // who is meant was not said, or there is no way back
		if err := s.confirm(fmt.Sprintf("%s: %d users. Go on?", s.cmd.CommandPath(), len(users))); err != nil {
			return err
		}
	}
	return s.bulk("users", users, 1, func(u bulkItem) error {
		return s.call(http.MethodPost, u.path+"/do", deed, nil)
	}, func(name, why string) bulkFailure { return bulkFailure{User: name, Error: why} })
}

// bulkObjectsCmd deletes objects that are named, or found. What they refer to among
// themselves is in nobody's way: what was needed is tried once more.
func bulkObjectsCmd(s *session, args []string) error {
	typ := args[0]
	ids, err := s.bulkNames(args[1:], "objects by their ids", "--search and --where")
	if err != nil {
		return err
	}
	var objects []*store.Object
	for _, text := range ids {
		id, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return fmt.Errorf("%q is not the id of a %s, which is a number", text, typ)
		}
		objects = append(objects, &store.Object{Type: typ, ID: id})
	}
	if len(ids) == 0 {
		err = s.bulkPages(objectPath([]string{typ}), func(path string) (string, error) {
			var page store.ObjectPage
			err := s.call(http.MethodGet, path, nil, &page)
			objects = append(objects, page.Objects...)
			return page.Next, err
		})
	}
	if err != nil {
		return err
	}
	if err := s.confirm(fmt.Sprintf("%s: %d objects. Go on?", s.cmd.CommandPath(), len(objects))); err != nil {
		return err
	}
	slices.SortStableFunc(objects, func(a, b *store.Object) int { return cmp.Compare(b.ID, a.ID) }) // what refers is mostly newer
	var items []bulkItem
	for _, o := range objects {
		id := strconv.FormatInt(o.ID, 10)
		items = append(items, bulkItem{typ + " " + id, objectPath([]string{typ, id})})
	}
	return s.bulk("objects", items, 2, func(o bulkItem) error {
		return s.call(http.MethodDelete, o.path, nil, nil)
	}, func(name, why string) bulkFailure { return bulkFailure{Object: name, Error: why} })
}

// bulk does it to one after the other, and to those that fail as often as rounds says.
// One that fails does not keep the others from it, but the command fails then.
func (s *session) bulk(what string, items []bulkItem, rounds int, do func(bulkItem) error, failure func(name, why string) bulkFailure) error {
	out := bulkOutcome{Failed: []bulkFailure{}}
	p := s.progress()
	left, total := items, len(items)
	for round := 1; round <= rounds; round++ {
		tried := left
		left = nil
		for _, item := range tried {
			err := do(item)
			if err != nil && s.cmd.Context().Err() != nil {
				p.end()
				return s.cmd.Context().Err()
			}
			if err != nil && !isAnswer(err) {
				p.end()
				if err := s.printOutcome(&out); err != nil {
					return err
				}
				return fmt.Errorf("it stopped at %s, one of %d %s: %w", item.name, total, what, err)
			}
			switch {
			case err == nil:
				out.Done++
			case round < rounds:
				left = append(left, item)
				continue
			default:
				out.Failed = append(out.Failed, failure(item.name, err.Error()))
				p.say(s.cmd.ErrOrStderr(), fmt.Sprintf("%s: %v", item.name, err))
			}
			switch {
			case p.overwrite:
				p.count(out.Done+len(out.Failed), total)
			case err == nil:
				p.show(item.name + ": done")
			}
		}
	}
	p.end()
	err := s.printOutcome(&out)
	if err == nil && len(out.Failed) > 0 {
		err = fmt.Errorf("it failed for %d of %d %s", len(out.Failed), total, what)
	}
	return err
}

func (s *session) printOutcome(out *bulkOutcome) error {
	return s.print(out, func(w io.Writer) { fmt.Fprintf(w, "%d done, %d failed\n", out.Done, len(out.Failed)) })
}

// isAnswer says whether an error is an answer to what was asked. Any other, such as
// that nothing listens, would be that of all that follow, too.
func isAnswer(err error) bool {
	answer, ok := errors.AsType[*adminError](err)
	return ok && answer.status < http.StatusInternalServerError
}

// bulkNames are those that are named, as arguments or on standard input; none if they
// are to be found by the filters.
func (s *session) bulkNames(names []string, what, flags string) ([]string, error) {
	found := len(filters(s.cmd)) > 0
	if len(names) > 0 && found {
		return nil, fmt.Errorf("name %s, or say by %s which, but not both", what, flags)
	}
	if slices.Equal(names, []string{"-"}) {
		lines := bufio.NewScanner(s.cmd.InOrStdin())
		names = nil
		for lines.Scan() {
			if name := strings.TrimSpace(strings.TrimPrefix(lines.Text(), byteOrderMark)); name != "" {
				names = append(names, name)
			}
		}
		if err := lines.Err(); err != nil {
			return nil, fmt.Errorf("reading standard input: %w", err)
		}
	}
	if len(names) == 0 && !found {
		return nil, fmt.Errorf("say which: name %s, or - for those on standard input, or use %s", what, flags)
	}
	return names, nil
}

// bulkPages reads all pages of what the filters find.
func (s *session) bulkPages(path string, read func(path string) (next string, err error)) error {
	query := filters(s.cmd)
	query.Set("limit", "1000")
	for {
		next, err := read(path + "?" + query.Encode())
		if err != nil || next == "" {
			return err
		}
		query.Set("after", next)
	}
}
