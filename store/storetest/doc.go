// Package storetest holds every kind of store to the promises of package store,
// and gives the tests of others stores that fail on purpose.
//
//	boltstore's test --Run--> storetest: one file per entity, named as in store/
//	tests of provider, gate, authapp --Fail--> a store whose nth call fails
//
// The test of a kind of store is no more than
//
//	func TestStore(t *testing.T) {
//		storetest.Run(t, func(t testing.TB, place string) store.Store {
//			s, err := boltstore.Open(filepath.Join(place, "auth.db"), boltstore.Options{})
//			if err != nil {
//				t.Fatal(err)
//			}
//			return s
//		})
//	}
//
// The suite asks for nothing that the contracts do not say. What they leave
// open (the order of a user's families, say) it does not look at.
package storetest
