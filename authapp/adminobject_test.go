package authapp

import (
	"strings"
	"testing"

	"github.com/caddyito/caddyito/store"
)

func TestAdminObjects(t *testing.T) {
	a := newAPI(t)
	var o store.Object
	a.do("POST", "/auth/objects/company", `{"name":"Acme"}`, 201, &o)
	if o.ID != 1 || o.Type != "company" || o.Fields.Text("name") != "Acme" {
		t.Errorf("made %+v", o)
	}
	a.do("PATCH", "/auth/objects/company/1", `{"primary_activity":"Seller"}`, 200, &o)
	a.do("POST", "/auth/users", `{"username":"alice","company":1}`, 201, nil)
	var page objectPage
	if a.do("GET", "/auth/objects/company", "", 200, &page); len(page.Objects) != 1 || page.Objects[0].Fields.Text("primary_activity") != "Seller" {
		t.Errorf("listed %+v", page)
	}
	for _, test := range []struct {
		method, path, body string
		status             int
		says               string
	}{
		{"DELETE", "/auth/objects/company/1", "", 409, "is referred to by user 1 (company)"},
		{"DELETE", "/auth/objects/company/2", "", 404, "there is no company 2"},
		{"GET", "/auth/objects/company/x", "", 400, "is not the id of a company"},
		{"GET", "/auth/objects/planet", "", 404, `no object type \"planet\"; it has: company`},
		{"GET", "/auth/objects/user/1", "", 404, "no object type"},
		{"POST", "/auth/objects/company", `{}`, 400, "is required"},
		{"PATCH", "/auth/objects/company/1", `{"name":""}`, 400, "is required"},
		{"PATCH", "/auth/objects/company/1", `{"primary_activity":"Thief"}`, 400, "Buyer, Seller, Agent"},
	} {
		if got := a.do(test.method, test.path, test.body, test.status, nil); !strings.Contains(got, test.says) {
			t.Errorf("%s %s: %s, want %q in it", test.method, test.path, got, test.says)
		}
	}
	a.do("DELETE", "/auth/users/alice", "", 204, nil)
	a.do("DELETE", "/auth/objects/company/1", "", 204, nil)
	a.do("GET", "/auth/objects/company/1", "", 404, nil)
}
