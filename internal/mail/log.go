package mail

import "log/slog"

// Log stands in for an SMTP server where somebody tries the whole thing on their own
// machine: who runs it reads in its log whom a mail would go to and where it leads.
// Links open accounts, so it is for no server that others can reach.
type Log struct{ log *slog.Logger }

// NewLog makes one.
func NewLog(log *slog.Logger) *Log { return &Log{log} }

// Send writes the mail into the log.
func (l *Log) Send(msg *Message) {
	l.log.Info("a mail, which is not sent since auth_server has no smtp block", "to", msg.To, "subject", msg.Subject, "url", msg.Link)
}
