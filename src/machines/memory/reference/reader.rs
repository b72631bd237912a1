//! The loop of all readers: blocks in, columns out, a piece at a time.
use std::io;
use std::time::Duration;

use super::error::{Place, TraceError};
use super::stream::{Blocks, Next, Unit};

/// A format of traces.
pub trait Format {
    /// What is read.
    type Columns: Default;
    /// Where its blocks end.
    const UNIT: Unit;
    /// Reads from the front of `block` until it is used up or there are `limit` rows (or a few more: what
    /// stands on one line is not torn apart). Says how many bytes it read.
    fn parse(&mut self, block: &[u8], out: &mut Self::Columns, limit: usize) -> Result<usize, TraceError>;
    /// Where it stands.
    fn place(&self) -> Place;
    /// How many rows there are.
    fn rows(columns: &Self::Columns) -> usize;
}

/// What came of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// There may be more.
    More,
    /// There are as many rows as were wanted, or a few more.
    Full,
    /// The trace is at its end.
    End,
}

/// A trace that is being read.
pub struct Reader<F> {
    format: F,
    blocks: Blocks,
    block: Vec<u8>,
    /// How much of the block is read.
    read: usize,
}

impl<F: Format> Reader<F> {
    /// Reads what `blocks` gives.
    pub fn new(format: F, blocks: Blocks) -> Self {
        Self { format, blocks, block: vec![], read: 0 }
    }

    /// The format, with what it counted.
    pub fn format(&self) -> &F {
        &self.format
    }

    /// Reads a part: at most a block, at most until there are `limit` rows; waits at most `patience` for it.
    pub fn step(
        &mut self,
        out: &mut F::Columns,
        limit: usize,
        patience: Duration,
    ) -> Result<Step, TraceError> {
        if F::rows(out) >= limit {
            return Ok(Step::Full);
        }
        if self.read == self.block.len() {
            let place = self.format.place();
            let compressed = self.blocks.compressed();
            let wrong = |error: io::Error| TraceError::reading(error, place, compressed);
            self.blocks.recycle(std::mem::take(&mut self.block));
            self.read = 0;
            match self.blocks.next(patience).map_err(wrong)? {
                Next::Block(block) => self.block = block,
                Next::Waiting => return Ok(Step::More),
                Next::End => return Ok(Step::End),
            }
        }
        self.read += self.format.parse(&self.block[self.read..], out, limit)?;
        Ok(if F::rows(out) >= limit { Step::Full } else { Step::More })
    }

    /// Reads all.
    pub fn all(&mut self) -> Result<F::Columns, TraceError> {
        let mut out = F::Columns::default();
        while self.step(&mut out, usize::MAX, Duration::from_secs(1))? != Step::End {}
        Ok(out)
    }
}

/// Without the end of its line.
pub(super) fn trimmed(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// How long the first line of `block` is, with its line feed.
pub(super) fn line_length(block: &[u8]) -> usize {
    block.iter().position(|it| *it == b'\n').map_or(block.len(), |at| at + 1)
}
