//! Tables: a row for each reference, fields between delimiters, quoted or not.
use super::error::{Place, TraceError};
use super::hexadecimal::slow_value;
use super::reader::{Format, line_length, trimmed};
use super::stream::{LONGEST_LINE, Unit};
use super::{FETCH, Pieces, READ, References, WRITE};
use crate::sim::Invalid;

/// Which column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Column {
    /// The one of this number, from 0 on.
    Number(usize),
    /// The one under this name.
    Name(String),
}

/// How addresses are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Base {
    /// Hexadecimal where `0x` comes before, else decimal.
    #[default]
    Told,
    /// Decimal.
    Ten,
    /// Hexadecimal, with or without `0x`.
    Sixteen,
}

/// What stands where.
#[derive(Clone, Debug)]
pub struct Table {
    /// Between the fields.
    pub delimiter: u8,
    /// Whether the first line names the columns; None: if it has no address where one should be.
    pub header: Option<bool>,
    /// The addresses.
    pub address: Column,
    /// The kinds of access; without, all read.
    pub kind: Option<Column>,
    /// The sizes in bytes; without, all are 1.
    pub size: Option<Column>,
    /// How addresses are written.
    pub base: Base,
    /// How references are cut.
    pub pieces: Pieces,
}

/// Numbers of the columns that matter.
#[derive(Clone, Copy, Debug)]
struct Places {
    address: usize,
    kind: Option<usize>,
    size: Option<usize>,
}

/// A reader of tables.
#[derive(Clone, Debug)]
pub struct Csv {
    table: Table,
    /// Known once the header is read.
    places: Option<Places>,
    line: u64,
    /// The fields of a row, kept for their memory.
    fields: Vec<(usize, usize)>,
    unquoted: Vec<u8>,
}

const ADDRESS: &str =
    "an address: a decimal integer, or hexadecimal after 0x (or with base=16), up to 64 bits";
const KIND: &str = "a kind of access: r, w, f, read, write, fetch, load, store, l, s, i, or 0, 1, 2";
const SIZE: &str = "a size in bytes: an integer from 0 to 4294967295, within the 64-bit address space";

impl Csv {
    /// A reader of such a table.
    pub fn new(table: Table) -> Result<Self, Invalid> {
        if !table.delimiter.is_ascii() || b"\"\r\n".contains(&table.delimiter) {
            let given = format!("{:?}", char::from(table.delimiter));
            return Err(Invalid::new(
                "delimiter",
                given,
                "one ASCII character, no quote and no end of a line",
            ));
        }
        Ok(Self { table, places: None, line: 0, fields: vec![], unquoted: vec![] })
    }

    fn error(&self, found: &[u8], allowed: &'static str) -> TraceError {
        TraceError::malformed(Place::Line(self.line), found, allowed)
    }

    /// Finds the fields of `row`. What is quoted is kept, without quotes, in a buffer behind the row itself.
    fn split(&mut self, row: &[u8]) -> Result<(), TraceError> {
        self.fields.clear();
        self.unquoted.clear();
        let mut at = 0;
        loop {
            if row.get(at) == Some(&b'"') {
                let start = row.len() + self.unquoted.len();
                at += 1;
                loop {
                    match (row.get(at), row.get(at + 1)) {
                        (None, _) => return Err(self.error(row, "a closing quote on the same line")),
                        (Some(b'"'), Some(b'"')) => at += 1,
                        (Some(b'"'), _) => break,
                        _ => {}
                    }
                    self.unquoted.push(row[at]);
                    at += 1;
                }
                at += 1;
                self.fields.push((start, row.len() + self.unquoted.len()));
                if row.get(at).is_some_and(|it| *it != self.table.delimiter) {
                    return Err(self.error(row, "a delimiter behind the closing quote"));
                }
            } else {
                let rest = &row[at..];
                let length = rest.iter().position(|it| *it == self.table.delimiter).unwrap_or(rest.len());
                self.fields.push((at, at + length));
                at += length;
            }
            if at >= row.len() {
                return Ok(());
            }
            at += 1;
        }
    }

    fn field<'a>(&'a self, row: &'a [u8], number: usize) -> Option<&'a [u8]> {
        let (start, end) = *self.fields.get(number)?;
        let text = if start < row.len() || end <= row.len() {
            &row[start..end]
        } else {
            &self.unquoted[start - row.len()..end - row.len()]
        };
        Some(text.trim_ascii())
    }

    /// Looks the columns up; also says whether this row is a header.
    fn look_up(&self, row: &[u8]) -> Result<(Places, bool), Invalid> {
        let table = &self.table;
        let named = [Some(&table.address), table.kind.as_ref(), table.size.as_ref()];
        let by_name = named.iter().flatten().any(|it| matches!(it, Column::Name(_)));
        let header = table.header.unwrap_or_else(|| {
            let Column::Number(number) = table.address else { return true };
            by_name || self.field(row, number).is_some_and(|it| address(it, table.base).is_none())
        });
        let find = |column: &Column, parameter: &str| match column {
            Column::Number(number) => Ok(*number),
            Column::Name(name) if header => {
                let names = (0..self.fields.len()).map(|at| self.field(row, at).unwrap_or_default());
                let found = names.into_iter().position(|it| it == name.as_bytes());
                found.ok_or_else(|| Invalid::new(parameter, name, "the name of a column in the header"))
            }
            Column::Name(name) => {
                Err(Invalid::new(parameter, name, "a number, where no header names columns"))
            }
        };
        let optional = |it: &Option<Column>, parameter| it.as_ref().map(|it| find(it, parameter)).transpose();
        let address = find(&table.address, "address")?;
        let (kind, size) = (optional(&table.kind, "kind")?, optional(&table.size, "size")?);
        Ok((Places { address, kind, size }, header))
    }

    fn row(&mut self, line: &[u8], out: &mut References) -> Result<(), TraceError> {
        let mut row = trimmed(line);
        if self.line == 1 {
            row = row.strip_prefix(b"\xef\xbb\xbf").unwrap_or(row); // some spreadsheets mark UTF-8 so
        }
        if row.len() > LONGEST_LINE {
            return Err(self.error(row, "a shorter line"));
        }
        if row.trim_ascii().is_empty() {
            return Ok(());
        }
        self.split(row)?;
        let places = match self.places {
            Some(places) => places,
            None => {
                let (places, header) = self.look_up(row)?;
                self.places = Some(places);
                if header {
                    return Ok(());
                }
                places
            }
        };
        let wanted = |number| self.field(row, number).ok_or_else(|| self.error(row, "more fields in a row"));
        let text = wanted(places.address)?;
        let address = address(text, self.table.base).ok_or_else(|| self.error(text, ADDRESS))?;
        let kind = places.kind.map_or(Ok(READ), |it| {
            wanted(it).and_then(|text| kind(text).ok_or_else(|| self.error(text, KIND)))
        })?;
        let size = places.size.map_or(Ok(1), |it| {
            wanted(it).and_then(|text| decimal(text).ok_or_else(|| self.error(text, SIZE)))
        })?;
        let size = u32::try_from(size).map_err(|_| self.error(row, SIZE))?;
        if self.table.pieces.count(address, size) > MOST_PIECES {
            return Err(self.error(row, "a reference of at most 1048576 pages"));
        }
        if self.table.pieces.push(out, address, kind, size) { Ok(()) } else { Err(self.error(row, SIZE)) }
    }
}

/// More pages than these are not touched at once.
const MOST_PIECES: u64 = 1 << 20;

impl Format for Csv {
    type Columns = References;
    const UNIT: Unit = Unit::Line;

    fn parse(&mut self, block: &[u8], out: &mut References, limit: usize) -> Result<usize, TraceError> {
        let mut at = 0;
        while at < block.len() && out.len() < limit {
            self.line += 1;
            let length = line_length(&block[at..]);
            self.row(&block[at..at + length], out)?;
            at += length;
        }
        Ok(at)
    }

    fn place(&self) -> Place {
        Place::Line(self.line)
    }

    fn rows(columns: &References) -> usize {
        columns.len()
    }
}

fn address(text: &[u8], base: Base) -> Option<u64> {
    let marked = text.strip_prefix(b"0x").or_else(|| text.strip_prefix(b"0X"));
    match (base, marked) {
        (Base::Told | Base::Sixteen, Some(digits)) => slow_value(digits),
        (Base::Sixteen, None) => slow_value(text),
        (Base::Told | Base::Ten, None) => decimal(text),
        (Base::Ten, Some(_)) => None,
    }
}

fn decimal(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0u64, |value, digit| {
        let digit = char::from(*digit).to_digit(10)?;
        value.checked_mul(10)?.checked_add(u64::from(digit))
    })
}

fn kind(text: &[u8]) -> Option<u8> {
    let known = [
        (READ, ["r", "read", "l", "load", "0", "rd"]),
        (WRITE, ["w", "write", "s", "store", "1", "wr"]),
        (FETCH, ["f", "fetch", "i", "instruction", "2", "x"]),
    ];
    let same = |words: &[&str; 6]| words.iter().any(|it| text.eq_ignore_ascii_case(it.as_bytes()));
    known.iter().find(|(_, words)| same(words)).map(|(kind, _)| *kind)
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;
    use crate::machines::memory::reference::reader::Reader;
    use crate::machines::memory::reference::stream::Blocks;

    fn table(address: Column) -> Table {
        Table {
            delimiter: b',',
            header: None,
            address,
            kind: None,
            size: None,
            base: Base::Told,
            pieces: Pieces::WHOLE,
        }
    }

    fn read(text: &str, table: Table) -> Result<Vec<(u64, u8, u32)>, String> {
        let blocks = Blocks::inline(Box::new(Cursor::new(text.to_owned().into_bytes())), Unit::Line).unwrap();
        let all = Reader::new(Csv::new(table).unwrap(), blocks).all().map_err(|it| it.to_string())?;
        let rows = all.addresses.into_iter().zip(all.kinds).zip(all.sizes);
        Ok(rows.map(|((address, kind), size)| (address, kind, size)).collect())
    }

    fn name(name: &str) -> Column {
        Column::Name(name.into())
    }

    #[test]
    fn columns_are_found_by_name_and_by_number() {
        let text =
            "time,addr,\"the kind\",size\r\n1,0x10,\"w\",4\n2, 17 ,Load,8\n\n3,18446744073709551615,2,1\n";
        let mut by_name = table(name("addr"));
        (by_name.kind, by_name.size) = (Some(name("the kind")), Some(name("size")));
        let rows = vec![(16, WRITE, 4), (17, READ, 8), (u64::MAX, FETCH, 1)];
        assert_eq!(read(text, by_name), Ok(rows.clone()));
        let mut by_number = table(Column::Number(1));
        (by_number.kind, by_number.size) = (Some(Column::Number(2)), Some(Column::Number(3)));
        assert_eq!(read(text, by_number.clone()), Ok(rows.clone()));
        let headless = text.split_once('\n').unwrap().1;
        assert_eq!(read(headless, by_number), Ok(rows));
    }

    #[test]
    fn quotes_may_hold_delimiters_and_quotes() {
        let text = "\"a,\"\"b\"\"\";x;\"0x20\"\n";
        let mut it = table(Column::Number(2));
        it.delimiter = b';';
        assert_eq!(read(text, it), Ok(vec![(32, READ, 1)]));
        assert_eq!(read("1,\"\"\n2,\n", table(Column::Number(0))), Ok(vec![(1, READ, 1), (2, READ, 1)]));
    }

    #[test]
    fn bases_are_as_told() {
        let sixteen = Table { base: Base::Sixteen, ..table(Column::Number(0)) };
        assert_eq!(read("ff\n0x10\n", sixteen), Ok(vec![(255, READ, 1), (16, READ, 1)]));
        let ten = Table { base: Base::Ten, header: Some(false), ..table(Column::Number(0)) };
        assert!(read("0x10\n", ten).unwrap_err().starts_with("line 1: expected an address"));
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        let one = || table(Column::Number(0));
        let sized = || Table { size: Some(Column::Number(1)), ..one() };
        let cases = [
            ("1\n2\nx\n", one(), "line 3: expected an address"),
            ("1\n18446744073709551616\n", one(), "line 2: expected an address"),
            ("1\n-1\n", one(), "line 2: expected an address"),
            ("1\n\"2\n", one(), "line 2: expected a closing quote"),
            ("1\n\"2\"3\n", one(), "line 2: expected a delimiter"),
            ("1,2\n1\n", sized(), "line 2: expected more fields"),
            ("1,4294967296\n", sized(), "line 1: expected a size"),
            ("18446744073709551615,2\n", sized(), "line 1: expected a size"),
            ("a,b\n", table(name("c")), "address is c; allowed: the name of a column in the header"),
        ];
        for (text, table, wanted) in cases {
            let error = read(text, table).unwrap_err();
            assert!(error.starts_with(wanted), "{text:?}: {error}");
        }
        let vast = Table { pieces: Pieces::of(Some(0)).unwrap(), ..sized() };
        assert!(read("0,4294967295\n", vast).unwrap_err().contains("at most 1048576 pages"));
        assert!(Csv::new(Table { delimiter: b'"', ..one() }).is_err());
    }
}
