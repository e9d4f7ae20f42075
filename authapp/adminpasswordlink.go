package authapp

import (
	"context"
	"net/http"

	"github.com/caddyito/caddyito/store"
)

// PasswordLinker is a server where people choose a password by a link.
type PasswordLinker interface {
	// PasswordLink makes a link for an active user.
	PasswordLink(ctx context.Context, by store.AuditOrigin, userID int64) (string, error)
	// MailPasswordLink sends them one. That it cannot is a Conflict.
	MailPasswordLink(ctx context.Context, by store.AuditOrigin, userID int64) error
	// MailsToLog says that it does not send it, but writes it to the log.
	MailsToLog() bool
}

// passwordLink is what is answered: the link, or where it was sent, or that it is in
// the log.
type passwordLink struct {
	Link     string `json:"link,omitempty"`
	MailedTo string `json:"mailed_to,omitempty"`
	InLog    bool   `json:"in_log,omitempty"`
}

// passwordLinkOf makes a link, which is shown this once, or has it mailed.
func (api *adminAPI) passwordLinkOf(a *App, r *http.Request) (any, error) {
	var body struct {
		Mail bool `json:"mail"`
	}
	if err := readJSON(r, &body); err != nil {
		return nil, err
	}
	var u *store.User
	err := a.Store().View(r.Context(), func(tx store.ReadTx) (err error) {
		u, err = findUser(tx, r.PathValue("user"))
		return err
	})
	if err != nil {
		return nil, err
	}
	if !u.IsActive {
		return nil, refuse(http.StatusConflict, "user %s is disabled; enable them first", u.Username)
	}
	for _, s := range a.servers {
		linker, ok := s.(PasswordLinker)
		if !ok {
			continue
		}
		if body.Mail {
			sent := passwordLink{MailedTo: u.Email}
			if linker.MailsToLog() {
				sent = passwordLink{InLog: true}
			}
			return sent, linker.MailPasswordLink(r.Context(), byOperator(), u.ID)
		}
		link, err := linker.PasswordLink(r.Context(), byOperator(), u.ID)
		return passwordLink{Link: link}, err
	}
	return nil, refuse(http.StatusNotFound, "the Caddy that runs here has no auth_server, so there is no page to choose a password")
}
