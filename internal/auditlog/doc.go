// Package auditlog is what the admin API, the command line and the pages share in
// showing the audit log: the times people write, and how records are exported.
package auditlog
