//! libCacheSim's `oracleGeneral` traces: records of 24 bytes, little-endian, one for each request.
//!
//! | bytes | what |
//! |---|---|
//! | 0..4 | when, in seconds (`u32`) |
//! | 4..12 | which object (`u64`) |
//! | 12..16 | how large it is, in bytes (`u32`) |
//! | 16..24 | the number of the next request for the same object (`i64`); -1 or the largest: there is none |
//!
//! Requests are numbered from 1 on; an offline policy learns from the last column what comes next.
use super::error::{Place, TraceError};
use super::reader::Format;
use super::stream::Unit;
use crate::machines::memory::paging::optimal::next_uses;
use crate::sim::Invalid;

/// The size of a record.
pub const RECORD: usize = 24;
/// The next request of an object that is never asked for again.
pub const NEVER: i64 = -1;
/// The next request where nobody looked for it.
const UNKNOWN: i64 = -2;
/// No trace has so many requests: what claims it is text, or packed in another way.
const FARTHEST: i64 = 1 << 56;

/// Requests, column by column.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Requests {
    /// When, in seconds.
    pub times: Vec<u32>,
    /// Which objects.
    pub objects: Vec<u64>,
    /// How large they are, in bytes.
    pub sizes: Vec<u32>,
    /// The numbers of the next requests for the same objects, [`NEVER`] for none.
    pub next: Vec<i64>,
}

/// A reader of `oracleGeneral`.
#[derive(Clone, Copy, Debug, Default)]
pub struct OracleGeneral {
    record: u64,
}

fn at<const N: usize>(record: &[u8], from: usize) -> [u8; N] {
    *record[from..].first_chunk().expect("a record has 24 bytes")
}

impl Format for OracleGeneral {
    type Columns = Requests;
    const UNIT: Unit = Unit::Record(RECORD);

    fn parse(&mut self, block: &[u8], out: &mut Requests, limit: usize) -> Result<usize, TraceError> {
        let (records, rest) = block.as_chunks::<RECORD>();
        let most = records.len().min(limit - out.objects.len());
        for record in &records[..most] {
            out.times.push(u32::from_le_bytes(at(record, 0)));
            out.objects.push(u64::from_le_bytes(at(record, 4)));
            out.sizes.push(u32::from_le_bytes(at(record, 12)));
            let next = i64::from_le_bytes(at(record, 16));
            out.next.push(if next == i64::MAX { NEVER } else { next });
            self.record += 1;
            let text = next >= FARTHEST && next != i64::MAX;
            if next < UNKNOWN || text || (0..=self.record as i64).contains(&next) {
                let allowed = "a next request that comes later, -1 or -2 (is this an oracleGeneral trace?)";
                let found = format!("next request {next}");
                return Err(TraceError::malformed(self.place(), found.as_bytes(), allowed));
            }
        }
        if most == records.len() && !rest.is_empty() {
            return Err(TraceError::Truncated { place: self.place() });
        }
        Ok(most * RECORD)
    }

    fn place(&self) -> Place {
        Place::Record(self.record)
    }

    fn rows(columns: &Requests) -> usize {
        columns.objects.len()
    }
}

/// Of each request the number of the next for the same object, from 1 on; [`NEVER`] if there is none.
pub fn next_requests(objects: &[u64]) -> Result<Vec<i64>, Invalid> {
    if objects.len() >= u32::MAX as usize {
        return Err(Invalid::new("objects", format!("{} of them", objects.len()), "fewer than 4294967295"));
    }
    let next = next_uses(objects, 0, &mut || true).expect("nobody interrupts it");
    Ok(next.into_iter().map(|it| if it == u32::MAX { NEVER } else { i64::from(it) + 1 }).collect())
}

/// The bytes of requests.
pub fn write(requests: &Requests) -> Vec<u8> {
    let Requests { times, objects, sizes, next } = requests;
    let mut bytes = Vec::with_capacity(objects.len() * RECORD);
    for (((time, object), size), next) in times.iter().zip(objects).zip(sizes).zip(next) {
        bytes.extend_from_slice(&time.to_le_bytes());
        bytes.extend_from_slice(&object.to_le_bytes());
        bytes.extend_from_slice(&size.to_le_bytes());
        bytes.extend_from_slice(&next.to_le_bytes());
    }
    bytes
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;
    use crate::machines::memory::reference::reader::Reader;
    use crate::machines::memory::reference::stream::Blocks;

    fn read(bytes: Vec<u8>) -> Result<Requests, TraceError> {
        Reader::new(
            OracleGeneral::default(),
            Blocks::inline(Box::new(Cursor::new(bytes)), OracleGeneral::UNIT).unwrap(),
        )
        .all()
    }

    #[test]
    fn what_is_written_is_read_again_plain_and_compressed() {
        let objects: Vec<u64> = (0..100_000).map(|it| it * it % 999 + (1 << 63)).collect();
        let next = next_requests(&objects).unwrap();
        let times = (0..100_000).map(|at| at / 10).collect();
        let bytes =
            write(&Requests { times, objects: objects.clone(), sizes: vec![7; 100_000], next: next.clone() });
        assert_eq!(bytes.len(), 2_400_000);
        let back = read(bytes.clone()).unwrap();
        assert!(back.objects == objects && back.next == next && back.times[55] == 5 && back.sizes[9] == 7);
        assert_eq!(read(zstd::encode_all(&bytes[..], 1).unwrap()).unwrap(), back);
        let cut = read(bytes[..2_399_990].to_vec()).unwrap_err();
        assert_eq!(cut.to_string(), "the trace ends in the middle, after record 99999");
    }

    #[test]
    fn next_requests_are_those_a_person_would_count() {
        assert_eq!(next_requests(&[5, 6, 5, 5, 7]).unwrap(), [3, NEVER, 4, NEVER, NEVER]);
        assert!(next_requests(&[]).unwrap().is_empty());
    }

    #[test]
    fn other_files_are_told_apart() {
        let error = read("I  0401ab70,3\n".repeat(24).into_bytes()).unwrap_err().to_string();
        assert!(error.contains("is this an oracleGeneral trace?"), "{error}");
        let bytes = |next: &[i64]| {
            let count = next.len();
            write(&Requests {
                times: vec![0; count],
                objects: vec![5; count],
                sizes: vec![1; count],
                next: next.to_vec(),
            })
        };
        assert!(
            read(bytes(&[2, 2])).unwrap_err().to_string().starts_with("record 2: expected a next request")
        );
        assert_eq!(read(bytes(&[i64::MAX])).unwrap().next, [NEVER]);
    }
}
