// Package lang says things to people in their language.
//
//	T("Hello %s", name)  --- in Go: errors, titles, problems of a form
//	{{t "Sign in"}}      --- in templates; also {{t .Problem}} of a Text
//	                             |
//	      request --Choose--> Language.Say --> words
//
// The English words are the key of a message, with the verbs of fmt for what
// changes. A language is one file, catalogues/de.json: from those to its own, where
// what is counted has a form for each plural (catalogues/en.json has just those).
// A message that a language lacks is said in English; a test sees to it that none is
// lacking, none is left over, and that every one takes the same arguments.
//
// Neighbours: internal/webpage has the functions of templates, and the headers that
// name the language of a page.
package lang
