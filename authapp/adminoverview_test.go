package authapp

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/caddyito/caddyito/internal/manage"
	"github.com/caddyito/caddyito/store"
)

func TestOverviewCommand(t *testing.T) {
	c := newCLI(t, cliSite)
	app, err := Active()
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now().UTC()
	err = app.Store().Update(context.Background(), func(tx store.WriteTx) error {
		for _, r := range []store.AuditRecord{
			{Time: now, Action: store.ActionSignIn, Count: 3},
			{Time: now, Action: store.ActionSignInFailed, Count: 41},
			{Time: now.AddDate(0, 0, -3), Action: store.ActionSignInFailed, Count: 59},
			{Time: now, Action: store.ActionUserCreate, Count: 7},
		} {
			if err := tx.PutAudit(&r); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	var v manage.Overview
	if c.json(&v, "", "overview"); v.SignIns != 3 || v.Failures != 41 || len(v.Steps) != 24 || v.Troubled == nil {
		t.Errorf("of a day: %+v", v)
	}
	v = manage.Overview{}
	if c.json(&v, "", "overview", "--days", "7"); v.SignIns != 3 || v.Failures != 100 || len(v.Steps) != 7 {
		t.Errorf("of a week: %+v", v)
	}
	err = app.Store().View(context.Background(), func(tx store.ReadTx) error {
		v, err := manage.ReadOverview(tx, nil, 7, now)
		if err == nil && (v.Steps[6].Failures != 41 || v.Steps[3].Failures != 59 || v.Steps[6].SignIns != 3) {
			t.Errorf("by the day: %+v", v)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	out := c.ok("", "overview", "--days", "7")
	if lines := strings.Split(strings.TrimSpace(out), "\n"); len(lines) != 6 || !strings.HasPrefix(lines[3], "in all") || !strings.Contains(lines[3], "100") {
		t.Errorf("it prints\n%s", out)
	}
	for _, days := range []string{"0", "-1", "91", "x"} {
		if _, errs, code := c.try("", "overview", "--days", days); code == 0 || !strings.Contains(errs, "days") {
			t.Errorf("--days %s: exit code %d\n%s", days, code, errs)
		}
	}
}
