package authapp

import (
	"io"
	"net/http"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/caddyito/caddyito/internal/manage"
)

func overviewCommand() *cobra.Command {
	cmd := command("overview [--days <n>]", "Shows sign-ins, failures, sessions, and clients in trouble", cobra.NoArgs, overviewCmd)
	cmd.Flags().Int("days", 1, "How far back; the last day is shown by the hour")
	return cmd
}

func overviewCmd(s *session, _ []string) error {
	days, _ := s.cmd.Flags().GetInt("days")
	var v manage.Overview
	if err := s.call(http.MethodGet, "/auth/overview?days="+strconv.Itoa(days), nil, &v); err != nil {
		return err
	}
	return s.print(v, func(w io.Writer) {
		row(w, "FROM", "SIGN-INS", "FAILURES")
		for _, step := range v.Steps {
			if step.SignIns+step.Failures > 0 {
				row(w, when(step.From), step.SignIns, step.Failures)
			}
		}
		row(w, "in all", v.SignIns, v.Failures)
		sessions := strconv.Itoa(v.Sessions)
		if v.Sessions >= manage.CountedSessions {
			sessions += " or more"
		}
		row(w, "sessions", sessions)
		row(w, "clients told", v.Told)
		for _, c := range v.Troubled {
			row(w, "in trouble", c.ClientID, stateOf(c))
		}
	})
}
