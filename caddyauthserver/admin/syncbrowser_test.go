package admin_test

import (
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/caddyito/caddyito/internal/browsertest"
	"github.com/caddyito/caddyito/store"
)

// The page of sync changes under whoever is in its table, and leaves them where they
// are.
func TestBrowserSyncKeepsTheFocus(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	browser := browsertest.Start(t) // ends before the server, which waits for its events
	root := s.as("root")
	add := func(id string) {
		t.Helper()
		form := root.get("/o/admin/clients/new").form("id", id, "redirect_uris", "https://"+id+".example.com/oidc/callback")
		if a := root.post("/o/admin/clients/new", form); a.StatusCode != 200 {
			t.Fatalf("%d %s", a.StatusCode, a.body)
		}
	}
	remove := func(id string) {
		s.update(func(tx store.WriteTx) error { return tx.DeleteClient(id) })
	}
	add("middle")
	add("north")
	k := browsertest.AtKeyboard(t, browser)
	k.Open(s.url + "/o/admin/sync")
	k.Type("input[name=username]", "root").Type("input[name=password]", everyonesPassword).Enter()
	focus := func() string {
		return browsertest.Get(t, browser, chromedp.Evaluate[string](`(document.activeElement.closest("[data-key]")?.dataset.key ?? document.activeElement.id) + (document.activeElement.mine ? ", the same" : "")`))
	}
	k.To(`input[value=middle] + button`)
	browsertest.Do(t, browser, chromedp.Evaluate[chromedp.Void](`document.activeElement.mine = true; window.was = document.getElementById("live").innerText; undefined`))

	s.addUser(&store.User{Username: "late"})
	k.Await(`document.getElementById("live").innerText !== window.was`)
	if got := focus(); got != "middle, the same" {
		t.Errorf("after a change the focus is at %s", got)
	}
	add("alpha")
	k.Await(`document.querySelector("tr[data-key=alpha] button")`)
	remove("north")
	k.Await(`!document.querySelector("tr[data-key=north]")`)
	remove("alpha")
	k.Await(`!document.querySelector("tr[data-key=alpha]")`)
	if got := focus(); got != "middle, the same" {
		t.Errorf("after rows came and went the focus is at %s", got)
	}
	if got := browsertest.Get(t, browser, chromedp.Evaluate[int](`document.querySelectorAll("tbody tr").length`)); got != 1 {
		t.Errorf("there are %d rows", got)
	}
	k.Enter() // fills that one anew
	s.view(func(tx store.ReadTx) error {
		state, err := tx.SyncState("middle")
		if err == nil && !state.Resync {
			t.Error("the button that had the focus does not do what it says")
		}
		return err
	})
	k.To(`input[value=middle] + button`)
	remove("middle")
	k.Await(`!document.querySelector("table")`)
	if got := focus(); got != "content" {
		t.Errorf("what had the focus is gone, and it is at %q", got)
	}
}
