package lang

// Text is something to say to a person, not yet in their language.
type Text struct {
	// Key is the message in English. With Args it is a format, as of fmt.
	Key string
	// Args may be Texts themselves, and Dates.
	Args []any
}

// T is a text. Its key is a literal, so that it can be found and translated.
func T(key string, args ...any) Text { return Text{key, args} }

// IsZero says that there is nothing to say.
func (t Text) IsZero() bool { return t.Key == "" }

// String is the text in English.
func (t Text) String() string { return English().Say(t) }
