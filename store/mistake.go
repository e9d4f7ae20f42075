package store

import (
	"errors"
	"fmt"
)

// Mistake is an error that says what is wrong with something somebody wrote, in
// words that follow the name of the field. What it is made of is kept, so that it can
// be said to people in their language: package lang has the translations.
type Mistake struct {
	format string
	args   []any
}

// Mistakef is one. Its format is a literal, so that it can be found and translated.
func Mistakef(format string, args ...any) *Mistake { return &Mistake{format, args} }

// Error is the message in English.
func (m *Mistake) Error() string { return fmt.Sprintf(m.format, m.args...) }

// Said are the format of the message and what stands in it.
func (m *Mistake) Said() (format string, args []any) { return m.format, m.args }

// Problem is what is wrong with one field of a record.
type Problem struct {
	Field string `json:"field"`
	// Message is in English.
	Message string `json:"message"`
	cause   error
}

// ProblemOf is what err says of a field.
func ProblemOf(field string, err error) Problem { return Problem{field, err.Error(), err} }

// Err is the error that the message is of; where that is not known, as in an answer
// of the admin API, one that says the same.
func (p Problem) Err() error {
	if p.cause == nil {
		return errors.New(p.Message)
	}
	return p.cause
}

// InvalidError names every field that is wrong with a record.
type InvalidError struct {
	Type     string
	Problems []Problem
}

func (e *InvalidError) Error() string {
	text := e.Type + ": "
	for i, p := range e.Problems {
		if i > 0 {
			text += "; "
		}
		text += p.Field + ": " + p.Message
	}
	return text
}

// invalid is an *InvalidError, or nil if nothing is wrong.
func invalid(typ string, problems []Problem) error {
	if len(problems) == 0 {
		return nil
	}
	return &InvalidError{Type: typ, Problems: problems}
}
