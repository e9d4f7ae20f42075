package authapp

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

func appsCmd(s *session, args []string) error {
	var page appPage
	if err := s.call(http.MethodGet, userPath(args[0], "apps"), nil, &page); err != nil {
		return err
	}
	return s.print(page, func(w io.Writer) {
		row(w, "CLIENT", "SINCE", "TOKENS", "SCOPES")
		for _, a := range page.Apps {
			tokens := "none"
			switch {
			case a.Offline:
				tokens = "also while away"
			case a.Tokens:
				tokens = "while signed in"
			}
			row(w, a.ClientID, when(a.Since), tokens, strings.Join(a.Scopes, " "))
		}
	})
}

func revokeAppCmd(s *session, args []string) error {
	if err := s.call(http.MethodDelete, userPath(args[0], "apps", args[1]), nil, nil); err != nil {
		return err
	}
	return s.done(fmt.Sprintf("took back what user %s let client %s have", args[0], args[1]))
}

func sessionsCmd(s *session, args []string) error {
	if end, _ := s.cmd.Flags().GetBool("end"); end {
		if err := s.call(http.MethodDelete, userPath(args[0], "sessions"), nil, nil); err != nil {
			return err
		}
		return s.done("signed out user " + args[0] + " everywhere")
	}
	if id, _ := s.cmd.Flags().GetString("end-one"); s.cmd.Flags().Changed("end-one") {
		if id == "" {
			return errors.New("--end-one is empty; name the session by its id, which caddy auth user sessions lists")
		}
		if err := s.call(http.MethodDelete, userPath(args[0], "sessions", id), nil, nil); err != nil {
			return err
		}
		return s.done("signed out user " + args[0] + " there")
	}
	var page sessionPage
	if err := s.call(http.MethodGet, userPath(args[0], "sessions"), nil, &page); err != nil {
		return err
	}
	return s.print(page, func(w io.Writer) {
		row(w, "ID", "SIGNED IN", "LAST SEEN", "UNTIL", "ADDRESS", "BROWSER")
		for _, x := range page.Sessions {
			row(w, x.ID, when(x.AuthTime), when(x.LastSeen), when(x.ExpiresAt), x.IP, x.UserAgent)
		}
	})
}
