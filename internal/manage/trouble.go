package manage

import (
	"encoding/json"

	"github.com/caddyito/caddyito/internal/lang"
)

// Trouble is what is wrong with a line of a list. In JSON it is a string, in English.
type Trouble struct{ lang.Text }

// MarshalJSON implements json.Marshaler.
func (t Trouble) MarshalJSON() ([]byte, error) { return json.Marshal(t.String()) }

// UnmarshalJSON implements json.Unmarshaler.
func (t *Trouble) UnmarshalJSON(b []byte) error {
	t.Text = lang.Text{}
	return json.Unmarshal(b, &t.Key)
}

func (l *Line) trouble(text lang.Text) { l.Problems = append(l.Problems, Trouble{text}) }

// listError says what is wrong with a list as a whole.
type listError struct{ lang.Text }

func badList(err error) error {
	return &listError{lang.T("the list cannot be read: %s", lang.Of(err))}
}

func (e *listError) Error() string { return e.String() }

// Is has it be ErrBadList.
func (*listError) Is(target error) bool { return target == ErrBadList }

// Said is what lang.Of asks for.
func (e *listError) Said() (key string, args []any) { return e.Key, e.Args }
