package manage

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/caddyito/caddyito/store"
)

// Operation is one thing that is done to many users.
type Operation string

const (
	Disable         Operation = "disable"
	Enable          Operation = "enable"
	SignOut         Operation = "signout"
	Delete          Operation = "delete"
	AddToGroup      Operation = "add_group"
	RemoveFromGroup Operation = "remove_group"
)

// ErrNoOperation says that there is no such operation.
var ErrNoOperation = errors.New("there is no such operation")

// Do does it to a user; group is for those operations that name one.
func (m *Manager) Do(ctx context.Context, by Actor, find Finder, op Operation, group string) error {
	switch op {
	case Disable, Enable:
		_, err := m.SetActive(ctx, by, find, op == Enable)
		return err
	case SignOut:
		return m.SignOut(ctx, by, find)
	case Delete:
		return m.DeleteUser(ctx, by, find)
	case AddToGroup, RemoveFromGroup:
		return m.regroup(ctx, by, find, func(groups []string) []string {
			groups = slices.DeleteFunc(groups, func(g string) bool { return g == group })
			if op == AddToGroup {
				groups = append(groups, group)
			}
			return groups
		})
	}
	return fmt.Errorf("%w: %q", ErrNoOperation, op)
}

// regroup works whatever the schema came to ask of the user since.
func (m *Manager) regroup(ctx context.Context, by Actor, find Finder, change func([]string) []string) error {
	return m.act(ctx, by, func(tx store.WriteTx, p power) error {
		u, err := find(tx)
		if err != nil {
			return err
		}
		return m.regroupIn(tx, p, u, change)
	})
}

func (m *Manager) regroupIn(tx store.WriteTx, p power, u *store.User, change func([]string) []string) error {
	if err := p.touch(u); err != nil {
		return err
	}
	before := u.Clone()
	u.Groups = change(slices.Clone(u.Groups))
	for _, g := range u.Groups {
		if err := store.CheckGroup(g); err != nil {
			return wrongField(store.UserType, "groups", err)
		}
	}
	slices.Sort(u.Groups)
	u.Groups = slices.Compact(u.Groups)
	if slices.Equal(u.Groups, before.Groups) {
		return nil
	}
	if err := store.KeepUser(tx, m.Schema, u); err != nil {
		return err
	}
	return m.auditChange(tx, p, before, u)
}

// regroupStep is how many members are moved in one transaction.
const regroupStep = 200

// RenameGroup has everybody who is in one group be in another, or with to "" in
// neither. Only who may change everybody may. progress is told how many were moved.
func (m *Manager) RenameGroup(ctx context.Context, by Actor, from, to string, progress func(done int)) error {
	var err error
	if from == "" { // in which everybody would be found
		err = store.CheckGroup(from)
	} else if to != "" {
		err = store.CheckGroup(to)
	}
	if err != nil {
		return wrongField(store.UserType, "groups", err)
	}
	if from == to {
		return nil
	}
	move := func(groups []string) []string {
		groups = slices.DeleteFunc(groups, func(g string) bool { return g == from })
		if to != "" {
			groups = append(groups, to)
		}
		return groups
	}
	for done := 0; ; {
		moved := 0
		err := m.act(ctx, by, func(tx store.WriteTx, p power) error {
			if moved = 0; !p.all {
				return ErrNotAllowed
			}
			page, err := tx.SearchUsers(store.UserQuery{Group: from, Limit: regroupStep})
			if err != nil {
				return err
			}
			for _, u := range page.Users {
				if err := m.regroupIn(tx, p, u, move); err != nil {
					return err
				}
			}
			moved = len(page.Users)
			return nil
		})
		if err != nil || moved == 0 {
			return err
		}
		done += moved
		progress(done)
	}
}
