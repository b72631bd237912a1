//! Which guarantee was broken, in words.
use super::super::reads_from::{INITIAL, Run};
use super::super::{Flaw, Model};

/// A write that a process had to know, and the operations it is known through.
struct Known {
    write: u32,
    through: Vec<u32>,
    words: String,
}

/// The flaw of a read.
pub(super) fn explain(run: &Run<'_>, model: Model, read: u32) -> Flaw {
    let source = run.source[read as usize];
    let older = |known: &Known| {
        let same = source != INITIAL && run.slot[source as usize] == run.slot[known.write as usize];
        source == INITIAL || same && source < known.write
    };
    let earlier = run.starts[run.session[read as usize] as usize]..read;
    let found = match model {
        Model::ReadYourWrites => own(run, read, earlier.rev()).find(older).or_else(|| replaced(run, read)),
        Model::MonotonicReads => seen(run, read, earlier.rev()).find(older),
        Model::MonotonicWrites => before(run, read, (earlier.start..=read).rev()).find(older),
        _ => followed(run, read, (earlier.start..=read).rev()).find(older),
    };
    let Some(known) = found else { return Flaw::default() };
    let returns = match source {
        INITIAL => "returns the initial value".to_owned(),
        write => format!("returns the older {}", run.say(write)),
    };
    let mut ops = vec![read, known.write];
    ops.extend((source != INITIAL).then_some(source));
    ops.extend(known.through);
    let mut culprits: Vec<u32> = Vec::new();
    for op in ops {
        if !culprits.contains(&run.rows[op as usize]) {
            culprits.push(run.rows[op as usize]);
        }
    }
    Flaw {
        anomaly: format!("no {model}"),
        reason: format!("{} {returns}, but {}.", run.say(read), known.words),
        culprits,
        ..Flaw::default()
    }
}

fn same_key(run: &Run<'_>, a: u32, b: u32) -> bool {
    run.key[a as usize] == run.key[b as usize]
}

fn own<'r>(
    run: &'r Run<'_>,
    read: u32,
    ops: impl Iterator<Item = u32> + 'r,
) -> impl Iterator<Item = Known> + 'r {
    ops.filter(move |op| run.is_write(*op) && same_key(run, *op, read)).map(|write| Known {
        write,
        through: vec![],
        words: format!("the process itself did {} before", run.say_short(write)),
    })
}

/// The process had read the source, or a later write of its session, before its own write.
fn replaced(run: &Run<'_>, read: u32) -> Option<Known> {
    let source = run.source_of(read)?;
    if run.session[source as usize] == run.session[read as usize] {
        return None;
    }
    let start = run.starts[run.session[read as usize] as usize];
    let write = (start..read).rev().find(|op| run.is_write(*op) && same_key(run, *op, read))?;
    let later = |seen: u32| run.session[seen as usize] == run.session[source as usize] && seen >= source;
    let knew = (start..write).find(|op| run.source_of(*op).is_some_and(later))?;
    Some(Known {
        write,
        through: [Some(knew), run.source_of(knew)].into_iter().flatten().collect(),
        words: format!(
            "the process itself did {} before, and knew of the older one then: {}",
            run.say_short(write),
            run.say_short(knew)
        ),
    })
}

fn seen<'r>(
    run: &'r Run<'_>,
    read: u32,
    ops: impl Iterator<Item = u32> + 'r,
) -> impl Iterator<Item = Known> + 'r {
    ops.filter(move |op| same_key(run, *op, read)).filter_map(|op| {
        let write = run.source_of(op)?;
        let words = format!("the process had read {} before", run.say(write));
        Some(Known { write, through: vec![op], words })
    })
}

fn before<'r>(
    run: &'r Run<'_>,
    read: u32,
    ops: impl Iterator<Item = u32> + 'r,
) -> impl Iterator<Item = Known> + 'r {
    ops.filter_map(|op| Some((op, run.source_of(op)?))).flat_map(move |(op, later)| {
        let start = run.starts[run.session[later as usize] as usize];
        let writes = (start..later).rev().filter(move |it| run.is_write(*it) && same_key(run, *it, read));
        writes.map(move |write| Known {
            write,
            through: vec![op, later],
            words: format!("it had read {}, before which came {}", run.say(later), run.say_short(write)),
        })
    })
}

fn followed<'r>(
    run: &'r Run<'_>,
    read: u32,
    ops: impl Iterator<Item = u32> + 'r,
) -> impl Iterator<Item = Known> + 'r {
    ops.filter_map(|op| Some((op, run.source_of(op)?))).flat_map(move |(op, later)| {
        let start = run.starts[run.session[later as usize] as usize];
        let reads = (start..later).rev().filter(move |it| same_key(run, *it, read));
        reads.filter_map(move |other| {
            let write = run.source_of(other)?;
            let words =
                format!("it had read {}, whose writer had read {} before", run.say(later), run.say(write));
            Some(Known { write, through: vec![op, later, other], words })
        })
    })
}
