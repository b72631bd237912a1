//! How transactions appear in a workload and in a history.
use super::{Answers, Op, Part};
use crate::sim::{Access, NodeId, Operation, Request, Value};

/// What a workload's request means to a client whose data lies on `participants`: a transaction on `width` of
/// them, from the one on which the key lies. A read gets the key from each; an update writes it on each; a
/// read-modify-write moves one from the first to each of the others, so that the sum of all keys stays the same.
pub fn compose(request: &Request, participants: &[NodeId], width: u32) -> Vec<Part> {
    let (count, width) = (participants.len(), (width.max(1) as usize).min(participants.len()));
    if count == 0 || matches!(request.kind, Access::Only(_)) {
        return Vec::new();
    }
    let first =
        request.key.bytes().fold(0usize, |hash, byte| hash.wrapping_mul(31).wrapping_add(byte.into()));
    let key = || request.key.clone();
    let part = |step: usize| {
        let op = match request.kind {
            Access::Read | Access::Scan => Op::Get { key: key() },
            Access::Update | Access::Insert => Op::Put { key: key(), value: request.value.clone() },
            _ if step == 0 => Op::Add { key: key(), by: 1 - width as i64, least: None },
            _ => Op::Add { key: key(), by: 1, least: None },
        };
        Part { node: participants[first.wrapping_add(step) % count], ops: [op].into() }
    };
    (0..width).map(part).collect()
}

/// A transaction in the terms of a history: its kind is `txn`, its argument the list of the accesses it asks for,
/// its result that of those it made, once there are `answers`; each is `[function, key, value]`, functions being `r`,
/// `w` and `append`. A key is `node/key`: participants share none. What is not known is null.
pub fn describe(parts: &[Part], answers: Option<&Answers>) -> Operation {
    let result = answers.map_or(Value::Null, |answers| accesses(parts, answers));
    Operation { kind: "txn".into(), argument: accesses(parts, &[]), result, ..Operation::default() }
}

fn accesses(parts: &[Part], answers: &[Value]) -> Value {
    let mut answers = answers.iter().cloned();
    let mut accesses = Vec::new();
    for part in parts {
        for op in part.ops.iter() {
            let answer = if op.answers() { answers.next() } else { None };
            describe_op(part.node, op, answer, &mut accesses);
        }
    }
    accesses.into_iter().collect()
}

fn describe_op(node: NodeId, op: &Op, answer: Option<Value>, accesses: &mut Vec<Value>) {
    let mut access = |function: &str, key: &str, value: Value| {
        let key = format!("{}/{key}", node.0);
        accesses.push([function.into(), key.as_str().into(), value].into_iter().collect());
    };
    match op {
        Op::Get { key } => access("r", key, answer.unwrap_or_default()),
        Op::Put { key, value } => access("w", key, value.clone()),
        Op::Append { key, value } => access("append", key, value.clone()),
        Op::Add { key, by, .. } => {
            let sum = match &answer {
                None => Value::Null,
                Some(Value::Int(held)) => Value::Int(held.wrapping_add(*by)),
                Some(_) => Value::Int(*by),
            };
            access("r", key, answer.unwrap_or_default());
            access("w", key, sum);
        }
        Op::Refuse => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(kind: Access) -> Request {
        // Written as data, so that fields which requests may gain take their defaults.
        let data = serde_json::json!({"kind": kind, "key": "k1", "value": 7, "count": 1});
        serde_json::from_value(data).unwrap()
    }

    #[test]
    fn a_request_spreads_over_as_many_participants_as_wanted() {
        let nodes = [NodeId(4), NodeId(5), NodeId(6)];
        for (width, want) in [(0, 1), (1, 1), (2, 2), (9, 3)] {
            let parts = compose(&request(Access::Update), &nodes, width);
            let mut distinct: Vec<_> = parts.iter().map(|it| it.node).collect();
            distinct.sort();
            distinct.dedup();
            assert_eq!(distinct.len(), want);
        }
        assert!(compose(&request(Access::Read), &[], 2).is_empty());
    }

    #[test]
    fn a_transfer_conserves_the_sum() {
        for width in 1..=3 {
            let parts = compose(&request(Access::ReadModifyWrite), &[NodeId(0), NodeId(1), NodeId(2)], width);
            let by = |op: &Op| if let Op::Add { by, .. } = op { *by } else { panic!("{op:?}") };
            assert_eq!(parts.iter().flat_map(|it| it.ops.iter()).map(by).sum::<i64>(), 0);
        }
    }

    #[test]
    fn a_history_sees_reads_and_writes() {
        let ops = [
            Op::Get { key: "x".into() },
            Op::Put { key: "y".into(), value: 2.into() },
            Op::Add { key: "z".into(), by: -1, least: None },
        ];
        let parts = [Part { node: NodeId(3), ops: ops.into() }];
        let answers: Answers = [5.into(), Value::Null].into();
        let operation = describe(&parts, Some(&answers));
        let asked = r#"[["r", "3/x", null], ["w", "3/y", 2], ["r", "3/z", null], ["w", "3/z", null]]"#;
        let made = r#"[["r", "3/x", 5], ["w", "3/y", 2], ["r", "3/z", null], ["w", "3/z", -1]]"#;
        assert_eq!(
            (operation.argument.to_string().as_str(), operation.result.to_string().as_str()),
            (asked, made)
        );
        assert_eq!(describe(&parts, None).result, Value::Null);
    }
}
