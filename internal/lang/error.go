package lang

import "errors"

// Error is an error that can be said to a person.
type Error struct{ Text }

// Err is one. Its key is a literal, as that of T.
func Err(key string, args ...any) error { return &Error{Text{key, args}} }

func (e *Error) Error() string { return e.String() }

// Of is what an error says to a person: in their language, if it is an Error.
func Of(err error) Text {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Text
	}
	return Text{Key: err.Error()}
}
