//! The histories of Jepsen, Knossos and Elle: EDN maps of invocations and completions.
//!
//! ```text
//! {:process 0, :type :invoke, :f :write, :value 3}
//! {:process 0, :type :ok,     :f :write, :value 3}
//! {:process 1, :type :ok, :f :txn, :value [[:append :x 1] [:r :y [2 3]]]}
//! ```
//!
//! One map after the other, or all of them in one vector. Only the order of the maps is looked at. A completion
//! without an invocation is an operation of its own instant, as Elle's hand-written histories have it.
//! Processes that are no numbers (`:nemesis`) are left out. `[key value]` values of `jepsen.independent` are
//! recognised by their tag.
use super::edn::{Form, Reader, What};
use super::{Timed, Unreadable};
use crate::check::consistency::history::{Access, Builder, Kind, NULL};
use crate::sim::{Outcome, Value};

/// Reads a history. O(length).
pub fn read(text: &str) -> Result<Timed, Unreadable> {
    let mut log = Log::new(text);
    let mut reader = Reader::new(text);
    if reader.enter_list()? {
        while let Some(form) = reader.next_item()? {
            log.event(&form)?;
        }
    }
    while let Some(form) = reader.next()? {
        log.event(&form)?;
    }
    log.finish()
}

/// What an event says, borrowed from its map.
struct Event<'a> {
    process: String,
    kind: &'a str,
    function: &'a str,
    value: Option<&'a Form>,
    time: Option<i64>,
}

/// An operation in the making.
struct Op {
    process: u32,
    kind: Kind,
    key: u32,
    argument: u32,
    result: u32,
    accesses: Vec<(u32, Access)>,
    status: Outcome,
    /// Counted in events.
    invoked: i64,
    completed: Option<i64>,
    times: (f64, f64),
}

struct Log<'a> {
    text: &'a str,
    builder: Builder,
    ops: Vec<Op>,
    /// Of each process, the operation that is open.
    open: Vec<Option<usize>>,
    events: i64,
}

impl<'a> Log<'a> {
    fn new(text: &'a str) -> Self {
        Self { text, builder: Builder::default(), ops: vec![], open: vec![], events: 0 }
    }

    fn fault(&self, form: &Form, problem: impl Into<String>) -> Unreadable {
        Unreadable::at(self.text, form.at, problem)
    }

    fn event(&mut self, form: &Form) -> Result<(), Unreadable> {
        let Some(event) = self.read_event(form)? else { return Ok(()) };
        self.events += 1;
        let process = self.builder.process(&event.process);
        if self.open.len() <= process as usize {
            self.open.resize(process as usize + 1, None);
        }
        let open = self.open[process as usize];
        let status = match (event.kind, open) {
            ("invoke", Some(_)) => {
                return Err(self.fault(
                    form,
                    format!("process {} invokes while it has an open operation", event.process),
                ));
            }
            ("invoke", None) => Outcome::Info,
            ("ok", _) => Outcome::Ok,
            ("fail", _) => Outcome::Fail,
            ("info", _) => Outcome::Info,
            (other, _) => {
                return Err(
                    self.fault(form, format!("`:type :{other}`: allowed are :invoke, :ok, :fail, :info"))
                );
            }
        };
        let index = match open {
            Some(index) => index,
            None => self.begin(process, &event, form)?,
        };
        if event.kind == "invoke" {
            self.open[process as usize] = Some(index);
            return Ok(());
        }
        self.open[process as usize] = None;
        self.complete(index, &event, status, form)
    }

    fn read_event<'f>(&self, form: &'f Form) -> Result<Option<Event<'f>>, Unreadable> {
        let What::Map(pairs) = &form.what else {
            return Err(
                self.fault(form, "a history is made of maps like {:process 0, :type :invoke, :f :read}")
            );
        };
        let find = |name: &str| {
            let named = |key: &Form| matches!(&key.what, What::Keyword(it) if it == name);
            pairs.iter().find(|(key, _)| named(key)).map(|(_, value)| value)
        };
        let word = |name: &str| match find(name).map(|it| &it.what) {
            Some(What::Keyword(it) | What::Text(it)) => Ok(it.as_str()),
            _ => Err(self.fault(form, format!("a map without :{name}, or with one that is no keyword"))),
        };
        let process = match find("process").map(|it| &it.what) {
            Some(What::Int(number)) => number.to_string(),
            Some(_) => return Ok(None), // the nemesis
            // A map of Elle's without a process: every transaction is its own.
            None => format!("t{}", self.ops.len()),
        };
        let time = find("time").and_then(|it| match it.what {
            What::Int(time) => Some(time),
            _ => None,
        });
        let value = find("value");
        let micro = |it: &Form| matches!(&it.what, What::List(items) if !items.is_empty() && items.iter().all(is_access));
        let function = match find("f") {
            None if value.is_some_and(micro) => "txn",
            _ => word("f")?,
        };
        Ok(Some(Event { process, kind: word("type")?, function, value, time }))
    }

    fn begin(&mut self, process: u32, event: &Event<'_>, form: &Form) -> Result<usize, Unreadable> {
        let kind = self.builder.kind(event.function);
        let mut op = Op {
            process,
            kind,
            key: NULL,
            argument: NULL,
            result: NULL,
            accesses: vec![],
            status: Outcome::Info,
            invoked: self.events,
            completed: None,
            times: (self.time(event), f64::NAN),
        };
        if kind != Kind::TXN {
            let (key, value) = self.independent(event.value);
            op.key = self.number(key);
            op.argument = if observes(kind) { NULL } else { self.number(value) };
        } else if event.kind != "invoke" && event.value.is_none() {
            return Err(self.fault(form, "a transaction without a :value"));
        } else {
            op.accesses = self.accesses(event.value, false)?;
        }
        self.ops.push(op);
        Ok(self.ops.len() - 1)
    }

    fn complete(
        &mut self,
        index: usize,
        event: &Event<'_>,
        status: Outcome,
        form: &Form,
    ) -> Result<(), Unreadable> {
        let kind = self.builder.kind(event.function);
        if kind != self.ops[index].kind {
            return Err(
                self.fault(form, format!("completes :{}, which its process did not invoke", event.function))
            );
        }
        let accesses = match (kind, event.value.map(|it| &it.what)) {
            (Kind::TXN, Some(What::List(_))) => Some(self.accesses(event.value, status == Outcome::Ok)?),
            _ => None,
        };
        let (key, value) = self.independent(event.value);
        let (key, value) = (self.number(key), self.number(value));
        let time = self.time(event);
        let op = &mut self.ops[index];
        op.status = status;
        op.completed = Some(self.events);
        op.times.1 = if status == Outcome::Info { f64::NAN } else { time };
        match accesses {
            Some(accesses) => op.accesses = accesses,
            None if observes(kind) && status == Outcome::Ok => (op.key, op.result) = (key, value),
            None => {}
        }
        Ok(())
    }

    /// In seconds where the log says nanoseconds; otherwise events are counted.
    fn time(&self, event: &Event<'_>) -> f64 {
        event.time.map_or(self.events as f64, |time| time as f64 / 1e9)
    }

    /// Splits the `[key value]` of `jepsen.independent`.
    fn independent<'f>(&self, value: Option<&'f Form>) -> (Option<&'f Form>, Option<&'f Form>) {
        let tagged = |it: &Form| self.text[it.at..].starts_with("#jepsen.independent");
        match value {
            Some(form) if tagged(form) => match &form.what {
                What::List(items) if items.len() == 2 => (Some(&items[0]), Some(&items[1])),
                _ => (None, value),
            },
            _ => (None, value),
        }
    }

    fn number(&mut self, form: Option<&Form>) -> u32 {
        form.map_or(NULL, |form| self.builder.value(plain(&form.what)))
    }

    fn accesses(&mut self, value: Option<&Form>, complete: bool) -> Result<Vec<(u32, Access)>, Unreadable> {
        let Some(Form { what: What::List(items), .. }) = value else { return Ok(vec![]) };
        let mut accesses = Vec::with_capacity(items.len());
        for item in items {
            accesses.push(self.access(item, complete)?);
        }
        Ok(accesses)
    }

    fn access(&mut self, form: &Form, complete: bool) -> Result<(u32, Access), Unreadable> {
        let What::List(parts) = &form.what else {
            return Err(
                self.fault(form, "an access is [:r key value], [:w key value] or [:append key value]")
            );
        };
        let [function, key, value] = parts.as_slice() else {
            return Err(self.fault(form, "an access has a function, a key and a value"));
        };
        let key = self.number(Some(key));
        let access = match (&function.what, &value.what) {
            (What::Keyword(it), What::List(elements)) if it == "r" => {
                let elements: Vec<u32> = elements.iter().map(|it| self.number(Some(it))).collect();
                Access::ReadList(self.builder.list(elements))
            }
            (What::Keyword(it), What::Nil) if it == "r" && !complete => Access::ReadUnknown,
            (What::Keyword(it), _) if it == "r" => Access::Read(self.number(Some(value))),
            (What::Keyword(it), _) if it == "w" => Access::Write(self.number(Some(value))),
            (What::Keyword(it), _) if it == "append" => Access::Append(self.number(Some(value))),
            _ => return Err(self.fault(function, "an access is :r, :w or :append")),
        };
        Ok((key, access))
    }

    fn finish(self) -> Result<Timed, Unreadable> {
        let Self { mut builder, ops, .. } = self;
        let (mut invoked, mut completed) = (Vec::with_capacity(ops.len()), Vec::with_capacity(ops.len()));
        for op in ops {
            invoked.push(op.times.0);
            completed.push(if op.status == Outcome::Info { f64::NAN } else { op.times.1 });
            if op.kind == Kind::TXN {
                builder.push_txn(op.process, op.accesses, op.status, op.invoked, op.completed);
            } else {
                let (status, at) = (op.status, op.completed);
                builder.push(op.process, op.kind, op.key, op.argument, op.result, status, op.invoked, at);
            }
        }
        Ok(Timed { history: builder.finish()?, invoked, completed })
    }
}

/// Whether the value of a completion is what came back (otherwise it repeats what was given).
fn observes(kind: Kind) -> bool {
    matches!(kind, Kind::READ | Kind::DEQUEUE | Kind::POP | Kind::SCAN)
}

fn is_access(form: &Form) -> bool {
    match &form.what {
        What::List(parts) => parts.len() == 3 && matches!(parts[0].what, What::Keyword(_)),
        _ => false,
    }
}

/// EDN as one of our values; a map is a list of pairs.
fn plain(what: &What) -> Value {
    match what {
        What::Nil => Value::Null,
        What::Bool(it) => Value::Bool(*it),
        What::Int(it) => Value::Int(*it),
        What::Text(it) | What::Keyword(it) => Value::from(it.as_str()),
        What::List(items) => items.iter().map(|it| plain(&it.what)).collect(),
        What::Map(pairs) => {
            let pair =
                |(key, value): &(Form, Form)| [plain(&key.what), plain(&value.what)].into_iter().collect();
            pairs.iter().map(pair).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn described(text: &str) -> Vec<String> {
        let history = read(text).unwrap().history;
        (0..history.len()).map(|row| history.describe(row)).collect()
    }

    #[test]
    fn a_register_log_of_knossos() {
        let log = "{:process 0, :type :invoke, :f :write, :value 3}
            {:process 1, :type :invoke, :f :cas, :value [3 4]}
            {:process :nemesis, :type :info, :f :start}
            {:process 0, :type :ok, :f :write, :value 3}
            {:process 2, :type :invoke, :f :read, :value nil}
            {:process 2, :type :ok, :f :read, :value 3}
            {:process 1, :type :info, :f :cas, :value [3 4], :error :timeout}
            {:process 2, :type :invoke, :f :write, :value 9}
            {:process 2, :type :fail, :f :write, :value 9}
            {:process 3, :type :invoke, :f :read}";
        let wanted = [
            "0: write(3)",
            "1: cas([3, 4]) unknown",
            "2: read() -> 3",
            "2: write(9) failed",
            "3: read() unknown",
        ];
        assert_eq!(described(log), wanted);
        assert_eq!(described(&format!("[{log}]")), wanted);
        let history = read(log).unwrap().history;
        assert!(history.precedes(0, 2) && !history.precedes(0, 1));
    }

    #[test]
    fn transactions_of_elle() {
        let text = "[{:type :ok, :value [[:append :x 1] [:r :y nil] [:r :x [1]]]}
            {:index 3, :time 2000000000, :type :invoke, :process 4, :f :txn, :value [[:w 5 1] [:r 5 nil]]}
            {:time 3000000000, :type :info, :process 4, :f :txn, :value [[:w 5 1] [:r 5 nil]]}]";
        let timed = read(text).unwrap();
        assert_eq!(
            described(text),
            ["t0: txn[append(x, 1) r(y, null) r(x, [1])]", "4: txn[w(5, 1) r(5, ?)] unknown"]
        );
        assert_eq!(timed.invoked[1], 2.0);
        assert!(timed.completed[1].is_nan());
    }

    #[test]
    fn keys_of_independent_registers() {
        let text = "{:process 0, :type :invoke, :f :read, :value #jepsen.independent.Tuple [7 nil]}
            {:process 0, :type :ok, :f :read, :value #jepsen.independent.Tuple [7 1]}";
        assert_eq!(described(text), ["0: read(7) -> 1"]);
    }

    #[test]
    fn wrong_logs_are_named_by_line_and_column() {
        for (text, place, part) in [
            ("{:process 0 :type :maybe :f :read}", "line 1, column 1", ":invoke, :ok, :fail, :info"),
            ("\n 5", "line 2, column 2", "made of maps"),
            (
                "{:process 0 :type :invoke :f :read}\n{:process 0 :type :invoke :f :read}",
                "line 2",
                "open operation",
            ),
            ("{:type :ok :f :txn :value [[:x 1 2]]}", "column 29", ":r, :w or :append"),
            (
                "{:process 0 :type :invoke :f :read}{:process 0 :type :ok :f :write}",
                "column 36",
                "did not invoke",
            ),
        ] {
            let error = read(text).unwrap_err().to_string();
            assert!(error.contains(place) && error.contains(part), "{text}: {error}");
        }
    }
}
