package lang

import "errors"

// Error is an error that can be said to a person.
type Error struct{ Text }

// Err is one. Its key is a literal, as that of T.
func Err(key string, args ...any) error { return &Error{Text{key, args}} }

func (e *Error) Error() string { return e.String() }

// sayer is an error of a package that knows no languages, store.Mistake say.
type sayer interface {
	error
	// Said are a key, and its arguments.
	Said() (key string, args []any)
}

// Of is what an error says to a person: in their language, if it is an Error, or
// tells what it is made of.
func Of(err error) Text {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Text
	}
	if s, ok := errors.AsType[sayer](err); ok {
		key, args := s.Said()
		return Text{Key: key, Args: args}
	}
	return Text{Key: err.Error()}
}
