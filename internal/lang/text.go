package lang

import "fmt"

// Text is something to say to a person, not yet in their language.
type Text struct {
	// Key is the message in English, with the verbs of fmt for Args.
	Key  string
	Args []any
}

// T is a text.
func T(key string, args ...any) Text { return Text{key, args} }

// IsZero says that there is nothing to say.
func (t Text) IsZero() bool { return t.Key == "" }

// String is the text in English.
func (t Text) String() string {
	if len(t.Args) == 0 {
		return t.Key
	}
	return fmt.Sprintf(t.Key, t.Args...)
}
