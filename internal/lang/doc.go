// Package lang says things to people in their language.
//
//	T("Hello %s", name)  --- in Go: errors, titles, problems of a form
//	{{t "Sign in"}}      --- in templates; also {{t .Problem}} of a Text
//
// The English words are the key of a message, with the verbs of fmt for what
// changes. A language that lacks a message says it in English.
package lang
