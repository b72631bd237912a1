//! From a history to a run: sessions, keys, and the writes behind every read.
use super::super::history::{Kind, NULL};
use super::super::{Error, Flaw, History, Model};
use super::run::{INITIAL, NONE, Run, UNKNOWN, WRITE};
use crate::sim::Outcome;

/// A run, and what is open in it.
pub(crate) struct Reads<'h> {
    pub run: Run<'h>,
    pub behind: Behind,
}

/// The reads that may have read from several writes, in their order of time.
#[derive(Default)]
pub(crate) struct Behind {
    pub reads: Vec<Ambiguous>,
    /// Lists of operations: writes of one value to one key; [`INITIAL`] first, if that is possible too.
    pub writes: Vec<Vec<u32>>,
}

/// A read that may have read from several writes.
#[derive(Clone, Copy)]
pub(crate) struct Ambiguous {
    pub op: u32,
    /// Which of the lists.
    pub list: u32,
}

impl Behind {
    /// What an ambiguous read may read from, the likeliest first: the youngest write that began before the read
    /// ended, then older ones, then the initial value, then writes that came later.
    pub fn guesses(&self, run: &Run<'_>, read: Ambiguous) -> Vec<u32> {
        let mut guesses = self.writes[read.list as usize].clone();
        let end = run.place[read.op as usize];
        guesses.sort_by_key(|guess| match *guess {
            INITIAL => (1, 0),
            write => {
                let place = run.place[write as usize];
                if place < end { (0, end - place) } else { (2, place) }
            }
        });
        guesses
    }
}

impl<'h> Reads<'h> {
    /// Numbers the operations and finds the write behind every read. The inner error is a read that no write
    /// explains. O(n log n).
    pub fn of(history: &'h History, model: Model) -> Result<Result<Self, Flaw>, Error> {
        if let Some(row) = (0..history.len()).find(|row| !is_register(history.kind[*row])) {
            return Err(Error::UnknownKind {
                row,
                what: history.describe(row),
                spec: model.to_string(),
                kind: history.names.kinds.name(history.kind[row]).clone(),
                allowed: "read and write".to_owned(),
            });
        }
        let mut run = number(history, |row| counts(history, row));
        let behind = match sources(&mut run) {
            Ok(behind) => behind,
            Err(read) => return Ok(Err(out_of_thin_air(history, run.rows[read as usize]))),
        };
        Ok(Ok(Self { run, behind }))
    }
}

fn is_register(kind: Kind) -> bool {
    matches!(kind, Kind::READ | Kind::WRITE)
}

/// Whether a model looks at it: it took effect, or it is a write that may have.
fn counts(history: &History, row: usize) -> bool {
    match history.status[row] {
        Outcome::Ok => true,
        Outcome::Info => history.kind[row] == Kind::WRITE,
        Outcome::Fail => false,
    }
}

/// Small numbers for large ones, in the order of the large ones: (of each element, how many there are).
fn compress(column: &[u32]) -> (Vec<u32>, usize) {
    let largest = column.iter().max().map_or(0, |it| *it as usize);
    if largest > 4 * column.len() {
        let mut distinct = column.to_vec();
        distinct.sort_unstable();
        distinct.dedup();
        let numbers = column.iter().map(|it| distinct.partition_point(|other| other < it) as u32).collect();
        return (numbers, distinct.len());
    }
    let mut number = vec![0; largest + 1];
    column.iter().for_each(|it| number[*it as usize] = 1);
    let mut count = 0;
    for it in &mut number {
        count += *it;
        *it = count - *it;
    }
    (column.iter().map(|it| number[*it as usize]).collect(), count as usize)
}

/// The indices of a column of small numbers by number, and where those of each number begin. Stable.
pub(crate) fn group(column: &[u32], count: usize) -> (Vec<u32>, Vec<u32>) {
    let mut starts = vec![0; count + 1];
    column.iter().for_each(|it| starts[*it as usize + 1] += 1);
    (1..=count).for_each(|i| starts[i] += starts[i - 1]);
    let mut next = starts.clone();
    let mut order = vec![0; column.len()];
    for (index, it) in column.iter().enumerate() {
        order[next[*it as usize] as usize] = index as u32;
        next[*it as usize] += 1;
    }
    (order, starts)
}

/// The run of the rows that count; sources are not known yet.
pub(crate) fn number(history: &History, counts: impl Fn(usize) -> bool) -> Run<'_> {
    let rows: Vec<u32> = (0..history.len() as u32).filter(|row| counts(*row as usize)).collect();
    let process: Vec<u32> = rows.iter().map(|row| history.process[*row as usize]).collect();
    let (sessions, count) = compress(&process);
    let (order, starts) = group(&sessions, count);
    let mut rows: Vec<u32> = order.iter().map(|index| rows[*index as usize]).collect();
    for session in starts.windows(2) {
        let rows = &mut rows[session[0] as usize..session[1] as usize];
        if !rows.is_sorted_by_key(|row| history.invoked[*row as usize]) {
            rows.sort_unstable_by_key(|row| history.invoked[*row as usize]);
        }
    }
    let session = order.iter().map(|index| sessions[*index as usize]).collect();
    let keys: Vec<u32> = rows.iter().map(|row| history.key[*row as usize]).collect();
    let (key, keys) = compress(&keys);
    let is_write = |row: &u32| history.kind[*row as usize] == Kind::WRITE;
    let source = rows.iter().map(|row| if is_write(row) { WRITE } else { UNKNOWN }).collect();
    let place = places(history, &rows);
    let mut run = Run { history, rows, starts, session, key, source, slot: vec![], slots: vec![], place };
    fill_slots(&mut run, keys);
    run
}

fn places(history: &History, rows: &[u32]) -> Vec<u32> {
    let moment = |row: u32| match history.kind[row as usize] {
        Kind::READ | Kind::ACQUIRE => history.completed[row as usize],
        _ => history.invoked[row as usize],
    };
    let moments: Vec<u32> = rows.iter().map(|row| moment(*row)).collect();
    let (mut places, _) = compress(&moments);
    places.iter_mut().for_each(|place| *place += 1);
    places
}

fn fill_slots(run: &mut Run<'_>, keys: usize) {
    let (order, starts) = group(&run.key, keys);
    run.slot = vec![NONE; run.len()];
    run.slots = Vec::with_capacity(keys + 1);
    let mut count = 0;
    for key in starts.windows(2) {
        run.slots.push(count);
        let mut latest = NONE;
        for op in &order[key[0] as usize..key[1] as usize] {
            let op = *op as usize;
            if run.history.kind[run.rows[op] as usize] == Kind::WRITE {
                count += u32::from(run.session[op] != latest);
                latest = run.session[op];
                run.slot[op] = count - 1;
            }
        }
    }
    run.slots.push(count);
}

const READ: u64 = 1 << 31;

/// Fills in the sources of all reads that have one candidate; the error is a read that has none.
pub(crate) fn sources(run: &mut Run<'_>) -> Result<Behind, u32> {
    let (order, starts) = group(&run.key, run.slots.len() - 1);
    let mut behind = Behind::default();
    let mut orphan: Option<u32> = None;
    let mut entries: Vec<u64> = Vec::new();
    for key in starts.windows(2) {
        entries.clear();
        let ops = order[key[0] as usize..key[1] as usize].iter();
        entries.extend(ops.filter(|op| is_register(kind(run, **op))).map(|op| entry(run, *op)));
        entries.sort_unstable();
        for same in entries.chunk_by(|a, b| a >> 32 == b >> 32) {
            let reads = same.partition_point(|it| it & READ == 0);
            let (writes, reads) = same.split_at(reads);
            let initial = same[0] >> 32 == u64::from(NULL);
            explain(run, &mut behind, writes, reads, initial);
            if writes.is_empty() && !initial {
                let first = reads.iter().map(|it| (it & (READ - 1)) as u32);
                orphan = first.chain(orphan).min_by_key(|op| run.place[*op as usize]);
            }
        }
    }
    behind.reads.sort_unstable_by_key(|read| run.place[read.op as usize]);
    orphan.map_or(Ok(behind), Err)
}

fn kind(run: &Run<'_>, op: u32) -> Kind {
    run.history.kind[run.rows[op as usize] as usize]
}

/// Value, whether it is a read, and which operation, in one number. Null and the initial value are one.
fn entry(run: &Run<'_>, op: u32) -> u64 {
    let history = run.history;
    let row = run.rows[op as usize] as usize;
    let write = run.is_write(op);
    let value = if write { history.argument[row] } else { history.result[row] };
    let value = if history.is_initial(value) { NULL } else { value };
    let is_read = if write { 0 } else { READ };
    u64::from(value) << 32 | is_read | u64::from(op)
}

fn explain(run: &mut Run<'_>, behind: &mut Behind, writes: &[u64], reads: &[u64], initial: bool) {
    let only = match (writes, initial) {
        (_, _) if reads.is_empty() => return,
        ([], true) => INITIAL,
        ([write], false) => *write as u32,
        ([], false) => return,
        _ => {
            let list = behind.writes.len() as u32;
            let first = initial.then_some(INITIAL);
            behind.writes.push(first.into_iter().chain(writes.iter().map(|it| *it as u32)).collect());
            behind.reads.extend(reads.iter().map(|it| Ambiguous { op: (it & (READ - 1)) as u32, list }));
            return;
        }
    };
    for read in reads {
        run.source[(read & (READ - 1)) as usize] = only;
    }
}

/// The flaw of a read of a value that no write (that did not fail) wrote to its key.
pub(crate) fn out_of_thin_air(history: &History, read: u32) -> Flaw {
    let (row, key) = (read as usize, history.key[read as usize]);
    let value = history.result[row];
    let who = &history.names.processes[history.process[row] as usize];
    let (key_name, value_name) = (history.show(key), history.show(value));
    let failed = (0..history.len()).find(|other| {
        history.kind[*other] == Kind::WRITE && history.key[*other] == key && history.argument[*other] == value
    });
    match failed {
        Some(write) => Flaw {
            anomaly: "aborted read".to_owned(),
            reason: format!(
                "{who} reads {value_name} from {key_name}, which only {} wrote.",
                history.describe(write)
            ),
            culprits: vec![read, write as u32],
            ..Flaw::default()
        },
        None => Flaw {
            anomaly: "thin-air read".to_owned(),
            reason: format!("{who} reads {value_name} from {key_name}, which nobody wrote."),
            culprits: vec![read],
            ..Flaw::default()
        },
    }
}
