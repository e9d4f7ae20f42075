package authapp

import (
	"io"
	"net/http"
	"time"

	"github.com/spf13/cobra"
)

func keyCommand() *cobra.Command {
	return group("key", "Administers the keys that sign ID tokens",
		command("rotate", "Makes the next keys, which are published at once and begin to sign later", cobra.NoArgs, rotateKeysCmd),
	)
}

func rotateKeysCmd(s *session, _ []string) error {
	var page keyPage
	if err := s.call(http.MethodPost, "/auth/keys/rotate", nil, &page); err != nil {
		return err
	}
	return s.print(page, func(w io.Writer) {
		row(w, "KEY", "ALGORITHM", "MADE", "SIGNS FROM")
		for _, k := range page.Keys {
			row(w, k.KID, k.Alg, when(k.CreatedAt), k.ActiveAt.Local().Format(time.DateTime))
		}
	})
}
