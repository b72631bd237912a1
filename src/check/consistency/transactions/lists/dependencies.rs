//! The links that known versions make: Adya's graph.
use super::super::graph::{Dependency, Links};
use super::versions::Versions;
use crate::check::consistency::history::History;

/// How many links between the readers of the last version of a key and those who overwrote it unseen are made
/// one by one, for each of them.
const FEW: usize = 4;

/// All `wr`, `ww`, `rw` and session links. O(accesses).
///
/// A link to each next version is enough, because later ones are linked from there. What nobody read comes
/// after the last version of its key, in an unknown order: every acyclic graph without that order can be
/// completed by the order of commits, since nobody read any of these versions and so no other link depends on
/// it. (Only snapshot isolation has more to say about them, see [`super::snapshot`].)
pub(super) fn links(history: &History, versions: &Versions) -> Links {
    let mut links = Links::new(versions.committed.len());
    links.links.reserve(2 * history.accesses.key.len() + versions.committed.len());
    for cell in 0..versions.cells() {
        let key = versions.keys[cell];
        let chain = versions.chain(cell);
        for pair in chain.windows(2) {
            links.add(pair[0], pair[1], Dependency::WriteWrite, key);
        }
        if let Some(last) = chain.last() {
            for unread in versions.unread(cell) {
                links.add(*last, *unread, Dependency::WriteWrite, key);
            }
        }
    }
    let mut last_readers: Vec<(u32, u32)> = vec![];
    for reader in 0..links.transactions {
        for (_, cell, version) in versions.reads(history, reader) {
            let (key, chain) = (versions.keys[cell], versions.chain(cell));
            if let Some(writer) = versions.writer(cell, version) {
                links.add(writer, reader, Dependency::WriteRead, key);
            }
            match chain.get(version as usize) {
                Some(next) => links.add(reader, *next, Dependency::ReadWrite, key),
                None if versions.unread(cell).is_empty() => {}
                None => last_readers.push((cell as u32, reader)),
            }
        }
    }
    last_readers.sort_unstable();
    last_readers.dedup();
    for group in last_readers.chunk_by(|one, other| one.0 == other.0) {
        let cell = group[0].0 as usize;
        overwritten_unseen(&mut links, group, versions.unread(cell), versions.keys[cell]);
    }
    links.add_sessions(history, &versions.committed);
    links
}

/// Links all readers of the last version to all who overwrote it unseen, but nobody to itself.
///
/// If there are many of both, through two chains of helpers: one stands for the first `i` of the writers, the
/// other for all from the `i`-th on.
fn overwritten_unseen(links: &mut Links, readers: &[(u32, u32)], writers: &[u32], key: u32) {
    let kind = Dependency::ReadWrite;
    if readers.len().min(writers.len()) <= FEW {
        for (_, reader) in readers {
            writers.iter().for_each(|writer| links.add(*reader, *writer, kind, key));
        }
        return;
    }
    let until: Vec<u32> = writers.iter().map(|_| links.helper()).collect();
    let since: Vec<u32> = writers.iter().map(|_| links.helper()).collect();
    for (i, writer) in writers.iter().enumerate() {
        links.add(until[i], *writer, kind, key);
        links.add(since[i], *writer, kind, key);
        if i > 0 {
            links.add(until[i], until[i - 1], kind, key);
            links.add(since[i - 1], since[i], kind, key);
        }
    }
    for (_, reader) in readers {
        match writers.binary_search(reader) {
            Err(_) => links.add(*reader, since[0], kind, key),
            Ok(i) => {
                if i > 0 {
                    links.add(*reader, until[i - 1], kind, key);
                }
                if i + 1 < writers.len() {
                    links.add(*reader, since[i + 1], kind, key);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readers_reach_all_who_overwrote_unseen_but_not_themselves() {
        let writers: Vec<u32> = (0..20).filter(|it| it % 3 > 0).collect();
        let readers: Vec<(u32, u32)> = (5..25).map(|reader| (0, reader)).collect();
        let mut links = Links::new(25);
        overwritten_unseen(&mut links, &readers, &writers, 1);
        assert!(links.links.len() < readers.len() * writers.len() / 2, "{}", links.links.len());
        for (_, reader) in readers {
            let mut reached = vec![reader];
            let mut next = 0;
            while let Some(from) = reached.get(next).copied() {
                if next == 0 || links.is_helper(from) {
                    reached.extend(links.links.iter().filter(|it| it.from == from).map(|it| it.to));
                }
                next += 1;
            }
            let mut found: Vec<u32> =
                reached[1..].iter().copied().filter(|it| !links.is_helper(*it)).collect();
            found.sort_unstable();
            found.dedup();
            let others: Vec<u32> = writers.iter().copied().filter(|writer| *writer != reader).collect();
            assert_eq!(found, others);
        }
    }
}
