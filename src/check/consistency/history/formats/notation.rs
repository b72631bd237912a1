//! The notation of the notes' figures: one line a client.
//!
//! ```text
//! C1: W(x,1)@[0,3] W(x,2)@[5,8]     write 1 to x between times 0 and 3
//! C2: Rx1 Wx2? Rx7!                 as the figures write it; ? nobody knows, ! failed
//! C3: L(m) R(x,2) U(m)              lock and unlock
//! C4: [R(x,0) W(y,1)]               a transaction
//! C5: enqueue(q,1) dequeue(q)=1     any kind, with its result
//! ```
//!
//! Lines may also be separated by `|`, names may be left out. An operation without an interval occupies
//! `[2i, 2i+1]` where i is its column, or begins one after the operation before it, whichever is later. Registers
//! begin as 0, and `nil` is the initial value.
use super::{Timed, Unreadable, rank};
use crate::check::consistency::history::{Access, Builder, Kind, NULL};
use crate::sim::{Outcome, Value};

/// Reads a history.
pub fn read(text: &str) -> Result<Timed, Unreadable> {
    let mut builder = Builder::default();
    builder.initial(0.into());
    let mut reader = Reader { text, at: 0, builder, invoked: vec![], completed: vec![] };
    let mut lane = 0;
    while reader.skip_between() {
        reader.lane(lane)?;
        lane += 1;
    }
    Ok(Timed { history: reader.builder.finish()?, invoked: reader.invoked, completed: reader.completed })
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    builder: Builder,
    invoked: Vec<f64>,
    completed: Vec<f64>,
}

/// An operation before it has its times.
enum Said {
    Plain { kind: Kind, key: u32, argument: u32, result: u32 },
    Txn(Vec<(u32, Access)>),
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn fault(&self, problem: impl Into<String>) -> Unreadable {
        Unreadable::at(self.text, self.at, problem)
    }

    fn take(&mut self, wanted: char) -> bool {
        let there = self.peek() == Some(wanted);
        self.at += if there { wanted.len_utf8() } else { 0 };
        there
    }

    fn expect(&mut self, wanted: char, why: &str) -> Result<(), Unreadable> {
        self.skip_blank();
        if self.take(wanted) {
            return Ok(());
        }
        let found = self.peek().map_or("the end".to_owned(), |it| format!("`{it}`"));
        Err(self.fault(format!("`{wanted}` {why}, but there is {found}")))
    }

    fn skip_while(&mut self, skip: impl Fn(char) -> bool) {
        self.at += self.rest().find(|c| !skip(c)).unwrap_or(self.rest().len());
    }

    fn skip_blank(&mut self) {
        self.skip_while(|c| c == ' ' || c == '\t' || c == '\r');
        if self.rest().starts_with("//") {
            self.skip_while(|c| c != '\n');
        }
    }

    /// Goes to the next lane; false: there is none.
    fn skip_between(&mut self) -> bool {
        loop {
            self.skip_blank();
            if !self.take('\n') && !self.take('|') {
                return self.peek().is_some();
            }
        }
    }

    fn lane(&mut self, number: usize) -> Result<(), Unreadable> {
        let label = self.label().unwrap_or_else(|| format!("C{}", number + 1));
        let process = self.builder.process(&label);
        let (mut column, mut before) = (0.0, f64::NEG_INFINITY);
        loop {
            self.skip_blank();
            if matches!(self.peek(), None | Some('\n' | '|')) {
                return Ok(());
            }
            let said = self.operation()?;
            let status = match () {
                () if self.take('?') => Outcome::Info,
                () if self.take('!') => Outcome::Fail,
                () => Outcome::Ok,
            };
            let usual = f64::max(2.0 * column, before + 1.0);
            let (invoked, completed) = self.interval(usual)?;
            self.push(process, said, status, invoked, completed);
            before = completed;
            column += 1.0;
        }
    }

    /// `C1:` at the beginning of a lane.
    fn label(&mut self) -> Option<String> {
        let end = self.rest().find(|c: char| !(c.is_alphanumeric() || "_-/.".contains(c)))?;
        let label = &self.rest()[..end];
        if label.is_empty() || !self.rest()[end..].trim_start_matches(' ').starts_with(':') {
            return None;
        }
        self.at += end;
        self.skip_blank();
        self.take(':');
        Some(label.to_owned())
    }

    fn push(&mut self, process: u32, said: Said, status: Outcome, invoked: f64, completed: f64) {
        self.invoked.push(invoked);
        self.completed.push(if status == Outcome::Info { f64::NAN } else { completed });
        let (begin, end) = (rank(invoked), Some(rank(completed)));
        match said {
            Said::Txn(accesses) => self.builder.push_txn(process, accesses, status, begin, end),
            Said::Plain { kind, key, argument, result } => {
                self.builder.push(process, kind, key, argument, result, status, begin, end);
            }
        }
    }

    fn interval(&mut self, usual: f64) -> Result<(f64, f64), Unreadable> {
        if !self.take('@') {
            return Ok((usual, usual + 1.0));
        }
        self.expect('[', "begins an interval, as in @[0,3]")?;
        let begin = self.number()?;
        self.expect(',', "parts the ends of an interval")?;
        let end = self.number()?;
        self.expect(']', "ends an interval")?;
        Ok((begin, end))
    }

    fn number(&mut self) -> Result<f64, Unreadable> {
        self.skip_blank();
        let begin = self.at;
        self.skip_while(|c| c.is_ascii_digit() || "+-.e".contains(c));
        let number = self.text[begin..self.at].parse().ok().filter(|it: &f64| it.is_finite());
        number.ok_or_else(|| Unreadable::at(self.text, begin, "a time, as in @[0,3]"))
    }

    fn operation(&mut self) -> Result<Said, Unreadable> {
        if self.take('[') {
            return self.transaction();
        }
        let (kind, key, value, result) = self.call()?;
        Ok(match kind {
            Kind::READ => Said::Plain { kind, key, argument: NULL, result: result.or(value).unwrap_or(NULL) },
            _ => {
                let argument = value.unwrap_or(NULL);
                Said::Plain { kind, key, argument, result: result.unwrap_or(NULL) }
            }
        })
    }

    fn transaction(&mut self) -> Result<Said, Unreadable> {
        let mut accesses = Vec::new();
        loop {
            self.skip_blank();
            if self.take(']') {
                return Ok(Said::Txn(accesses));
            }
            let begin = self.at;
            let (kind, key, value, result) = self.call()?;
            let access = match (kind, result.or(value)) {
                (Kind::READ, None) => Access::ReadUnknown,
                (Kind::READ, Some(value)) => match self.builder.value_of(value).clone() {
                    Value::List(items) => {
                        let items: Vec<u32> = items.iter().map(|it| self.builder.value(it.clone())).collect();
                        Access::ReadList(self.builder.list(items))
                    }
                    _ => Access::Read(value),
                },
                (Kind::WRITE, Some(value)) => Access::Write(value),
                (Kind::APPEND, Some(value)) => Access::Append(value),
                _ => {
                    let problem =
                        "in a transaction there are reads, writes and appends: [R(x,0) W(y,1) append(z,2)]";
                    return Err(Unreadable::at(self.text, begin, problem));
                }
            };
            accesses.push((key, access));
        }
    }

    /// `W(x,1)`, `dequeue(q)=1`, or `Wx1`: kind, key, value and result.
    fn call(&mut self) -> Result<(Kind, u32, Option<u32>, Option<u32>), Unreadable> {
        let begin = self.at;
        self.skip_while(|c| c.is_alphanumeric() || c == '_');
        let word = &self.text[begin..self.at];
        if word.is_empty() {
            return Err(self.fault("an operation, as in W(x,1) or R(x,0)"));
        }
        if !self.take('(') {
            return self.terse(begin, word);
        }
        let kind = self.builder.kind(word);
        let mut given = Vec::new();
        while !self.take(')') {
            if !given.is_empty() {
                self.expect(',', "parts what is given")?;
            }
            given.push(self.value()?);
            self.skip_blank();
            if self.peek().is_none() {
                return Err(Unreadable::at(
                    self.text,
                    begin,
                    "an operation that is not closed: `)` is missing",
                ));
            }
        }
        let result = if self.take('=') { Some(self.value_number()?) } else { None };
        let mut numbers: Vec<u32> = given.into_iter().map(|it| self.builder.value(it)).collect();
        let key = if numbers.is_empty() { NULL } else { numbers.remove(0) };
        let value = match numbers.as_slice() {
            [] => None,
            [one] => Some(*one),
            several => {
                let list = several.iter().map(|it| self.builder.value_of(*it).clone()).collect();
                Some(self.builder.value(list))
            }
        };
        Ok((kind, key, value, result))
    }

    /// `Wx1`, `Rx0`: as the notes' figures write it.
    fn terse(
        &mut self,
        begin: usize,
        word: &str,
    ) -> Result<(Kind, u32, Option<u32>, Option<u32>), Unreadable> {
        let problem = "an operation, as in W(x,1), R(x,0), Wx1 or Rx0";
        let fault = || Unreadable::at(self.text, begin, problem);
        let (function, rest) = word.split_at_checked(1).ok_or_else(fault)?;
        let digits = rest.find(|c: char| c.is_ascii_digit()).ok_or_else(fault)?;
        let (key, value) = rest.split_at(digits);
        let value: i64 = value.parse().map_err(|_| fault())?;
        if key.is_empty() || !matches!(function, "W" | "w" | "R" | "r") {
            return Err(fault());
        }
        let kind = self.builder.kind(function);
        let (key, value) = (self.builder.value(key.into()), self.builder.value(value.into()));
        Ok((kind, key, Some(value), None))
    }

    fn value_number(&mut self) -> Result<u32, Unreadable> {
        let value = self.value()?;
        Ok(self.builder.value(value))
    }

    fn value(&mut self) -> Result<Value, Unreadable> {
        self.skip_blank();
        if self.take('[') {
            let mut items = Vec::new();
            loop {
                self.skip_while(|c| c == ' ' || c == ',');
                if self.take(']') {
                    return Ok(items.into_iter().collect());
                }
                items.push(self.value()?);
            }
        }
        let begin = self.at;
        self.skip_while(|c| c.is_alphanumeric() || "_-.".contains(c));
        Ok(match &self.text[begin..self.at] {
            "" => return Err(self.fault("a value: a number, a word, nil, true, false or [1 2 3]")),
            "nil" | "null" | "None" | "-" => Value::Null,
            "true" => true.into(),
            "false" => false.into(),
            word => word.parse().map_or_else(|_| Value::from(word), Value::Int),
        })
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
    fn lines_bars_names_and_the_terse_form() {
        let wanted = ["C1: write(x, 1)", "C1: write(x, 2)", "C2: read(x) -> 2"];
        assert_eq!(described("C1: W(x,1) W(x,2)\nC2: R(x,2)"), wanted);
        assert_eq!(described("w(x,1) w(x,2) | r(x, 2)"), wanted);
        assert_eq!(described("\n  C1: Wx1 Wx2 \n\n C2 : Rx2 // stale?\n"), wanted);
        assert_eq!(
            described("bob: W(x,1)? | R(x,nil) W(y,a)!"),
            ["bob: write(x, 1) unknown", "C2: read(x) -> null", "C2: write(y, a) failed"]
        );
    }

    #[test]
    fn transactions_lists_and_other_kinds() {
        assert_eq!(
            described("[R(x,0) W(y,1)] [append(z,2) R(z,[1 2])]"),
            ["C1: txn[r(x, 0) w(y, 1)]", "C1: txn[append(z, 2) r(z, [1, 2])]"]
        );
        assert_eq!(
            described("L(m) enq(q,1) deq(q)=1 cas(x,1,2)=true U(m)"),
            [
                "C1: acquire(m)",
                "C1: enqueue(q, 1)",
                "C1: dequeue(q) -> 1",
                "C1: cas(x, [1, 2]) -> true",
                "C1: release(m)"
            ]
        );
    }

    #[test]
    fn intervals_and_columns() {
        let timed = read("a: W(x,1)@[0,9.5] W(x,2)\nb: R(x,1)@[-1, 3] R(x,2)@[3,4]").unwrap();
        assert_eq!(timed.invoked, [0.0, 10.5, -1.0, 3.0]);
        assert_eq!(timed.completed, [9.5, 11.5, 3.0, 4.0]);
        let usual = read("Wx1 Wx2 | Rx1 Rx2").unwrap();
        assert_eq!(usual.invoked, [0.0, 2.0, 0.0, 2.0]);
    }

    #[test]
    fn wrong_text_is_named_by_line_and_column() {
        for (text, place) in [
            ("W(x,1", "line 1, column 1"),
            ("C1: W(x,1)\nC2: frob", "line 2, column 5"),
            ("W(x,1)@[0;3]", "line 1, column 10"),
            ("W(x,1)@[0,x]", "line 1, column 11"),
            ("[L(x)]", "line 1, column 2"),
            ("W(x,,1)", "line 1, column 5"),
            ("W(x,[1", "line 1, column 7"),
            (";", "line 1, column 1"),
        ] {
            let error = read(text).unwrap_err().to_string();
            assert!(error.contains(place), "{text}: {error}");
        }
        let error = read("W(x,1)@[0,4] W(x,2)@[3,5]").unwrap_err();
        assert!(error.to_string().contains("still open"), "{error}");
    }
}
