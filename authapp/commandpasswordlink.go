package authapp

import (
	"fmt"
	"io"
	"net/http"
)

func passwordLinkCmd(s *session, args []string) error {
	mail, _ := s.cmd.Flags().GetBool("mail")
	link, err := s.passwordLink(args[0], mail)
	if err != nil {
		return err
	}
	return s.print(link, func(w io.Writer) {
		if mail {
			mailedRow(w, link)
			return
		}
		row(w, "link", link.Link)
		row(w, "works", "once, within 30 minutes")
	})
}

func mailedRow(w io.Writer, link passwordLink) {
	if link.InLog {
		row(w, "written to", "the log of Caddy, since auth_server has no smtp block")
		return
	}
	row(w, "mailed to", link.MailedTo)
}

func (s *session) passwordLink(user string, mail bool) (link passwordLink, err error) {
	err = s.call(http.MethodPost, userPath(user, "password-link"), map[string]bool{"mail": mail}, &link)
	return link, err
}

// invite mails a link to a user who was just made.
func (s *session) invite(user string) (link passwordLink, err error) {
	if link, err = s.passwordLink(user, true); err != nil {
		return link, fmt.Errorf("the user was created, but %w; make a link yourself: caddy auth user password-link %s", err, user)
	}
	return link, nil
}
