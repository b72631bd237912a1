//! Paxos against the counts of others, and its judge of histories against a slow one.
use super::super::reference::explore;
use super::*;

#[test]
fn each_flaw_is_found() {
    for flaw in [Flaw::IgnoresVotes, Flaw::BreaksPromises] {
        let found = explore(&Paxos::new(2, Some(flaw)).unwrap()).found;
        assert_eq!(found.violated, ["linearizable"], "{flaw:?}");
    }
}

/// A client that has written and read `value`, having seen so many operations complete before.
fn reader(seen: [u8; 3], read: u8) -> Client {
    Client { completed: 2, seen, read, ..Client::default() }
}

#[test]
fn a_read_sees_the_last_write_and_no_later_one_goes_back() {
    let linearizable = |clients| State { clients, ..State::default() }.linearizable([0; 3], 0);
    let writer = Client { completed: 1, asked: GET, ..Client::default() };
    let pending = Client { asked: PUT, ..Client::default() };
    let nobody = Client::default();
    assert!(linearizable([reader([0; 3], 1), writer, nobody]));
    assert!(linearizable([reader([0; 3], 2), pending, nobody]));
    assert!(!linearizable([reader([0; 3], 2), nobody, nobody]), "nobody wrote it");
    assert!(linearizable([reader([0, 1, 0], 1), writer, nobody]));
    // Both read, one after the other, and each its own write: the second read goes back behind the first.
    assert!(linearizable([reader([0; 3], 1), reader([1, 0, 0], 2), nobody]));
    assert!(linearizable([reader([0; 3], 1), reader([2, 0, 0], 2), nobody]));
    assert!(!linearizable([reader([0, 1, 0], 1), reader([1, 0, 0], 2), nobody]));
}

/// An operation: whose, and whether it is the read.
type Operation = (usize, bool);

/// Whether the operations in this order, each once at the most, explain what the clients have seen.
fn explains(order: &[Operation], clients: &[Client; 3]) -> bool {
    let mut done = [0; 3];
    let mut value = 0;
    for (client, reads) in order {
        let it = &clients[*client];
        if *reads {
            let in_time = (0..3).all(|other| done[other] >= it.seen[other]);
            if !in_time || done[*client] != 1 || it.read != value {
                return false;
            }
        } else {
            value = *client as u8 + 1;
        }
        done[*client] += 1;
    }
    (0..3).all(|it| done[it] >= clients[it].completed)
}

/// Whether `order`, continued by any of `rest` in any order, explains it.
fn some_order_explains(order: &mut Vec<Operation>, rest: &[Operation], clients: &[Client; 3]) -> bool {
    explains(order, clients)
        || (0..rest.len()).any(|it| {
            let mut rest = rest.to_vec();
            order.push(rest.remove(it));
            let found = some_order_explains(order, &rest, clients);
            order.pop();
            found
        })
}

#[test]
fn histories_are_judged_as_by_trying_all_orders() {
    let digit = |number: &mut u32, base: u32| {
        let digit = *number % base;
        *number /= base;
        digit as u8
    };
    let client = |number: &mut u32, own: usize| {
        let completed = digit(number, 3);
        let mut seen = [(); 3].map(|()| digit(number, 3));
        seen[own] = 0;
        let read = digit(number, 3) + 1;
        match completed {
            2 => Client { completed, seen, read, ..Client::default() },
            _ => Client { completed, asked: PUT, ..Client::default() },
        }
    };
    let mut verdicts = [0; 2];
    for case in 0..20_000u32 {
        let mut number = case.wrapping_mul(2_654_435_761);
        let clients = [0, 1, 2].map(|own| client(&mut number, own));
        let writes = (0..3).map(|it| (it, false));
        let reads = (0..3).filter(|it| clients[*it].completed == 2).map(|it| (it, true));
        let all: Vec<Operation> = writes.chain(reads).collect();
        let expected = some_order_explains(&mut vec![], &all, &clients);
        let state = State { clients, ..State::default() };
        assert_eq!(state.linearizable([0; 3], 0), expected, "{clients:?}");
        verdicts[usize::from(expected)] += 1;
    }
    assert!(verdicts.iter().all(|it| *it > 1_000), "both verdicts: {verdicts:?}");
}
