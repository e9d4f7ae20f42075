// Package password hashes and checks passwords, and says which spellings of a
// login name are the same.
//
//	Hash, Verify, Dummy --> slot (as many in the process as cores; bounded queue,
//	                        then ErrBusy) --> argon2id, or PBKDF2 as imported
//
// Neighbours: store.Credential keeps what Hash returns; the provider verifies
// at login; the admin API and the setup page hash.
package password
