package authapp

import (
	"fmt"
	"io"
	"net/http"

	"github.com/spf13/cobra"

	"github.com/caddyito/caddyito/store"
)

func objectCommand() *cobra.Command {
	list := command("list <type> [--search <prefix>] [--where <field>=<value>]...", "Lists the objects of a type", cobra.ExactArgs(1), listObjectsCmd)
	listFlags(list)
	objectFilterFlags(list)
	remove := command("delete <type> <id> [--yes]", "Deletes an object that nothing refers to", cobra.ExactArgs(2), deleteObjectCmd)
	remove.Flags().BoolP("yes", "y", false, "Do not ask")
	return group("object", "Administers objects that users refer to; <type> is company, or another of the schema",
		command("create <type> <field>=<value>...", "Creates an object", cobra.MinimumNArgs(1), createObjectCmd),
		list,
		command("show <type> <id>", "Shows an object", cobra.ExactArgs(2), showObjectCmd),
		command("set <type> <id> <field>=<value>...", "Changes fields of an object; an empty value takes it away",
			cobra.MinimumNArgs(3), setObjectCmd),
		remove, bulkObjectCommand(),
	)
}

func objectFilterFlags(cmd *cobra.Command) {
	cmd.Flags().String("search", "", "Only of which a text begins so")
	whereFlag(cmd)
}

func objectPath(args []string) string {
	return apiPath(append([]string{"objects"}, args...)...)
}

func createObjectCmd(s *session, args []string) error {
	body, err := assignments(args[1:])
	if err != nil {
		return err
	}
	return s.objectCall(http.MethodPost, objectPath(args[:1]), body)
}

func showObjectCmd(s *session, args []string) error {
	return s.objectCall(http.MethodGet, objectPath(args), nil)
}

func setObjectCmd(s *session, args []string) error {
	body, err := assignments(args[2:])
	if err != nil {
		return err
	}
	return s.objectCall(http.MethodPatch, objectPath(args[:2]), body)
}

func (s *session) objectCall(method, path string, body any) error {
	var o store.Object
	if err := s.call(method, path, body, &o); err != nil {
		return err
	}
	return s.print(&o, func(w io.Writer) {
		row(w, "id", o.ID)
		row(w, "type", o.Type)
		fieldRows(w, o.Fields)
	})
}

func deleteObjectCmd(s *session, args []string) error {
	if err := s.confirm(fmt.Sprintf("Delete %s %s for good?", args[0], args[1])); err != nil {
		return err
	}
	if err := s.call(http.MethodDelete, objectPath(args), nil, nil); err != nil {
		return err
	}
	return s.done(fmt.Sprintf("deleted %s %s", args[0], args[1]))
}

func listObjectsCmd(s *session, args []string) error {
	all := []*store.Object{}
	next, err := s.pages(objectPath(args), func(path string) (string, int, error) {
		if asked := filters(s.cmd); len(asked) > 0 {
			var page store.ObjectPage
			err := s.call(http.MethodGet, path+"&"+asked.Encode(), nil, &page)
			all = append(all, page.Objects...)
			return page.Next, len(page.Objects), err
		}
		var page objectPage
		if err := s.call(http.MethodGet, path, nil, &page); err != nil {
			return "", 0, err
		}
		all = append(all, page.Objects...)
		return nextID(page.Next), len(page.Objects), nil
	})
	if err != nil {
		return err
	}
	var schema store.Schema // so that columns are the same, whichever objects are found
	if err := s.call(http.MethodGet, "/auth/schema", nil, &schema); err != nil {
		return err
	}
	return s.printList("objects", all, next, func(w io.Writer) {
		columns := schema.Fields(args[0])
		cells := []any{"ID"}
		for _, c := range columns {
			cells = append(cells, c.Name)
		}
		row(w, cells...)
		for _, o := range all {
			cells := []any{o.ID}
			for _, c := range columns {
				cells = append(cells, o.Fields.Text(c.Name))
			}
			row(w, cells...)
		}
	})
}
