//! Locks: shared and exclusive, with queues, upgrades, and what to do about deadlocks.
//!
//! Notes, section 2.6.1, as the alternative that "proceeds without locking" leaves out; Gray and Reuter,
//! *Transaction Processing* (1993); Rosenkrantz, Stearns and Lewis, *System Level Concurrency Control* (1978), for
//! wound-wait and wait-die.
//!
//! - [`LockTable`] is the table of one server. Nobody overtakes anybody in a queue who would have to wait for
//!   him, so nobody starves; only who already shares a lock and wants it alone goes first.
//! - [`WaitGraph`] is what a detector collects from all servers: who waits for whom, and who has to die.
//!
//! Owners are ordered by seniority: the lesser one is the older.
mod table;
mod waits;

pub use table::{Changes, LockTable, Mode, Prevention};
pub use waits::{Victim, WaitGraph};
