//! From what a world has recorded to a history that can be judged.
use super::{Access, Builder, History, Kind, Malformed};
use crate::sim::{self, Outcome, Protocol, Value};

impl History {
    /// The history of a world, whatever protocol it runs.
    ///
    /// An operation of the kind `txn` is a transaction: its result, or else its argument, is the list of its
    /// accesses, each a list `["r", key, value]`, `["w", key, value]` or `["append", key, element]`. What it
    /// read is null where nobody knows.
    ///
    /// # Errors
    /// [`Malformed`], if there are too many operations.
    ///
    /// ```
    /// use distlab::check::consistency::History;
    /// use distlab::protocols::echo::{Call, Node};
    /// use distlab::sim::{Config, World};
    /// let mut world = World::new(Config::default());
    /// let [a, b] = ["a", "b"].map(|name| world.spawn(name, Node::default()).unwrap());
    /// world.call(a, Call::Ping { to: b, count: 1 }).unwrap();
    /// world.run_until(1_000_000_000).unwrap();
    /// assert_eq!(History::of(world.history()).unwrap().describe(0), "n0: ping()");
    /// ```
    pub fn of<P: Protocol>(recorded: &sim::History<P>) -> Result<Self, Malformed> {
        let mut builder = Builder::default();
        for (op, (node, lane)) in recorded.ops().iter().zip(recorded.processes()) {
            let name = if lane == 0 { format!("n{}", node.0) } else { format!("n{}/{lane}", node.0) };
            let process = builder.process(&name);
            let (it, status) = (op.describe(), op.outcome());
            let kind = builder.kind(&it.kind);
            let invoked = place(op.called_at);
            let completed = op.answer.as_ref().map(|(at, _)| place(*at));
            if kind == Kind::TXN {
                let given = if it.result == Value::Null { &it.argument } else { &it.result };
                let accesses = accesses(&mut builder, given, status);
                builder.push_txn(process, accesses, status, invoked, completed);
                continue;
            }
            let [key, argument, result] = [it.key, it.argument, it.result].map(|it| builder.value(it));
            builder.push(process, kind, key, argument, result, status, invoked, completed);
        }
        builder.finish()
    }
}

fn place(time: sim::Time) -> i64 {
    i64::try_from(time).unwrap_or(i64::MAX)
}

/// The accesses of a transaction; whatever is none is left out.
fn accesses(builder: &mut Builder, given: &Value, status: Outcome) -> Vec<(u32, Access)> {
    let Value::List(given) = given else { return vec![] };
    let mut found = Vec::new();
    for access in given.iter() {
        let Value::List(parts) = access else { continue };
        let [Value::Text(what), key, value] = &parts[..] else { continue };
        let key = builder.value(key.clone());
        let access = match (builder.kind(what), value) {
            (Kind::READ, Value::Null) if status != Outcome::Ok => Access::ReadUnknown,
            (Kind::READ, Value::List(items)) => {
                let elements: Vec<u32> = items.iter().map(|it| builder.value(it.clone())).collect();
                Access::ReadList(builder.list(elements))
            }
            (Kind::READ, value) => Access::Read(builder.value(value.clone())),
            (Kind::WRITE, value) => Access::Write(builder.value(value.clone())),
            (Kind::APPEND, value) => Access::Append(builder.value(value.clone())),
            _ => continue,
        };
        found.push((key, access));
    }
    found
}
