package authapp

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/spf13/cobra"

	"github.com/caddyito/caddyito/internal/manage"
	"github.com/caddyito/caddyito/store"
)

func groupCommand() *cobra.Command {
	list := command("list", "Lists groups, and how many are in each", cobra.NoArgs, listGroupsCmd)
	list.Flags().Int("limit", 0, "At most so many (default: all)")
	afterFlag(list)
	remove := command("delete <group> [--yes]", "Takes everybody out of a group, which is gone then", cobra.ExactArgs(1), deleteGroupCmd)
	remove.Flags().BoolP("yes", "y", false, "Do not ask")
	return group("group", "Administers groups of users; a group is there as long as somebody is in it",
		list, remove,
		command("rename <group> <name>", "Has everybody who is in a group be in another; the rules of gates and clients are not changed", cobra.ExactArgs(2),
			func(s *session, args []string) error { return s.renameGroup(args[0], args[1]) }),
		bulkCommand("add <group>", "Puts users into a group", manage.AddToGroup),
		bulkCommand("remove <group>", "Takes users out of a group", manage.RemoveFromGroup),
	)
}

func listGroupsCmd(s *session, _ []string) error {
	all := []store.Group{}
	next, err := s.pages("/auth/groups", func(path string) (string, int, error) {
		var page groupPage
		err := s.call(http.MethodGet, path, nil, &page)
		all = append(all, page.Groups...)
		return page.Next, len(page.Groups), err
	})
	if err != nil {
		return err
	}
	return s.printList("groups", all, next, func(w io.Writer) {
		row(w, "GROUP", "MEMBERS")
		for _, g := range all {
			row(w, g.Name, g.Members)
		}
	})
}

func deleteGroupCmd(s *session, args []string) error {
	if err := s.confirm(fmt.Sprintf("Take everybody out of group %s?", args[0])); err != nil {
		return err
	}
	return s.renameGroup(args[0], "")
}

// renameGroup shows how many members were moved, while they are.
func (s *session) renameGroup(from, to string) error {
	body, err := json.Marshal(map[string]string{"to": to})
	if err != nil {
		return err
	}
	resp, err := s.request(http.MethodPost, apiPath("groups", from, "rename"), nil, bytes.NewReader(body))
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	p := s.progress()
	dec := json.NewDecoder(resp.Body)
	var status groupStatus
	for !status.Finished {
		status = groupStatus{}
		if err := dec.Decode(&status); err != nil {
			return fmt.Errorf("it broke off; what was done stays, and it can be begun again: %w", err)
		}
		p.show(fmt.Sprintf("%d moved", status.Done))
	}
	p.end()
	if status.Error != "" {
		return errors.New(status.Error)
	}
	if status.Done == 0 {
		return fmt.Errorf("nobody is in group %q, so there is nothing to do; caddy auth group list shows which there are", from)
	}
	users := fmt.Sprintf("%d users", status.Done)
	if status.Done == 1 {
		users = "1 user"
	}
	what := fmt.Sprintf("took %s out of group %s", users, from)
	if to != "" {
		what = fmt.Sprintf("moved %s from group %s to %s", users, from, to)
	}
	return s.print(map[string]any{"done": what, "members": status.Done}, func(w io.Writer) { fmt.Fprintln(w, what) })
}
