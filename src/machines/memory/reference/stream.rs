//! Where the bytes of a trace come from: plain, gzip or zstd (told by their first bytes, not by a name), in
//! blocks that end where a line or a record ends, read and decompressed ahead by a thread of its own.
//!
//! Memory is bounded by a few blocks, whatever the size of the trace. What is read does not depend on who
//! reads it: the thread only does earlier what would be done anyway.
use std::fs::{self, File};
use std::io::{self, Chain, Cursor, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

/// How many bytes are asked for at once.
const BLOCK: usize = 1 << 20;
/// How many blocks are read ahead at most.
const AHEAD: usize = 3;
/// A longer line would end the bounds of memory, and is none of any format here.
pub const LONGEST_LINE: usize = 1 << 16;

/// A source of bytes.
pub type Source = Box<dyn Read + Send>;

/// Where a block may end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Behind a line feed.
    Line,
    /// Behind a whole number of records of so many bytes.
    Record(usize),
}

/// How the bytes are packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    /// As they are.
    Plain,
    /// RFC 1952, of one member or several.
    Gzip,
    /// RFC 8878, of one frame or several.
    Zstd,
}

impl Packing {
    /// What begins with these bytes.
    fn of(first: &[u8]) -> Self {
        match first {
            [0x1f, 0x8b, ..] => Self::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Self::Zstd,
            _ => Self::Plain,
        }
    }
}

type Peeked = Chain<Cursor<Vec<u8>>, Source>;

/// The bytes of `source`, unpacked.
fn unpacked(mut source: Source) -> io::Result<(Packing, Source)> {
    let mut first = Vec::with_capacity(4);
    (&mut source).take(4).read_to_end(&mut first)?;
    let packing = Packing::of(&first);
    let whole: Peeked = Cursor::new(first).chain(source);
    let buffered = io::BufReader::with_capacity(1 << 16, whole);
    Ok((
        packing,
        match packing {
            Packing::Plain => Box::new(buffered.into_inner()),
            Packing::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(buffered)),
            Packing::Zstd => Box::new(zstd::stream::read::Decoder::with_buffer(buffered)?),
        },
    ))
}

/// Blocks cut from a source.
struct Cutter {
    source: Source,
    unit: Unit,
    /// What lies behind the last line or record that was whole.
    rest: Vec<u8>,
    ended: bool,
}

impl Cutter {
    /// The next block, in the memory of an old one; None at the end.
    fn next(&mut self, mut block: Vec<u8>) -> io::Result<Option<Vec<u8>>> {
        block.clear();
        block.reserve(BLOCK + LONGEST_LINE);
        block.append(&mut self.rest);
        while !self.ended {
            let wanted = BLOCK.saturating_sub(block.len()).max(BLOCK / 2);
            let got = (&mut self.source).take(wanted as u64).read_to_end(&mut block)?;
            self.ended = got < wanted;
            let end = match self.unit {
                Unit::Line => block.iter().rposition(|it| *it == b'\n').map_or(0, |at| at + 1),
                Unit::Record(size) => block.len() - block.len() % size,
            };
            if self.ended {
                break; // a last line needs no line feed
            }
            if block.len() - end > LONGEST_LINE {
                // Handed on as it is: whoever reads it says where it stands.
                self.ended = true;
                break;
            }
            if end > 0 {
                self.rest.extend_from_slice(&block[end..]);
                block.truncate(end);
                break;
            }
        }
        Ok(if block.is_empty() { None } else { Some(block) })
    }
}

/// What came of waiting for a block.
#[derive(Debug)]
pub enum Next {
    /// The next block.
    Block(Vec<u8>),
    /// Nothing yet.
    Waiting,
    /// There are no more.
    End,
}

/// Blocks of whole lines or records.
pub struct Blocks {
    packing: Packing,
    from: From,
}

enum From {
    Here(Cutter),
    Thread { blocks: Receiver<io::Result<Vec<u8>>>, used: SyncSender<Vec<u8>> },
}

impl Blocks {
    /// The blocks of `source`, read when they are asked for.
    pub fn inline(source: Source, unit: Unit) -> io::Result<Self> {
        let (packing, source) = unpacked(source)?;
        Ok(Self { packing, from: From::Here(Cutter { source, unit, rest: vec![], ended: false }) })
    }

    /// The blocks of `source`, read ahead by a thread. It ends with the source or with what is returned here.
    pub fn ahead(source: Source, unit: Unit) -> io::Result<Self> {
        let (packing, source) = unpacked(source)?;
        let mut cutter = Cutter { source, unit, rest: vec![], ended: false };
        let (send, blocks) = sync_channel(AHEAD);
        let (used, reuse) = sync_channel::<Vec<u8>>(2 * AHEAD);
        let work = move || {
            loop {
                let block = cutter.next(reuse.try_recv().unwrap_or_default()).transpose();
                let Some(block) = block else { return };
                let last = block.is_err();
                if send.send(block).is_err() || last {
                    return;
                }
            }
        };
        thread::Builder::new().name("distlab-trace".into()).spawn(work)?;
        Ok(Self { packing, from: From::Thread { blocks, used } })
    }

    /// Whether what is read was compressed.
    pub fn compressed(&self) -> bool {
        self.packing != Packing::Plain
    }

    /// The next block, or word that there is none yet after `patience`.
    pub fn next(&mut self, patience: Duration) -> io::Result<Next> {
        match &mut self.from {
            From::Here(cutter) => Ok(cutter.next(vec![])?.map_or(Next::End, Next::Block)),
            From::Thread { blocks, .. } => match blocks.recv_timeout(patience) {
                Ok(block) => block.map(Next::Block),
                Err(RecvTimeoutError::Timeout) => Ok(Next::Waiting),
                Err(RecvTimeoutError::Disconnected) => Ok(Next::End),
            },
        }
    }

    /// Hands back a block whose memory can be used again.
    pub fn recycle(&self, block: Vec<u8>) {
        if let From::Thread { used, .. } = &self.from {
            // Where there are enough of them it is simply dropped.
            let _ = used.try_send(block);
        }
    }
}

/// A file that is being written, packed; it has its name only once it is whole.
pub struct Sink {
    packed: Packed,
    part: PathBuf,
    path: PathBuf,
}

enum Packed {
    Plain(File),
    Gzip(flate2::write::GzEncoder<File>),
    Zstd(zstd::stream::write::Encoder<'static, File>),
}

impl Sink {
    /// A file at `path`; the packer works as hard as `level` says.
    pub fn create(path: &Path, packing: Packing, level: i32) -> io::Result<Self> {
        let mut part = path.to_path_buf().into_os_string();
        part.push(".part");
        let part = PathBuf::from(part);
        let file = File::create(&part)?;
        let packed = match packing {
            Packing::Plain => Packed::Plain(file),
            Packing::Gzip => {
                let level = flate2::Compression::new(level.clamp(0, 9) as u32);
                Packed::Gzip(flate2::write::GzEncoder::new(file, level))
            }
            Packing::Zstd => Packed::Zstd(zstd::stream::write::Encoder::new(file, level)?),
        };
        Ok(Self { packed, part, path: path.to_path_buf() })
    }

    /// More bytes.
    pub fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.packed {
            Packed::Plain(to) => to.write_all(bytes),
            Packed::Gzip(to) => to.write_all(bytes),
            Packed::Zstd(to) => to.write_all(bytes),
        }
    }

    /// Ends it, and gives it its name.
    pub fn finish(self) -> io::Result<()> {
        match self.packed {
            Packed::Plain(mut to) => to.flush()?,
            Packed::Gzip(to) => drop(to.finish()?),
            Packed::Zstd(to) => drop(to.finish()?),
        }
        fs::rename(self.part, self.path)
    }

    /// Gives it up.
    pub fn abandon(self) {
        drop(self.packed);
        // It was not wanted any more; if it stays, it stays under a name that says so.
        let _ = fs::remove_file(self.part);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut to = flate2::write::GzEncoder::new(vec![], flate2::Compression::fast());
        to.write_all(bytes).unwrap();
        to.finish().unwrap()
    }

    fn zstd(bytes: &[u8]) -> Vec<u8> {
        zstd::encode_all(bytes, 1).unwrap()
    }

    /// A source that gives a few bytes at a time, as a pipe may.
    struct Dripping(Cursor<Vec<u8>>, usize);
    impl Read for Dripping {
        fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
            self.1 = self.1 * 31 % 8191 + 1;
            let most = self.1.min(to.len());
            self.0.read(&mut to[..most])
        }
    }

    fn blocks(bytes: Vec<u8>, unit: Unit, ahead: bool) -> io::Result<Vec<Vec<u8>>> {
        let source = Box::new(Dripping(Cursor::new(bytes), 1));
        let mut from = if ahead { Blocks::ahead(source, unit) } else { Blocks::inline(source, unit) }?;
        let mut all = vec![];
        loop {
            match from.next(Duration::from_secs(60))? {
                Next::Block(block) => all.push(block),
                Next::Waiting => {}
                Next::End => return Ok(all),
            }
        }
    }

    fn lines(count: usize) -> Vec<u8> {
        (0..count).flat_map(|at| format!("{:>1$}\n", at, 1 + at % 97).into_bytes()).collect()
    }

    #[test]
    fn every_packing_gives_the_same_bytes_in_whole_lines() {
        let text = lines(80_000);
        assert!(text.len() > 3 * BLOCK);
        let (early, late) = text.split_at(1_234_567);
        let packed = [
            text.clone(),
            gzip(&text),
            zstd(&text),
            [gzip(early), gzip(late)].concat(),
            [zstd(early), vec![0x5a, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3], zstd(late)].concat(),
        ];
        for bytes in packed {
            for ahead in [false, true] {
                let all = blocks(bytes.clone(), Unit::Line, ahead).unwrap();
                assert!(all.len() >= 3 && all.iter().all(|it| it.ends_with(b"\n")));
                assert!(all.concat() == text);
            }
        }
    }

    #[test]
    fn records_stay_whole() {
        let bytes = lines(40_000);
        for block in blocks(bytes.clone(), Unit::Record(24), true).unwrap().split_last().unwrap().1 {
            assert_eq!(block.len() % 24, 0);
        }
        assert!(blocks(bytes.clone(), Unit::Record(24), false).unwrap().concat() == bytes);
    }

    #[test]
    fn nothing_short_and_unended_are_read_as_they_are() {
        for text in ["", "\n", "a", "a\nb", "\u{1f}"] {
            for ahead in [false, true] {
                let all = blocks(text.into(), Unit::Line, ahead).unwrap();
                assert_eq!(all.concat(), text.as_bytes());
            }
        }
    }

    #[test]
    fn compressed_data_cut_anywhere_is_an_error() {
        let text = lines(300);
        for whole in [gzip(&text), zstd(&text)] {
            for length in 4..whole.len() {
                let error = blocks(whole[..length].into(), Unit::Line, length % 2 == 0).unwrap_err();
                assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof, "{length} of {}", whole.len());
            }
        }
    }

    #[test]
    fn endless_line_is_not_collected() {
        let all = blocks(vec![b'x'; 40 * BLOCK], Unit::Line, false).unwrap();
        assert!(all.concat().len() <= 2 * BLOCK);
    }
}
