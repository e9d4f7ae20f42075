package authapp

import (
	"io"
	"net/http"

	"github.com/spf13/cobra"
)

func factorsCommand() *cobra.Command {
	return group("factors", "Administers second factors of a user",
		command("list <user>", "Lists what a user has besides a password", cobra.ExactArgs(1), listFactorsCmd),
		command("reset <user>", "Takes all of it away, for who lost it, and signs the user out", cobra.ExactArgs(1), resetFactorsCmd),
	)
}

func listFactorsCmd(s *session, args []string) error {
	var page factorPage
	if err := s.call(http.MethodGet, userPath(args[0], "factors"), nil, &page); err != nil {
		return err
	}
	return s.print(page, func(w io.Writer) {
		row(w, "KIND", "NAME", "ADDED", "LAST USED")
		for _, f := range page.Factors {
			row(w, f.Kind, f.Name, when(f.CreatedAt), when(f.LastUsed))
		}
		row(w, "recovery codes left", page.RecoveryCodes)
	})
}

func resetFactorsCmd(s *session, args []string) error {
	if err := s.call(http.MethodDelete, userPath(args[0], "factors"), nil, nil); err != nil {
		return err
	}
	return s.done("user " + args[0] + " signs in by password alone, and is signed out")
}
