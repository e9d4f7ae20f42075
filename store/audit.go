package store

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// AuditAction names what was done: a thing, a dot, what became of it.
type AuditAction string

// What is written down.
const (
	ActionSignIn           AuditAction = "signin.success"
	ActionSignInFailed     AuditAction = "signin.failure" // many in a minute are one record, see Count
	ActionSignOut          AuditAction = "session.signout"
	ActionSessionEnd       AuditAction = "session.end"     // from elsewhere than its own browser
	ActionSessionEndAll    AuditAction = "session.end_all" // with every token
	ActionPasswordChange   AuditAction = "password.change" // by who knew the old one
	ActionPasswordReset    AuditAction = "password.reset"  // by a link
	ActionPasswordSet      AuditAction = "password.set"    // for somebody, by an administrator
	ActionPasswordLink     AuditAction = "password.link"   // made, or sent
	ActionFactorAdd        AuditAction = "factor.add"
	ActionFactorRemove     AuditAction = "factor.remove"
	ActionFactorReset      AuditAction = "factor.reset" // all, by an administrator
	ActionRecoveryCodes    AuditAction = "factor.recovery_codes"
	ActionSetup            AuditAction = "setup.finish" // the first superuser
	ActionConsentGrant     AuditAction = "consent.grant"
	ActionConsentDeny      AuditAction = "consent.deny"
	ActionConsentRevoke    AuditAction = "consent.revoke"
	ActionDeviceAllow      AuditAction = "device.allow"
	ActionDeviceDeny       AuditAction = "device.deny"
	ActionTokenRevoke      AuditAction = "token.revoke" // by the client, with all that came of it
	ActionTokenReplay      AuditAction = "token.replay" // shown again after it was spent: all that came of it is over
	ActionUserCreate       AuditAction = "user.create"
	ActionUserChange       AuditAction = "user.change"
	ActionUserDisable      AuditAction = "user.disable"
	ActionUserEnable       AuditAction = "user.enable"
	ActionUserDelete       AuditAction = "user.delete"
	ActionUserExport       AuditAction = "user.export"
	ActionObjectCreate     AuditAction = "object.create"
	ActionObjectChange     AuditAction = "object.change"
	ActionObjectDelete     AuditAction = "object.delete"
	ActionObjectExport     AuditAction = "object.export"
	ActionClientCreate     AuditAction = "client.create"
	ActionClientChange     AuditAction = "client.change"
	ActionClientDisable    AuditAction = "client.disable"
	ActionClientEnable     AuditAction = "client.enable"
	ActionClientRotate     AuditAction = "client.rotate_secret"
	ActionClientDelete     AuditAction = "client.delete"
	ActionClientRegister   AuditAction = "client.register" // by itself
	ActionRegistrationMake AuditAction = "registration.create"
	ActionRegistrationEnd  AuditAction = "registration.revoke"
	ActionKeyRotate        AuditAction = "key.rotate"
	ActionSyncResync       AuditAction = "sync.resync"
	ActionBackup           AuditAction = "backup.take"
	ActionAuditExport      AuditAction = "audit.export"
)

// Kinds of parties that are neither users nor objects of the schema.
const (
	ClientParty = "client"
	// OperatorParty is whoever reaches Caddy's admin API: they run the machine.
	OperatorParty = "operator"
	// ServerParty is the server, of its own accord.
	ServerParty = "server"
)

// AuditParty is who did something, or to whom or what. Without a Type it is nobody:
// a stranger, or nothing in particular.
type AuditParty struct {
	Type string `json:"type,omitempty"` // UserType, an object type, or one of those above
	ID   string `json:"id,omitempty"`
	// Name is what they were called at that time.
	Name string `json:"name,omitempty"`
}

// UserParty, ObjectParty and PartyOfClient are those of the log.
func UserParty(u *User) AuditParty {
	return AuditParty{UserType, strconv.FormatInt(u.ID, 10), u.Username}
}

func ObjectParty(o *Object) AuditParty {
	name := o.Fields.Text("name")
	return AuditParty{o.Type, strconv.FormatInt(o.ID, 10), shortText(name)}
}

func PartyOfClient(c *Client) AuditParty { return AuditParty{ClientParty, c.ID, c.Name} }

// same says whether a and b are one, whatever they were called.
func (a AuditParty) same(b AuditParty) bool { return a.Type == b.Type && a.ID == b.ID }

// AuditChange is a field that was changed, or another detail (Old empty).
type AuditChange struct {
	Field string `json:"field"`
	Old   string `json:"old,omitempty"`
	New   string `json:"new,omitempty"`
}

// AuditRecord is that somebody did something. It has no secrets.
type AuditRecord struct {
	// ID is given when it is written, and grows. Time and ID together order the
	// log.
	ID     uint64      `json:"id"`
	Time   time.Time   `json:"time"`
	Action AuditAction `json:"action"`
	Actor  AuditParty  `json:"actor,omitzero"`
	Target AuditParty  `json:"target,omitzero"`
	// IP and UserAgent are the browser's; empty for the operator.
	IP        string `json:"ip,omitempty"`
	UserAgent string `json:"user_agent,omitempty"`
	// Count is how often it happened, where that is more than once.
	Count   int           `json:"count,omitempty"`
	Changes []AuditChange `json:"changes,omitempty"`
}

// Times is how often it happened.
func (r *AuditRecord) Times() int { return max(r.Count, 1) }

// AuditCursor is a place in the log: behind the record of that Time and ID. The
// zero cursor is before the newest.
type AuditCursor struct {
	Time time.Time
	ID   uint64
}

// IsZero says that it is the beginning.
func (c AuditCursor) IsZero() bool { return c.ID == 0 && c.Time.IsZero() }

// String is what stands in URLs; "" for the beginning.
func (c AuditCursor) String() string {
	if c.IsZero() {
		return ""
	}
	return fmt.Sprintf("%d-%d", c.Time.UnixMicro(), c.ID)
}

// ParseAuditCursor reads what String wrote.
func ParseAuditCursor(s string) (c AuditCursor, err error) {
	if s == "" {
		return c, nil
	}
	at, id, _ := strings.Cut(s, "-")
	micros, err1 := strconv.ParseInt(at, 10, 64)
	n, err2 := strconv.ParseUint(id, 10, 64)
	if err1 != nil || err2 != nil {
		return c, errors.New("no such place in the log")
	}
	return AuditCursor{time.UnixMicro(micros).UTC(), n}, nil
}

// AuditQuery says which records to list. What is zero does not matter.
type AuditQuery struct {
	// Of are those in which this party acted or was acted on. Its Name is not
	// looked at, nor are those of Actor and Target.
	Of, Actor, Target AuditParty
	// Action is one, or all that begin so if it ends in a dot: "user.".
	Action AuditAction
	// Since and Until (exclusive) bound the time.
	Since, Until time.Time
	// After goes on behind a record.
	After AuditCursor
}

// Matches says whether the query asks for r, whatever After is.
func (q *AuditQuery) Matches(r *AuditRecord) bool {
	none := AuditParty{}
	action := string(q.Action)
	switch {
	case q.Of != none && !q.Of.same(r.Actor) && !q.Of.same(r.Target),
		q.Actor != none && !q.Actor.same(r.Actor),
		q.Target != none && !q.Target.same(r.Target),
		!q.Since.IsZero() && r.Time.Before(q.Since),
		!q.Until.IsZero() && !r.Time.Before(q.Until):
		return false
	case strings.HasSuffix(action, "."):
		return strings.HasPrefix(string(r.Action), action)
	}
	return action == "" || r.Action == q.Action
}

// AuditCount is how often something was done in an hour.
type AuditCount struct {
	Hour   time.Time
	Action AuditAction
	Count  uint64
}

// AuditReader reads the log.
type AuditReader interface {
	// Audit lists up to limit records that q asks for, newest first. To bound what
	// it costs it may look at no more than some hundred times limit records and
	// stop there with fewer; next is where to go on, zero when there is nothing
	// more. Records of one party (Of, Actor, Target) are found without looking at
	// those of others.
	Audit(q *AuditQuery, limit int) (records []*AuditRecord, next AuditCursor, err error)
	// AuditCounts says what was done how often in the hours from the one of from
	// to before to, by hour and action. It costs the same however many records
	// there are.
	AuditCounts(from, to time.Time) ([]AuditCount, error)
}

// AuditWriter writes the log. Nothing in it is changed.
type AuditWriter interface {
	// PutAudit writes r, which has a Time and an Action, gives it an ID and counts
	// it in its hour. It belongs into the transaction that does what r tells of.
	PutAudit(r *AuditRecord) error
	// PruneAudit removes up to limit records of before that time, and says how
	// many; and the counts of hours that were over before it.
	PruneAudit(before time.Time, limit int) (removed int, err error)
}

// AuditOrigin is who does something, from where, and when.
type AuditOrigin struct {
	Actor         AuditParty
	IP, UserAgent string
	Time          time.Time
}

// Audit writes down that they did it.
func Audit(tx AuditWriter, by AuditOrigin, action AuditAction, target AuditParty, changes ...AuditChange) error {
	err := tx.PutAudit(&AuditRecord{
		Time: by.Time, Action: action, Actor: by.Actor, Target: target, IP: by.IP, UserAgent: by.UserAgent, Changes: changes,
	})
	if err != nil {
		return fmt.Errorf("writing to the audit log: %w", err)
	}
	return nil
}

// AuditChanges are the fields in which two users, two objects, the settings of two
// clients or two invitations differ, by name; either may be nil.
func AuditChanges(before, after any) []AuditChange {
	old, now := auditFields(before), auditFields(after)
	names := slices.Collect(maps.Keys(old))
	for name := range now {
		if _, ok := old[name]; !ok {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	var changes []AuditChange
	for _, name := range names {
		if old[name] != now[name] {
			changes = append(changes, AuditChange{name, shortText(old[name]), shortText(now[name])})
		}
	}
	return changes
}

// auditFields are the values of what AuditChanges compares, as text.
func auditFields(v any) map[string]string {
	out := map[string]string{}
	switch v := v.(type) {
	case *User:
		if v == nil {
			return out
		}
		u := *v
		u.Fields, u.LastLogin, u.DateJoined = nil, time.Time{}, time.Time{}
		jsonFields(out, u)
		valueFields(out, v.Fields)
	case *Object:
		if v != nil {
			valueFields(out, v.Fields)
		}
	case *ClientSettings:
		if v != nil {
			jsonFields(out, v)
		}
	case *Invitation:
		if v != nil {
			jsonFields(out, v)
		}
	}
	for _, name := range []string{"id", "version", "date_joined"} {
		delete(out, name)
	}
	return out
}

func valueFields(out map[string]string, f Fields) {
	for name := range f {
		out[name] = f.Text(name)
	}
}

// jsonFields has a text for each field that JSON has, but for those that are no
// or empty.
func jsonFields(out map[string]string, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		return // neither a user nor settings fail
	}
	var raw map[string]json.RawMessage
	if json.Unmarshal(b, &raw) != nil {
		return
	}
	for name, value := range raw {
		var list []string
		var text string
		switch {
		case json.Unmarshal(value, &text) == nil:
			out[name] = text
		case json.Unmarshal(value, &list) == nil:
			out[name] = strings.Join(list, " ")
		case bytes.Equal(value, []byte("false")):
			out[name] = ""
		default:
			out[name] = string(value)
		}
	}
}

// maxAuditText is how much of a value is kept.
const maxAuditText = 500

func shortText(s string) string {
	if len(s) <= maxAuditText {
		return s
	}
	return strings.ToValidUTF8(s[:maxAuditText], "") + "…"
}
