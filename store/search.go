package store

// Searching finds users and objects where there are too many to read them all. A
// page costs the same however many there are: it looks at a bounded number of
// records, so that one may come back with few or none and yet have a Next.

// UserQuery says which users. The zero value is all.
type UserQuery struct {
	// Prefix is how the username, the e-mail address, the name ("ada lov") or the
	// last name begins, ignoring case and surrounding space.
	Prefix string
	// Group is one that they are in.
	Group string
	// Where are relations that they have, each of them: by the name of the field a Ref.
	Where Fields
	// Status they have.
	Status UserStatus
	// After is the Next of the page before. One that never was a Next is "".
	After string
	// Limit is how many at the most.
	Limit int
}

// UserStatus is a kind of users.
type UserStatus string

const (
	StatusAny       UserStatus = ""
	StatusActive    UserStatus = "active"
	StatusDisabled  UserStatus = "disabled"
	StatusStaff     UserStatus = "staff"
	StatusSuperuser UserStatus = "superuser"
)

// UserStatuses are all but StatusAny.
var UserStatuses = []UserStatus{StatusActive, StatusDisabled, StatusStaff, StatusSuperuser}

// Has says whether a user has the status.
func (s UserStatus) Has(u *User) bool {
	switch s {
	case StatusAny:
		return true
	case StatusActive:
		return u.IsActive
	case StatusDisabled:
		return !u.IsActive
	case StatusStaff:
		return u.IsStaff
	case StatusSuperuser:
		return u.IsSuperuser
	}
	return false
}

// UserPage is a page of users.
type UserPage struct {
	Users []*User `json:"users"`
	// Next is the After of the next page, "" after the last.
	Next string `json:"next,omitempty"`
}

// Group is a group that somebody is in.
type Group struct {
	Name    string `json:"name"`
	Members int    `json:"members"`
}

// ObjectQuery says which objects of a type.
type ObjectQuery struct {
	Type string
	// Prefix is how one of the values that are text begins, ignoring case and
	// surrounding space.
	Prefix string
	// Where are values that they have, each of them: of relations a Ref, of choices a
	// string. They are compared as Schema reads them, which is needed for it.
	Where  Fields
	Schema *Schema
	// After and Limit are as in UserQuery.
	After string
	Limit int
}

// Has says whether an object has the values of Where.
func (q *ObjectQuery) Has(o *Object) bool {
	if len(q.Where) == 0 {
		return true
	}
	values := q.Schema.Read(q.Type, o.Fields)
	for name, v := range q.Where {
		if values[name] != v {
			return false
		}
	}
	return true
}

// Kept is one of the values of Where, a relation where there is any, that stands in
// each record which has it: not one that is also the default of those without. ok is
// false if there is none.
func (q *ObjectQuery) Kept() (name string, v any, ok bool) {
	for _, n := range sortedNames(q.Where) {
		if _, relation := q.Where[n].(Ref); relation {
			return n, q.Where[n], true
		}
	}
	for _, n := range sortedNames(q.Where) {
		if q.Schema.Read(q.Type, nil)[n] != q.Where[n] {
			return n, q.Where[n], true
		}
	}
	return "", nil, false
}

// ObjectPage is a page of objects.
type ObjectPage struct {
	Objects []*Object `json:"objects"`
	Next    string    `json:"next,omitempty"`
}

// Searcher finds users and objects.
type Searcher interface {
	// SearchUsers shows nobody twice on the way from page to page, unless they
	// changed meanwhile. With a Prefix come first those whose username begins with
	// it; otherwise the order is any that stays.
	SearchUsers(UserQuery) (*UserPage, error)
	// Groups lists up to limit groups with a name greater than after, by name.
	Groups(after string, limit int) ([]Group, error)
	SearchObjects(ObjectQuery) (*ObjectPage, error)
}
