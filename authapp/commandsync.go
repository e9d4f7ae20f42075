package authapp

import (
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/spf13/cobra"
)

func syncCommand() *cobra.Command {
	return group("sync", "Shows and repairs how gates follow users and objects",
		command("status", "Shows how far every client is", cobra.NoArgs, syncStatusCmd),
		command("resync <client>", "Sends a client everything anew; until it is complete it uses what it has", cobra.ExactArgs(1), resyncCmd),
	)
}

func syncStatusCmd(s *session, _ []string) error {
	var v syncView
	if err := s.call(http.MethodGet, "/auth/sync", nil, &v); err != nil {
		return err
	}
	return s.print(v, func(w io.Writer) {
		row(w, "CLIENT", "AT", "OF", "LAG", "PUSHED", "PULLED", "STATE")
		for _, c := range v.Clients {
			lag := fmt.Sprint(c.Lag)
			if c.Lag > 0 {
				lag = fmt.Sprintf("%d, %ds", c.Lag, c.LagSeconds)
			}
			row(w, c.ClientID, c.Seq, v.Head, lag, when(c.PushedAt), when(c.PulledAt), c.state())
		}
	})
}

func (c *syncClientView) state() string {
	switch {
	case c.Parked:
		return "parked: " + c.Error
	case c.Error != "":
		return "failing: " + c.Error
	case c.Resync:
		return "to be filled anew"
	case c.Lag > 0:
		return "behind"
	case c.PushedAt.IsZero() && c.PulledAt.IsZero():
		return "never heard of"
	}
	return "follows"
}

func resyncCmd(s *session, args []string) error {
	if err := s.call(http.MethodPost, "/auth/sync/"+url.PathEscape(args[0])+"/resync", nil, nil); err != nil {
		return err
	}
	return s.done("client " + args[0] + " is sent everything anew; caddy auth sync status shows how far it is")
}
