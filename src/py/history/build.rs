//! From Python's columns to a history.
use numpy::{PyArray1, PyArrayMethods, PyReadonlyArray1};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PySequence, PyString, PyTuple};

use super::{HistoryError, Timed};
use crate::check::consistency::history::formats::rank;
use crate::check::consistency::history::{Access, Builder, Kind, NULL};
use crate::py::value::value_of;
use crate::sim::{Outcome, Value};

/// A column of keys, arguments or results, as numbers of values.
pub(super) struct Column(Vec<u32>);

/// What stands in a row.
struct Rows {
    process: Vec<u32>,
    kind: Vec<Kind>,
    key: Column,
    argument: Column,
    result: Column,
    status: Vec<Outcome>,
    times: Times,
}

struct Times {
    invoked: Vec<f64>,
    completed: Vec<f64>,
    ranks: Vec<(i64, Option<i64>)>,
}

/// A history from equally long columns: `process, kind, key, argument, result, status, invoked, completed`, and
/// of transactions `accesses` (lists of `[function, key, value]`; None for other operations).
pub(super) fn from_columns(
    columns: &Bound<'_, PyDict>,
    initial: &Bound<'_, PyAny>,
    exact_kinds: bool,
) -> PyResult<Timed> {
    let mut builder = Builder::default();
    builder.initial(value_of(initial)?);
    let of = |name: &str| {
        columns.get_item(name)?.ok_or_else(|| HistoryError::new_err((name.to_owned(), "a column", "missing")))
    };
    let process = of("process")?;
    let length = process.len()?;
    let rows = Rows {
        process: processes(&mut builder, &process)?,
        kind: kinds(&mut builder, &of("kind")?, exact_kinds)?,
        key: values(&mut builder, &of("key")?, length)?,
        argument: values(&mut builder, &of("argument")?, length)?,
        result: values(&mut builder, &of("result")?, length)?,
        status: statuses(&of("status")?)?,
        times: times(&of("invoked")?, &of("completed")?)?,
    };
    let accesses = columns.get_item("accesses")?.filter(|it| !it.is_none());
    fill(&mut builder, &rows, accesses.as_ref(), exact_kinds)?;
    let history = builder.finish().map_err(|it| super::unreadable(&it.to_string()))?;
    Ok(Timed { history, invoked: rows.times.invoked, completed: rows.times.completed })
}

fn fill(
    builder: &mut Builder,
    rows: &Rows,
    accesses: Option<&Bound<'_, PyAny>>,
    exact_kinds: bool,
) -> PyResult<()> {
    for row in 0..rows.process.len() {
        let (process, kind, status) = (rows.process[row], rows.kind[row], rows.status[row]);
        let (invoked, completed) = rows.times.ranks[row];
        if kind == Kind::TXN && !exact_kinds {
            let given = accesses.map(|it| it.get_item(row)).transpose()?;
            let complete = status == Outcome::Ok && completed.is_some();
            let accesses = given.map_or(Ok(vec![]), |it| transaction(builder, &it, row, complete))?;
            builder.push_txn(process, accesses, status, invoked, completed);
            continue;
        }
        // A numeric column cannot say null: what a plain read is given and a plain write returns is nothing.
        let argument = if !exact_kinds
            && kind == Kind::READ
            && rows.argument.0[row] != NULL
            && rows.key.0[row] != NULL
        {
            NULL
        } else {
            rows.argument.0[row]
        };
        let result = if !exact_kinds && kind == Kind::WRITE { NULL } else { rows.result.0[row] };
        builder.push(process, kind, rows.key.0[row], argument, result, status, invoked, completed);
    }
    Ok(())
}

fn processes(builder: &mut Builder, column: &Bound<'_, PyAny>) -> PyResult<Vec<u32>> {
    if let Some(numbers) = integers(column) {
        let mut known = Dense::of(&numbers);
        return Ok(numbers.iter().map(|it| known.number(*it, || builder.process(&it.to_string()))).collect());
    }
    let mut found = Vec::with_capacity(column.len()?);
    for item in column.try_iter()? {
        let item = item?;
        found.push(match item.cast::<PyString>() {
            Ok(name) => builder.process(&name.to_string_lossy()),
            Err(_) => builder.process(&item.str()?.to_string_lossy()),
        });
    }
    Ok(found)
}

fn kinds(builder: &mut Builder, column: &Bound<'_, PyAny>, exact: bool) -> PyResult<Vec<Kind>> {
    let mut found = Vec::with_capacity(column.len()?);
    let mut seen: Vec<(String, Kind)> = Vec::new(); // there are few, and looking through few is quick
    for (row, item) in column.try_iter()?.enumerate() {
        let item = item?;
        let name = item.cast::<PyString>().map_err(|_| {
            HistoryError::new_err((
                format!("row {row}: kind"),
                item.clone().unbind(),
                "a string like \"read\"",
            ))
        })?;
        let name = name.to_str()?;
        let kind = seen.iter().find(|(known, _)| known == name).map(|(_, kind)| *kind);
        found.push(kind.unwrap_or_else(|| {
            let kind = if exact { builder.kind_exactly(name) } else { builder.kind(name) };
            seen.push((name.to_owned(), kind));
            kind
        }));
    }
    Ok(found)
}

fn statuses(column: &Bound<'_, PyAny>) -> PyResult<Vec<Outcome>> {
    let codes = integers(column).ok_or_else(|| super::unreadable("the status column holds codes 0, 1, 2"))?;
    let status = |(row, code): (usize, &i64)| match code {
        0 => Ok(Outcome::Ok),
        1 => Ok(Outcome::Fail),
        2 => Ok(Outcome::Info),
        _ => {
            Err(HistoryError::new_err((format!("row {row}: status"), *code, "0 (ok), 1 (fail) or 2 (info)")))
        }
    };
    codes.iter().enumerate().map(status).collect()
}

fn times(invoked: &Bound<'_, PyAny>, completed: &Bound<'_, PyAny>) -> PyResult<Times> {
    if let (Some(begin), Some(end)) = (integers(invoked), integers(completed)) {
        return Ok(Times {
            invoked: begin.iter().map(|it| *it as f64).collect(),
            completed: end.iter().map(|it| *it as f64).collect(),
            ranks: begin.into_iter().zip(end.into_iter().map(Some)).collect(),
        });
    }
    let (begin, end) = (floats(invoked, "invoked")?, floats(completed, "completed")?);
    let mut ranks = Vec::with_capacity(begin.len());
    for (row, (begin, end)) in begin.iter().zip(&end).enumerate() {
        if !begin.is_finite() {
            return Err(HistoryError::new_err((format!("row {row}: invoked"), *begin, "a finite time")));
        }
        ranks.push((rank(*begin), end.is_finite().then(|| rank(*end))));
    }
    Ok(Times { invoked: begin, completed: end, ranks })
}

fn floats(column: &Bound<'_, PyAny>, name: &str) -> PyResult<Vec<f64>> {
    let array: PyReadonlyArray1<'_, f64> = column
        .extract()
        .map_err(|_| super::unreadable(&format!("the column {name} holds times as float64")))?;
    Ok(array.as_array().iter().copied().collect())
}

/// The whole numbers of an array of any integer type.
fn integers(column: &Bound<'_, PyAny>) -> Option<Vec<i64>> {
    fn of<T: numpy::Element + Copy + Into<i64>>(column: &Bound<'_, PyAny>) -> Option<Vec<i64>> {
        let array = column.cast::<PyArray1<T>>().ok()?.try_readonly().ok()?;
        Some(array.as_array().iter().map(|it| (*it).into()).collect())
    }
    of::<i64>(column)
        .or_else(|| of::<i32>(column))
        .or_else(|| of::<u32>(column))
        .or_else(|| of::<u8>(column))
        .or_else(|| of::<i16>(column))
        .or_else(|| of::<u16>(column))
        .or_else(|| of::<i8>(column))
}

/// Numbers for integers: by a table where they lie close together.
struct Dense {
    first: i64,
    numbers: Vec<u32>,
}

impl Dense {
    const UNKNOWN: u32 = u32::MAX;

    fn of(values: &[i64]) -> Self {
        let first = values.iter().copied().min().unwrap_or(0);
        let last = values.iter().copied().max().unwrap_or(0);
        let span = last
            .checked_sub(first)
            .and_then(|it| usize::try_from(it).ok())
            .filter(|it| *it < 4 * values.len() + 1024);
        Self { first, numbers: vec![Self::UNKNOWN; span.map_or(0, |it| it + 1)] }
    }

    fn number(&mut self, value: i64, new: impl FnOnce() -> u32) -> u32 {
        if self.numbers.is_empty() {
            return new();
        }
        let slot = &mut self.numbers[(value - self.first) as usize];
        if *slot == Self::UNKNOWN {
            *slot = new();
        }
        *slot
    }
}

fn values(builder: &mut Builder, column: &Bound<'_, PyAny>, length: usize) -> PyResult<Column> {
    if column.is_none() {
        return Ok(Column(vec![NULL; length]));
    }
    if let Some(numbers) = integers(column) {
        let mut known = Dense::of(&numbers);
        let number = |it: &i64| known.number(*it, || builder.value(Value::Int(*it)));
        return Ok(Column(numbers.iter().map(number).collect()));
    }
    let mut found = Vec::with_capacity(length);
    for item in column.try_iter()? {
        found.push(builder.value(value_of(&item?)?));
    }
    Ok(Column(found))
}

fn transaction(
    builder: &mut Builder,
    given: &Bound<'_, PyAny>,
    row: usize,
    complete: bool,
) -> PyResult<Vec<(u32, Access)>> {
    let mut accesses = Vec::new();
    for item in given.try_iter()? {
        let item = item?;
        let wrong = || {
            let allowed = "[\"r\", key, value], [\"w\", key, value] or [\"append\", key, value]";
            HistoryError::new_err((format!("row {row}: transaction"), item.clone().unbind(), allowed))
        };
        let parts = item.cast::<PySequence>().map_err(|_| wrong())?;
        let (2..=3) = parts.len()? else { return Err(wrong()) };
        let function = parts.get_item(0)?;
        let function = function.cast::<PyString>().map_err(|_| wrong())?.to_string_lossy().into_owned();
        let key = builder.value(value_of(&parts.get_item(1)?)?);
        let value = if parts.len()? == 3 { Some(parts.get_item(2)?) } else { None };
        let access = match (builder.kind(&function), value) {
            (Kind::READ, None) => Access::ReadUnknown,
            (Kind::READ, Some(value)) if value.is_none() && !complete => Access::ReadUnknown,
            (Kind::READ, Some(value))
                if value.is_instance_of::<PyList>() || value.is_instance_of::<PyTuple>() =>
            {
                let mut elements = Vec::new();
                for element in value.try_iter()? {
                    elements.push(builder.value(value_of(&element?)?));
                }
                Access::ReadList(builder.list(elements))
            }
            (Kind::READ, Some(value)) => Access::Read(builder.value(value_of(&value)?)),
            (Kind::WRITE, Some(value)) => Access::Write(builder.value(value_of(&value)?)),
            (Kind::APPEND, Some(value)) => Access::Append(builder.value(value_of(&value)?)),
            _ => return Err(wrong()),
        };
        accesses.push((key, access));
    }
    Ok(accesses)
}

/// A history of transactions from flat arrays: one row a transaction in the first group, one row an access in
/// the second, one row an element of a list that was read in the third.
pub(super) fn from_transactions(columns: &Bound<'_, PyDict>, initial: &Bound<'_, PyAny>) -> PyResult<Timed> {
    let mut builder = Builder::default();
    builder.initial(value_of(initial)?);
    let of = |name: &str| {
        columns.get_item(name)?.ok_or_else(|| HistoryError::new_err((name.to_owned(), "a column", "missing")))
    };
    let numbers = |name: &str| -> PyResult<Vec<i64>> {
        integers(&of(name)?)
            .ok_or_else(|| super::unreadable(&format!("the column {name} holds whole numbers")))
    };
    let process = processes(&mut builder, &of("process")?)?;
    let status = statuses(&of("status")?)?;
    let times = times(&of("invoked")?, &of("completed")?)?;
    let (starts, lists) = (numbers("starts")?, numbers("list_starts")?);
    let function = numbers("function")?;
    let key = values(&mut builder, &of("key")?, function.len())?.0;
    let value = numbers("value")?;
    let elements = values(&mut builder, &of("elements")?, 0)?.0;
    let mut known = Dense::of(&value);
    for row in 0..process.len() {
        let mut accesses = Vec::new();
        for i in span(&starts, row, function.len(), "starts")? {
            let number = value[i];
            let access = match function[i] {
                0 => Access::Read(known.number(number, || builder.value(Value::Int(number)))),
                1 => Access::Write(known.number(number, || builder.value(Value::Int(number)))),
                2 => Access::Append(known.number(number, || builder.value(Value::Int(number)))),
                3 => {
                    let list = usize::try_from(number).unwrap_or(usize::MAX);
                    let span = span(&lists, list, elements.len(), "list_starts")?;
                    Access::ReadList(builder.list(elements[span].iter().copied()))
                }
                4 => Access::Read(NULL),
                5 => Access::ReadUnknown,
                other => {
                    let allowed =
                        "0 (read), 1 (write), 2 (append), 3 (read a list), 4 (read null) or 5 (unknown)";
                    return Err(HistoryError::new_err((format!("function[{i}]"), other, allowed)));
                }
            };
            accesses.push((key[i], access));
        }
        let (invoked, completed) = times.ranks[row];
        builder.push_txn(process[row], accesses, status[row], invoked, completed);
    }
    let history = builder.finish().map_err(|it| super::unreadable(&it.to_string()))?;
    Ok(Timed { history, invoked: times.invoked, completed: times.completed })
}

/// Where the `i`-th piece is, if starts and ends ascend within the length.
fn span(starts: &[i64], i: usize, length: usize, name: &str) -> PyResult<std::ops::Range<usize>> {
    let ends = (starts.get(i), i.checked_add(1).and_then(|next| starts.get(next)));
    match ends {
        (Some(begin), Some(end)) if 0 <= *begin && begin <= end && *end <= length as i64 => {
            Ok(*begin as usize..*end as usize)
        }
        _ => {
            let allowed = format!("ascending offsets, one more than pieces, up to {length}");
            Err(HistoryError::new_err((format!("{name}[{i}]"), starts.get(i).copied(), allowed)))
        }
    }
}
