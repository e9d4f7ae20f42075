// Package mail sends by SMTP what the server has to tell people.
//
//	Send -> queue -> worker -> an SMTP server (RFC 5321), by TLS
//
// Whoever sends does not wait: how long a mail takes, or whether there is one at
// all, shall tell nobody who exists. The queue is in memory and bounded. What cannot
// be delivered is tried again, with growing pauses, as long as what it says is worth
// reading; what a server refuses for good is logged and dropped. On one's own machine
// a Log takes the place of all that.
package mail
