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
		switch {
		case link.InLog:
			row(w, "written to", "the log of Caddy, since auth_server has no smtp block")
			return
		case link.MailedTo != "":
			row(w, "mailed to", link.MailedTo)
			return
		}
		row(w, "link", link.Link)
		row(w, "works", "once, within 30 minutes")
	})
}

func (s *session) passwordLink(user string, mail bool) (link passwordLink, err error) {
	err = s.call(http.MethodPost, userPath(user, "/password-link"), map[string]bool{"mail": mail}, &link)
	return link, err
}

// invite mails a link to a user who was just made.
func (s *session) invite(user string) error {
	if _, err := s.passwordLink(user, true); err != nil {
		return fmt.Errorf("the user was created, but %w; make a link yourself: caddy auth user password-link %s", err, user)
	}
	return nil
}
