package manage

import "github.com/caddyito/caddyito/store"

// origin is who acts, for the audit log.
func (m *Manager) origin(p power) store.AuditOrigin {
	by := store.AuditOrigin{
		Actor: store.AuditParty{Type: store.OperatorParty}, IP: p.by.IP, UserAgent: p.by.UserAgent, Time: m.Now(),
	}
	if p.who != nil {
		by.Actor = store.UserParty(p.who)
	}
	return by
}

// audit writes down what was done to a user.
func (m *Manager) audit(tx store.AuditWriter, p power, action store.AuditAction, u *store.User, changes ...store.AuditChange) error {
	return store.Audit(tx, m.origin(p), action, store.UserParty(u), changes...)
}

// auditChange writes down how a user was changed. What changed nothing is not in the
// log.
func (m *Manager) auditChange(tx store.AuditWriter, p power, before, after *store.User) error {
	changes := store.AuditChanges(before, after)
	if len(changes) == 0 {
		return nil
	}
	action := store.ActionUserChange
	switch {
	case before.IsActive && !after.IsActive:
		action = store.ActionUserDisable
	case !before.IsActive && after.IsActive:
		action = store.ActionUserEnable
	}
	return m.audit(tx, p, action, after, changes...)
}
